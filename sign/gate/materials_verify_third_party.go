package gate

import "github.com/hallmark-pki/hallmark/attest"

// materialsVerifyThirdParty: CNCF, materials.verify-third-party: "every material has a digest; SCA
// attestation present".
func materialsVerifyThirdParty() rule {
	return rule{
		id:      "materials.verify-third-party",
		serves:  []string{"cncf-sscp-v1/materials.verify-third-party"},
		satisfy: "let the provenance list every material with its digest, and publish a vulnerability scan of the artifact",
		judge: func(e *exhibit) finding {
			if e.provenance == nil {
				return e.unread()
			}
			if why := e.unpinned(); why != "" {
				return e.fail(why)
			}
			scans, why := e.technical(attest.VulnsV01, attest.VulnsV02)
			if len(scans) == 0 {
				return e.fail("scan: " + why)
			}
			return e.pass("every material is pinned, and the artifact scanned", e.digest, scans[0].digest)
		},
	}
}
