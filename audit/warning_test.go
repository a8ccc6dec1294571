package audit

import (
	"testing"

	"github.com/hallmark-pki/hallmark/attest/gitcommit/committest"
)

// TestWarnings: signed commits that are met need somebody whose commits count; what is not
// met, or somebody else's requirement, does not.
func TestWarnings(t *testing.T) {
	track, ok := ladder(t, "cncf-sscp-v1").Track("assurance")
	if _, known := track.Requirement(signedCommits); !ok || !known {
		t.Fatal("no catalogue has the requirement")
	}
	for name, c := range map[string]struct {
		finding    Finding
		committers []Committer
		want       int
	}{
		"met":                  {Finding{Requirement: signedCommits, Status: Met}, nil, 1},
		"met, with committers": {Finding{Requirement: signedCommits, Status: Met}, []Committer{{ID: "ada", Keys: []string{committest.New("ada").Line()}}}, 0},
		"not met":              {Finding{Requirement: signedCommits, Status: NotMet}, nil, 0},
		"another":              {Finding{Requirement: "source.other", Status: Met}, nil, 0},
	} {
		a := assessment(t, 1)
		a.Findings = append(a.Findings, c.finding)
		a.Scope.Committers = c.committers
		if got := a.Warnings(); len(got) != c.want || c.want > 0 && got[0].Hint == "" {
			t.Errorf("%s: %v", name, got)
		}
		var d Draft
		d.Findings = []DraftFinding{{Requirement: c.finding.Requirement, Status: c.finding.Status}}
		for _, committer := range c.committers {
			d.Scope.Committers = append(d.Scope.Committers, DraftCommitter{Committer: committer})
		}
		if got := d.Warnings(); len(got) != c.want || c.want > 0 && got[0].Field != "findings[0]" {
			t.Errorf("%s, a draft: %v", name, got)
		}
	}
}
