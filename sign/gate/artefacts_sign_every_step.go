package gate

// artefactsSignEveryStep: CNCF, artefacts.sign-every-step: "signed link or provenance for each
// declared step". The steps are declared in the scope, with who signs their links; the build
// itself is shown by the provenance.
func artefactsSignEveryStep() rule {
	return rule{
		id:      "artefacts.sign-every-step",
		alone:   true,
		serves:  []string{"cncf-sscp-v1/artefacts.sign-every-step"},
		satisfy: "publish an in-toto link (v0.3) about the artifact for each step that the scope declares, signed by whom it names",
		judge: func(e *exhibit) finding {
			steps := e.steps()
			if len(steps) == 0 {
				return e.fail("the scope declares no steps")
			}
			links, why := e.stepLinks()
			var digests []string
			for _, s := range steps {
				if len(links[s]) == 0 {
					return e.fail("no link of step " + quote(s) + ": " + why)
				}
				digests = append(digests, links[s][0].digest)
			}
			return e.pass("a signed link for each declared step", digests...)
		},
	}
}
