package gate

import "github.com/hallmark-pki/hallmark/attest"

// sourceSourceProvenance: SLSA v1.2, source.source-provenance: "a source-provenance attestation
// exists for the built revision" (https://slsa.dev/spec/v1.2/source-requirements).
func sourceSourceProvenance() rule {
	return rule{
		id:      "source.source-provenance",
		source:  true,
		serves:  []string{"slsa-v1.2/source.source-provenance"},
		satisfy: "have an attestor of the scope publish source provenance (source-tool's form) of the built commit",
		judge: func(e *exhibit) finding {
			return e.forEachRevision("source provenance is there", func(r revision) ([]string, string) {
				digest, why := e.sourceProvenance(r, func(attest.SourceProvenance) bool { return true })
				if digest == "" {
					return nil, why
				}
				return []string{digest}, ""
			})
		},
	}
}

// sourceProvenance finds source provenance of a revision, on a ref of the scope, that
// meets a condition.
func (e *exhibit) sourceProvenance(r revision, ok func(attest.SourceProvenance) bool) (digest, why string) {
	found, why := e.aboutRevision(r, attest.IsSourceProvenance)
	for _, t := range found {
		switch p := t.content.(attest.SourceProvenance); {
		case !r.sameRepository(p.Repository):
			why = "the source provenance is about repository " + quote(p.Repository)
		case !e.onRef(r, p.Branch):
			why = "the source provenance is about " + quote(p.Branch)
		case !ok(p):
			why = "the source provenance does not list the control"
		default:
			return t.digest, ""
		}
	}
	return "", why
}
