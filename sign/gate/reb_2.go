package gate

import "github.com/hallmark-pki/hallmark/attest"

// reb2: S2C2F, REB-2: "a signature over each rebuilt input's digest". It is the signature of
// whoever rebuilds for the vendor: a builder's on its provenance, or an attestor's on a
// summary that says that the input passed. A rebuilder's shows that others get the same
// bytes, and is not the vendor's.
func reb2() rule {
	return rule{
		id:      "REB-2",
		inputs:  true,
		serves:  []string{"s2c2f-v1.1/REB-2"},
		satisfy: "push, for each input, provenance signed by the builder of the scope that built it, or a PASSED verification summary by an attestor of the scope, with the input as its only subject",
		judge: func(e *exhibit) finding {
			return e.forEachInput("each is source, or signed for by a builder or attestor of the scope", func(d dossier) ([]string, string) {
				if d.source {
					return nil, ""
				}
				digest, why := d.built()
				if digest != "" {
					return listed(digest), ""
				}
				summaries, other := d.statements(typeIs(attest.VSAType), false)
				for _, t := range summaries {
					if t.content.(attest.VSA).Result == attest.Passed {
						return []string{t.digest}, ""
					}
					other = "it says that the verification failed"
				}
				return nil, why + ", and no verification summary: " + other
			})
		},
	}
}
