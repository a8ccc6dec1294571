package audit

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/hallmark-pki/hallmark/durable"
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
		if findingOf(d.Findings, r.ID).Status == "" {
			out = append(out, r)
		}
	}
	return out, nil
}

// Finding returns what the draft has on a requirement, as it stands in the file; where
// there is nothing, an empty finding for it.
func (d Draft) Finding(requirement string) DraftFinding {
	if d.resolved {
		return findingOf(d.written, requirement)
	}
	return findingOf(d.Findings, requirement)
}

func findingOf(list []DraftFinding, requirement string) DraftFinding {
	i := slices.IndexFunc(list, func(f DraftFinding) bool { return f.Requirement == requirement })
	if i < 0 {
		return DraftFinding{Requirement: requirement}
	}
	return list[i]
}

// CheckEvidence says what Check would say about one piece of evidence of a draft in
// that folder. Fields are named from the evidence on.
func CheckEvidence(folder string, e DraftEvidence) ([]Problem, error) {
	return Draft{}.checkAnswer(folder, DraftFinding{Evidence: []DraftEvidence{e}}, validateAllEvidence)
}

// validateAllEvidence checks the evidence of a finding and nothing else of it.
func validateAllEvidence(p *problems, f Finding) {
	if len(f.Evidence) > maxEvidence {
		p.add(CodeEvidence, "evidence", "more than %d", maxEvidence)
		return
	}
	for i, e := range f.Evidence {
		validateEvidence(p, fmt.Sprintf("evidence[%d]", i), e)
	}
}

// checkAnswer says what is wrong with a finding of a draft in that folder. Of what the
// draft shares, only what the finding refers to is read.
func (d Draft) checkAnswer(folder string, f DraftFinding, validate func(*problems, Finding)) ([]Problem, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("check answer: %w", err)
	}
	defer root.Close()
	files := root.FS()
	one := Draft{Findings: []DraftFinding{f}, resolved: true}
	if slices.ContainsFunc(f.Evidence, func(e DraftEvidence) bool { return e.Ref != "" }) {
		one.Include, one.Evidence = d.Include, d.Evidence
		one.include(files)
		shared := one.Evidence
		one.Evidence = map[string]DraftEvidence{}
		for _, e := range f.Evidence {
			if entry, ok := shared[e.Ref]; ok {
				one.digest(files, "evidence."+e.Ref, &entry)
				one.Evidence[e.Ref] = entry
			}
		}
	}
	one.resolveFindings(files)
	if len(one.unread) > 0 {
		return one.unread, nil
	}
	var p problems
	validate(&p, one.Findings[0].finding())
	return p, nil
}

// SharedEvidence lists the names that findings may refer to, the visit's included. The
// draft must have been through Resolve.
func (d Draft) SharedEvidence() []string { return slices.Sorted(maps.Keys(d.Evidence)) }

// WriteAnswer puts a finding into the draft file, durably, and leaves everything else
// in it alone, comments included. What Check would refuse is a *Refusal, and nothing
// is written; of two equal answers the second changes nothing. The file is read anew
// each time, so that an editor may have it open too: what was saved there before is
// kept. When it returns an error after all, the file is whole, old or new.
func WriteAnswer(name string, cat *Catalogue, f DraftFinding) error {
	err := rewrite(name, func(d Draft, folder string) (DraftFinding, error) {
		r, err := d.requirement(cat, f.Requirement)
		if err != nil {
			return DraftFinding{}, err
		}
		wrong, err := d.checkAnswer(folder, f, func(p *problems, f Finding) { f.validate(p, "finding", r) })
		if len(wrong) > 0 {
			err = refuseAll(wrong)
		}
		return f, err
	})
	if err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	return nil
}

// AddEvidence puts a piece of evidence behind what the draft file has for a
// requirement, and leaves everything else alone as WriteAnswer does, the status above
// all: what evidence amounts to is for the auditor to say. Evidence that is there
// already, or that Check would refuse, is a *Refusal.
func AddEvidence(name string, cat *Catalogue, requirement string, e DraftEvidence) error {
	err := rewrite(name, func(d Draft, folder string) (DraftFinding, error) {
		if _, err := d.requirement(cat, requirement); err != nil {
			return DraftFinding{}, err
		}
		f := d.Finding(requirement)
		if slices.ContainsFunc(f.Evidence, func(have DraftEvidence) bool { return have.sameThing(e) }) {
			return DraftFinding{}, refuse(CodeDuplicate, "evidence", "%s has this evidence already", requirement)
		}
		f.Evidence = append(slices.Clone(f.Evidence), e)
		wrong, err := d.checkAnswer(folder, f, validateAllEvidence)
		if len(wrong) > 0 {
			err = refuseAll(wrong)
		}
		return f, err
	})
	if err != nil {
		return fmt.Errorf("add evidence: %w", err)
	}
	return nil
}

// sameThing reports whether two entries lead to the same.
func (e DraftEvidence) sameThing(other DraftEvidence) bool {
	return e.File == other.File && e.URI == other.URI && e.Ref == other.Ref && (e.File != "" || e.SHA256 == other.SHA256)
}

// rewrite reads a draft file, asks for a finding, and writes the file with it.
func rewrite(name string, finding func(d Draft, folder string) (DraftFinding, error)) error {
	info, err := os.Lstat(name)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", name)
	}
	raw, err := readFile(os.DirFS(filepath.Dir(name)), filepath.Base(name), maxDraftBytes)
	if err != nil {
		return err
	}
	s, err := parseSheet(raw)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	f, err := finding(s.draft, filepath.Dir(name))
	if err != nil {
		return err
	}
	out, err := s.answered(f)
	if err != nil || slices.Equal(raw, out) {
		return err
	}
	if len(out) > maxDraftBytes {
		return refuse(CodeFormat, "", "the draft would have %d bytes, at most %d", len(out), maxDraftBytes)
	}
	return durable.WriteFile(name, out, info.Mode().Perm())
}

// requirement finds a requirement of the draft's track.
func (d Draft) requirement(cat *Catalogue, id string) (Requirement, error) {
	var p problems
	track, ok := d.checkFramework(&p, cat)
	if !ok {
		return Requirement{}, refuseAll(p)
	}
	r, ok := track.Requirement(id)
	if !ok {
		return Requirement{}, refuse(CodeFinding, "requirement", "track %s has no requirement %q", track.ID, clip(id))
	}
	return r, nil
}
