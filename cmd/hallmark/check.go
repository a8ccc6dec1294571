package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/urfave/cli/v2"
)

func (e *env) checkCommand() *cli.Command {
	return command(cli.Command{
		Name: "check", Usage: "what drafts amount to, and what is missing for the next level", ArgsUsage: "DRAFT...",
		Flags:       []cli.Flag{jsonFlag, frameworksFlag},
		Description: "Several drafts must be of one visit. Needs no server.\n\nEXAMPLE: hallmark audit check acme-slsa-v0.1.yaml",
	}, 1, -1, e.auditCheck)
}

// checked is what 'audit check' prints.
type checked struct {
	Draft     string           `json:"draft"`
	Framework string           `json:"framework"`
	Track     string           `json:"track"`
	Level     int              `json:"level"`
	LevelID   string           `json:"level_id"`
	Missing   map[int][]string `json:"missing"` // by level: what it still takes
	// SecondAuditor is the id of who signs second, TwoSign whether somebody has to.
	SecondAuditor string          `json:"second_auditor,omitempty"`
	TwoSign       bool            `json:"two_sign"`
	Problems      []audit.Problem `json:"problems"`
	Warnings      []audit.Problem `json:"warnings"` // allowed, and hardly meant

	lines []string // the same for people
}

func (e *env) auditCheck(c *cli.Context) error {
	names := c.Args().Slice()
	drafts, err := readDrafts(names)
	if err != nil {
		return err
	}
	catalogue, err := catalogueOf(c, drafts)
	if err != nil {
		return err
	}
	var all []checked
	var failed string
	for i, draft := range drafts {
		one := checkDraft(names[i], draft, catalogue)
		all = append(all, one)
		if n := len(one.Problems); n > 0 && failed == "" {
			failed = fmt.Sprintf("%s has %d problem(s)", names[i], n)
		}
	}
	if err := e.printChecked(c, all); err != nil {
		return err
	}
	if failed != "" {
		return fmt.Errorf("%s", failed)
	}
	return nil
}

// catalogueOf is the catalogue with at least the frameworks that drafts are about.
func catalogueOf(c *cli.Context, drafts []audit.Draft) (*audit.Catalogue, error) {
	if dir := c.String("frameworks"); dir != "" {
		return readCatalogue(dir)
	}
	ids := make([]string, len(drafts))
	for i, draft := range drafts {
		ids[i] = draft.Framework
	}
	return audit.EmbeddedPart(ids...)
}

// readDrafts reads drafts, which must be of one visit when there are several.
func readDrafts(names []string) ([]audit.Draft, error) {
	drafts := make([]audit.Draft, len(names))
	for i, name := range names {
		var err error
		if drafts[i], err = audit.ReadDraft(name); err != nil {
			return nil, err
		}
		first := drafts[0]
		if drafts[i].Vendor != first.Vendor || drafts[i].Auditor != first.Auditor {
			return nil, withHint(fmt.Errorf("%s and %s are not of one visit: vendor %q and %q, auditor %q and %q",
				names[0], name, first.Vendor.ID, drafts[i].Vendor.ID, first.Auditor.ID, drafts[i].Auditor.ID), "give drafts of different visits one by one")
		}
		for j, earlier := range drafts[:i] {
			if earlier.Framework == drafts[i].Framework && earlier.Track == drafts[i].Track {
				return nil, fmt.Errorf("%s and %s are both about %s, track %s", names[j], name, earlier.Framework, earlier.Track)
			}
			if filepath.Base(names[j]) == filepath.Base(name) {
				return nil, fmt.Errorf("%s and %s have the same name", names[j], name) // what is made of them would, too
			}
		}
	}
	return drafts, nil
}

// checkDraft says what a draft amounts to, and what is wrong with it.
func checkDraft(name string, draft audit.Draft, catalogue *audit.Catalogue) checked {
	result, problems := draft.Check(catalogue)
	out := checked{
		Draft: name, Framework: draft.Framework, Track: draft.Track, Level: result.Level, LevelID: result.LevelID,
		Missing: map[int][]string{}, Problems: problems, Warnings: draft.Warnings(),
	}
	out.lines = []string{strings.TrimSuffix(fmt.Sprintf("%s %s: level %d %s", draft.Framework, draft.Track, result.Level, result.LevelID), " ")}
	out.secondAuditor(draft, catalogue)
	for _, level := range sortedKeys(result.Missing) {
		out.lines = append(out.lines, fmt.Sprintf("missing for level %d:", level))
		for _, gap := range result.Missing[level] {
			out.Missing[level] = append(out.Missing[level], fmt.Sprintf("%s (%s)", gap.Requirement.ID, gap.Reason))
			out.lines = append(out.lines, fmt.Sprintf("  %-42s %-12s %s", gap.Requirement.ID, gap.Reason, gap.Requirement.Title))
		}
	}
	for _, p := range problems {
		out.lines = append(out.lines, "problem: "+p.Error())
		if p.Hint != "" {
			out.lines = append(out.lines, "         "+p.Hint)
		}
	}
	for _, w := range out.Warnings {
		out.lines = append(out.lines, "warning: "+w.Error(), "         "+w.Hint)
	}
	return out
}

// secondAuditor says who else has to sign.
func (out *checked) secondAuditor(draft audit.Draft, catalogue *audit.Catalogue) {
	framework, _ := catalogue.Lookup(draft.Framework)
	if track, ok := framework.Track(draft.Track); ok {
		out.TwoSign = track.NeedsSecondAuditor(out.Level)
	}
	who := "a second auditor, of another organisation,"
	if second := draft.SecondAuditor; second != nil {
		out.SecondAuditor = second.ID
		who = fmt.Sprintf("second auditor %s (%s)", second.ID, second.Organization)
	}
	switch {
	case out.TwoSign:
		out.lines = append(out.lines, fmt.Sprintf("this is the highest level: %s has to sign as well, with 'hallmark audit cosign'", who))
	case draft.SecondAuditor != nil:
		out.lines = append(out.lines, who+" is named and has to sign as well, with 'hallmark audit cosign'")
	}
}

func (e *env) printChecked(c *cli.Context, all []checked) error {
	if len(all) == 1 {
		return e.printDone(c, all[0], all[0].lines...)
	}
	var lines []string
	for i, one := range all {
		if i > 0 {
			lines = append(lines, "")
		}
		lines = append(append(lines, one.Draft+":"), one.lines...)
	}
	return e.printDone(c, all, lines...)
}
