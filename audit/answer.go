package audit

import (
	"fmt"
	"github.com/hallmark-pki/hallmark/durable"
	"os"
	"path/filepath"
	"slices"
)

// Unanswered lists the requirements of the draft's track that have no status yet, in
// the order of the catalogue. The error is a *Refusal: framework or track unknown.
func (d Draft) Unanswered(cat *Catalogue) ([]Requirement, error) {
	var p problems
	track, ok := d.checkFramework(&p, cat)
	if !ok {
		return nil, refuseAll(p)
	}
	var out []Requirement
	for _, r := range track.Requirements {
		if f := d.Finding(r.ID); f.Status == "" {
			out = append(out, r)
		}
	}
	return out, nil
}

// Finding returns what the draft has on a requirement; where there is nothing, an
// empty finding for it.
func (d Draft) Finding(requirement string) DraftFinding {
	i := slices.IndexFunc(d.Findings, func(f DraftFinding) bool { return f.Requirement == requirement })
	if i < 0 {
		return DraftFinding{Requirement: requirement}
	}
	return d.Findings[i]
}

// CheckEvidence says what Check would say about one piece of evidence of a draft in
// that folder. Fields are named from the evidence on.
func CheckEvidence(folder string, e DraftEvidence) ([]Problem, error) {
	return checkAnswer(folder, func(d Draft, p *problems) {
		validateEvidence(p, "evidence[0]", d.Findings[0].Evidence[0].descriptor())
	}, DraftFinding{Evidence: []DraftEvidence{e}})
}

// CheckAnswer says what Check would say about an answer to r in a draft in that
// folder. Fields are named from the finding on.
func CheckAnswer(folder string, r Requirement, f DraftFinding) ([]Problem, error) {
	return checkAnswer(folder, func(d Draft, p *problems) {
		d.Findings[0].finding().validate(p, "finding", r)
	}, f)
}

func checkAnswer(folder string, validate func(Draft, *problems), f DraftFinding) ([]Problem, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("check answer: %w", err)
	}
	defer root.Close()
	d := Draft{Findings: []DraftFinding{f}}.Resolve(root.FS())
	if len(d.unread) > 0 {
		return d.unread, nil
	}
	var p problems
	validate(d, &p)
	return p, nil
}

// WriteAnswer puts a finding into the draft file, durably, and leaves everything else
// in it alone, comments included. What Check would refuse is a *Refusal, and nothing
// is written; of two equal answers the second changes nothing. The file is read anew
// each time, so that an editor may have it open too: what was saved there before is
// kept. When it returns an error after all, the file is whole, old or new.
func WriteAnswer(name string, cat *Catalogue, f DraftFinding) error {
	info, err := os.Lstat(name)
	if err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("write answer: %s is not a regular file", name)
	}
	raw, err := readFile(os.DirFS(filepath.Dir(name)), filepath.Base(name), maxDraftBytes)
	if err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	s, err := parseSheet(raw)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := s.draft.accepts(filepath.Dir(name), cat, f); err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	out, err := s.answered(f)
	if err != nil || slices.Equal(raw, out) {
		return err
	}
	if len(out) > maxDraftBytes {
		return fmt.Errorf("write answer: %w", refuse(CodeFormat, "", "the draft would have %d bytes, at most %d", len(out), maxDraftBytes))
	}
	return durable.WriteFile(name, out, info.Mode().Perm())
}

// accepts refuses an answer that Check would refuse in this draft.
func (d Draft) accepts(folder string, cat *Catalogue, f DraftFinding) error {
	var p problems
	track, ok := d.checkFramework(&p, cat)
	if !ok {
		return refuseAll(p)
	}
	r, ok := track.Requirement(f.Requirement)
	if !ok {
		return refuse(CodeFinding, "requirement", "track %s has no requirement %q", track.ID, clip(f.Requirement))
	}
	wrong, err := CheckAnswer(folder, r, f)
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		return refuseAll(wrong)
	}
	return nil
}
