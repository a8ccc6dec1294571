package gate

import (
	"fmt"
	"strings"
)

// buildReproducible: SLSA v0.1, build.reproducible: "two provenances from independently operated
// builders, same subject digest and same inputs; metadata.reproducible (v0.2) alone is a claim"
// (https://slsa.dev/spec/v0.1/requirements#reproducible). Counted are operators.
func buildReproducible() rule {
	return rule{
		id:      "build.reproducible",
		serves:  []string{"slsa-v0.1/build.reproducible", "cncf-sscp-v1/build.reproducible", "cncf-sscp-v1/build.reproducible.distribute"},
		satisfy: "have rebuilders of the scope, of as many operators as the policy says, reproduce the artifact from the same commit",
		judge: func(e *exhibit) finding {
			if e.provenance == nil {
				return e.unread()
			}
			operators, digests := e.reproduced()
			text := fmt.Sprintf("reproduced by %d operators, %d needed", len(operators), e.needed())
			if len(operators) < e.needed() {
				return e.fail(text, append(digests, e.digest)...)
			}
			return e.pass(text+": "+quote(strings.Join(operators, ", ")), digests...)
		},
	}
}
