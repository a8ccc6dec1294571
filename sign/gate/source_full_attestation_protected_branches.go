package gate

import "github.com/hallmark-pki/hallmark/attest"

// sourceFullAttestationProtectedBranches: CNCF, source.full-attestation-protected-branches:
// "source VSA or review attestation for the built revision".
func sourceFullAttestationProtectedBranches() rule {
	return rule{
		id:      "source.full-attestation-protected-branches",
		source:  true,
		serves:  []string{"cncf-sscp-v1/source.full-attestation-protected-branches"},
		satisfy: "have an attestor of the scope publish a source summary, source provenance or approvals of the built commit",
		judge: func(e *exhibit) finding {
			return e.forEachRevision("the change is attested", func(r revision) ([]string, string) {
				any := func(attest.SourceProvenance) bool { return true }
				if digest, _ := e.summary(r, func(v attest.VSA) bool { return sourceLevel(v) > 0 }); digest != "" {
					return []string{digest}, ""
				}
				if digest, _ := e.sourceProvenance(r, any); digest != "" {
					return []string{digest}, ""
				}
				_, digests, why := e.approvals(r)
				return digests, why
			})
		},
	}
}
