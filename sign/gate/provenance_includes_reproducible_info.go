package gate

import "github.com/hallmark-pki/hallmark/audit"

// provenanceIncludesReproducibleInfo: SLSA v0.1, provenance.includes-reproducible-info:
// "metadata.reproducible present; if true, invocation+materials suffice"
// (https://slsa.dev/spec/v0.1/requirements#includes-reproducible-info). Provenance v1 has no such
// flag: the auditor's reproducible, or the fact, stands for it.
func provenanceIncludesReproducibleInfo() rule {
	return rule{
		id:      "provenance.includes-reproducible-info",
		serves:  []string{"slsa-v0.1/provenance.includes-reproducible-info"},
		satisfy: "state metadata.reproducible (v0.2), build on a builder audited as reproducible, or have the build reproduced",
		judge: func(e *exhibit) finding {
			if e.provenance == nil {
				return e.unread()
			}
			switch digests, confirmed := e.confirmed(); {
			case e.provenance.ReproducibleStated && (!e.provenance.Reproducible || len(e.provenance.Dependencies) > 0):
				return e.pass("the provenance says whether it is meant to be reproducible")
			case e.audited(audit.PropertyReproducible):
				return e.pass("the auditor verified that builds are meant to be reproducible")
			case confirmed:
				return e.pass("it was reproduced", append(digests, e.digest)...)
			}
			return e.fail("the provenance does not say whether the build is meant to be reproducible, with the materials to do it")
		},
	}
}
