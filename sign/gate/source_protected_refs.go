package gate

import "github.com/hallmark-pki/hallmark/attest"

// sourceProtectedRefs: SLSA v1.2, source.protected-refs: "controls listed in the SCS's source
// provenance" (https://slsa.dev/spec/v1.2/source-requirements). A control counts from when it was
// enforced: one since a time after the change did not govern it.
func sourceProtectedRefs() rule {
	return rule{
		id:      "source.protected-refs",
		source:  true,
		serves:  []string{"slsa-v1.2/source.protected-refs"},
		satisfy: "have an attestor of the scope publish source provenance of the built commit that lists the controls enforced, or a source summary of level 3 or higher",
		judge: func(e *exhibit) finding {
			return e.forEachRevision("controls were enforced", func(r revision) ([]string, string) {
				digest, why := e.sourceProvenance(r, func(p attest.SourceProvenance) bool {
					for _, since := range p.Controls {
						if !since.After(p.CreatedOn) {
							return true
						}
					}
					return false
				})
				if digest == "" {
					digest, _ = e.summary(r, func(v attest.VSA) bool { return sourceLevel(v) >= 3 })
				}
				if digest == "" {
					return nil, why
				}
				return []string{digest}, ""
			})
		},
	}
}
