package gate

// reb3: S2C2F, REB-3: "SBOM attestation with the rebuilt input as subject". One that lists
// nothing is none.
func reb3() rule {
	return rule{
		id:      "REB-3",
		inputs:  true,
		serves:  []string{"s2c2f-v1.1/REB-3"},
		satisfy: "push, for each input, a bill of material (SPDX 2 or CycloneDX 1 in JSON) with the input as its only subject, by a builder, rebuilder or attestor of the scope",
		judge: func(e *exhibit) finding {
			return e.forEachInput("each is source, or has a bill of material", func(d dossier) ([]string, string) {
				if d.source {
					return nil, ""
				}
				found, why := d.bills()
				if len(found) == 0 {
					return nil, why
				}
				return []string{found[0].digest}, ""
			})
		},
	}
}
