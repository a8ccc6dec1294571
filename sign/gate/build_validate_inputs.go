package gate

// buildValidateInputs: CNCF, build.validate-inputs: "materials all have digests; worker image
// pinned", build.reproducible.lock-external: "every material pinned by digest"; S2C2F, AUD-3:
// "digest on every material".
func buildValidateInputs() rule {
	return rule{
		id:      "build.validate-inputs",
		serves:  []string{"cncf-sscp-v1/build.validate-inputs", "cncf-sscp-v1/build.reproducible.lock-external", "s2c2f-v1.1/AUD-3"},
		satisfy: "let the provenance list every material with its digest",
		judge: func(e *exhibit) finding {
			if e.provenance == nil {
				return e.unread()
			}
			if why := e.unpinned(); why != "" {
				return e.fail(why)
			}
			return e.pass("every material is pinned")
		},
	}
}
