package gate

// materialsLicenseScan: CNCF, materials.license-scan: "licence fields in the SBOM attestation";
// S2C2F, SCA-2. Every component has one: NOASSERTION means that nobody looked.
func materialsLicenseScan() rule {
	return rule{
		id:      "materials.license-scan",
		alone:   true,
		serves:  []string{"cncf-sscp-v1/materials.license-scan", "s2c2f-v1.1/SCA-2"},
		satisfy: "publish a bill of material of the artifact that gives the licence of every component",
		judge: func(e *exhibit) finding {
			b, digest, why := e.billOfMaterial()
			if why != "" {
				return e.fail(why)
			}
			for _, c := range b.Components {
				if len(c.Licenses) == 0 {
					return e.fail("component "+quote(c.Name)+" has no licence", digest)
				}
			}
			return e.pass("every component has a licence", digest)
		},
	}
}
