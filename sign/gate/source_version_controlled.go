package gate

import (
	"slices"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
)

// sourceVersionControlled: SLSA v0.1, source.version-controlled: "a source material has a
// VCS uri plus a commit digest" (https://slsa.dev/spec/v0.1/requirements#version-controlled).
// Every source that the build was started from must be in the audited scope, on a
// branch of it where branches are listed, and pinned to a commit.
func sourceVersionControlled() rule {
	return rule{
		id:      "source.version-controlled",
		basic:   true,
		ground:  true,
		serves:  []string{"slsa-v0.1/source.version-controlled", "slsa-v0.1/provenance.identifies-source-code"},
		satisfy: "build from a commit of a repository, and branch, that the assessment's scope lists; the provenance must name both",
		judge: func(e *exhibit) finding {
			if e.provenance == nil {
				return e.unread()
			}
			if len(e.provenance.Sources) == 0 {
				return e.fail("the provenance names no source")
			}
			for _, s := range e.provenance.Sources {
				if why := outside(s, e.scope.Sources); why != "" {
					return e.fail(why)
				}
			}
			return e.pass("built from " + quote(e.provenance.Sources[0].URI))
		},
	}
}

// outside says why a source is not one that was audited, or "".
func outside(s attest.ResourceDescriptor, scope []audit.Source) string {
	repository, ref := attest.SplitSource(s.URI)
	entries := slices.DeleteFunc(slices.Clone(scope), func(a audit.Source) bool {
		audited, _ := attest.SplitSource(a.URI)
		return audited != repository
	})
	switch {
	case s.URI == "" || len(entries) == 0:
		return "source " + quote(s.URI) + " is not in the audited scope"
	case commitOf(s) == "":
		return "source " + quote(s.URI) + " is not pinned to a commit"
	case !slices.ContainsFunc(entries, func(a audit.Source) bool { return len(a.Branches) == 0 || onBranch(ref, a.Branches) }):
		return "source " + quote(s.URI) + " is not on a branch of the audited scope"
	}
	return ""
}

// onBranch compares a ref such as "refs/heads/main" or "main" with audited names of
// either form.
func onBranch(ref string, branches []string) bool {
	return ref != "" && slices.ContainsFunc(branches, func(b string) bool {
		return ref == b || ref == "refs/heads/"+b || "refs/heads/"+ref == b
	})
}
