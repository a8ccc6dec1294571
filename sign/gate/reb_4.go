package gate

// reb4: S2C2F, REB-4: "the signature on that SBOM". Those are "the SBOMs you produce": by a
// builder or an attestor of the scope. One that a rebuilder alone has signed is somebody
// else's.
func reb4() rule {
	return rule{
		id:      "REB-4",
		inputs:  true,
		serves:  []string{"s2c2f-v1.1/REB-4"},
		satisfy: "have a builder or an attestor of the scope sign the bill of material of each input",
		judge: func(e *exhibit) finding {
			return e.forEachInput("each is source, or has a bill of material signed by a builder or attestor of the scope", func(d dossier) ([]string, string) {
				if d.source {
					return nil, ""
				}
				found, why := d.bills()
				for _, t := range found {
					if d.ours(t) {
						return []string{t.digest}, ""
					}
					why = "its bill of material is signed by a rebuilder alone"
				}
				return nil, why
			})
		},
	}
}
