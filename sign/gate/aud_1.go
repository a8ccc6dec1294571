package gate

import (
	"fmt"
	"strings"

	"github.com/hallmark-pki/hallmark/attest"
)

// aud1: S2C2F, AUD-1: "verified provenance/VSA per dependency". A verification summary about the
// artifact counts its dependencies by the level each was verified at; none may be without.
func aud1() rule {
	return rule{
		id:      "AUD-1",
		alone:   true,
		serves:  []string{"s2c2f-v1.1/AUD-1"},
		satisfy: "have an attestor of the scope publish a PASSED verification summary whose dependencyLevels count every dependency, none at level 0 or unevaluated",
		judge: func(e *exhibit) finding {
			found, why := e.about(typeIs(attest.VSAType), false)
			for _, t := range found {
				v := t.content.(attest.VSA)
				why = "the summary does not count dependencies"
				ok := v.Result == attest.Passed && len(v.DependencyLevels) > 0
				for level, n := range v.DependencyLevels {
					if n > 0 && (strings.HasSuffix(level, "_0") || strings.HasSuffix(level, "UNEVALUATED")) {
						ok, why = false, fmt.Sprintf("%d dependencies at %s", n, quote(level))
					}
				}
				if ok {
					return e.pass("every dependency was verified", t.digest)
				}
			}
			return e.fail(why)
		},
	}
}
