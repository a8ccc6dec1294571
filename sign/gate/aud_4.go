package gate

import "github.com/hallmark-pki/hallmark/attest"

// aud4: S2C2F, AUD-4: "an SBOM with a signature that verifies for each input". The framework
// has it checked for three things: provenance data, which is when it was made and where
// each component comes from or which bytes it is; dependencies; and the signature.
func aud4() rule {
	return rule{
		id:      "AUD-4",
		inputs:  true,
		serves:  []string{"s2c2f-v1.1/AUD-4"},
		satisfy: "push, for each input, a bill of material with the input as its only subject, signed by a builder, rebuilder or attestor of the scope; it says when it was made, identifies each component by purl or digest, and states relationships",
		judge: func(e *exhibit) finding {
			return e.forEachInput("each has a signed and complete bill of material", func(d dossier) ([]string, string) {
				found, why := d.bills()
				for _, t := range found {
					if why = incomplete(t.content.(attest.SBOM)); why == "" {
						return []string{t.digest}, ""
					}
					why = "bill of material " + t.digest + ": " + why
				}
				return nil, why
			})
		},
	}
}

// incomplete says what a bill of material lacks for somebody who has to rely on it, or "".
func incomplete(b attest.SBOM) string {
	switch {
	case b.CreatedOn.IsZero():
		return "it does not say when it was made"
	case b.Relationships == 0:
		return "it says nothing about dependencies"
	}
	for _, c := range b.Components {
		if c.PURL == "" && len(c.Digest) == 0 {
			return "component " + quote(c.Name) + " has neither purl nor digest"
		}
	}
	return ""
}
