package gate

import (
	"fmt"

	"github.com/hallmark-pki/hallmark/attest"
)

// materialsImmutableSBOM: CNCF, materials.immutable-sbom: "SPDX/CycloneDX attestation with the
// artefact as subject"; S2C2F, INV-1: "SBOM attestation". One that lists nothing is none.
func materialsImmutableSBOM() rule {
	return rule{
		id:      "materials.immutable-sbom",
		alone:   true,
		serves:  []string{"cncf-sscp-v1/materials.immutable-sbom", "cncf-sscp-v1/appendix.slim-images", "s2c2f-v1.1/INV-1"},
		satisfy: "publish a bill of material (SPDX 2 or CycloneDX 1 in JSON) of the artifact, by a builder, rebuilder or attestor of the scope",
		judge: func(e *exhibit) finding {
			b, digest, why := e.billOfMaterial()
			if why != "" {
				return e.fail(why)
			}
			return e.pass(fmt.Sprintf("%s %s with %d components", b.Format, b.Version, len(b.Components)), digest)
		},
	}
}

// billOfMaterial returns the first one about the artifact that lists something.
func (e *exhibit) billOfMaterial() (b attest.SBOM, digest, why string) {
	found, why := e.about(attest.IsSBOM, true)
	for _, t := range found {
		if b := t.content.(attest.SBOM); len(b.Components) > 0 {
			return b, t.digest, ""
		}
		why = "the bill of material lists nothing"
	}
	return attest.SBOM{}, "", why
}
