package gate

import (
	"strings"

	"github.com/hallmark-pki/hallmark/attest"
)

// sourceSourceSummary: SLSA v1.2, source.source-summary: "VSA present, PASSED, verifiedLevels has
// SLSA_SOURCE_LEVEL_n" (https://slsa.dev/spec/v1.2/source-requirements), for the level of the
// assessment at least; and with it that the verifier is an assessed one, that resourceUri is the
// repository, and that the subject is the commit that was built.
func sourceSourceSummary() rule {
	return rule{
		id:     "source.source-summary",
		source: true,
		serves: []string{"slsa-v1.2/source.source-summary", "slsa-v1.2/source.choose-scs", "slsa-v1.2/source.repository-ids",
			"slsa-v1.2/source.revision-ids"},
		satisfy: "have an attestor of the scope publish a PASSED source summary of the built commit with the source level claimed, or a higher one",
		judge: func(e *exhibit) finding {
			return e.forEachRevision("the source summary has the level", func(r revision) ([]string, string) {
				digest, why := e.summary(r, func(v attest.VSA) bool { return sourceLevel(v) >= e.assessed.Assessment.Level })
				if digest == "" {
					return nil, why
				}
				return []string{digest}, ""
			})
		},
	}
}

// summary finds a source summary of a revision that passed and meets a condition.
func (e *exhibit) summary(r revision, ok func(attest.VSA) bool) (digest, why string) {
	found, why := e.aboutRevision(r, typeIs(attest.VSAType))
	for _, t := range found {
		switch v := t.content.(attest.VSA); {
		case v.Result != attest.Passed:
			why = "the source summary says " + v.Result
		case !r.sameRepository(v.ResourceURI):
			why = "the source summary is about repository " + quote(v.ResourceURI)
		case !ok(v):
			why = "the source summary has levels " + quote(strings.Join(v.VerifiedLevels, ", "))
		default:
			return t.digest, ""
		}
	}
	return "", why
}

// sourceLevel is the highest source level in a summary, 0 if none.
func sourceLevel(v attest.VSA) int {
	best := 0
	for _, l := range v.VerifiedLevels {
		if text, ok := strings.CutPrefix(l, "SLSA_SOURCE_LEVEL_"); ok && len(text) == 1 && text >= "0" && text <= "9" {
			best = max(best, int(text[0]-'0'))
		}
	}
	return best
}
