package gate

// materialsBuildFromSource: CNCF, materials.build-from-source: "provenance exists for each
// dependency from an own builder". Own builders are those of the scope; what is a revision
// of a repository below an origin of the scope is source itself, and this build builds it.
func materialsBuildFromSource() rule {
	return rule{
		id:      "materials.build-from-source",
		inputs:  true,
		serves:  []string{"cncf-sscp-v1/materials.build-from-source"},
		satisfy: "push, for each input, provenance by a builder of the scope with the input as its only subject and a source with its commit; or take the input as source from below an origin of the scope",
		judge: func(e *exhibit) finding {
			return e.forEachInput("each is source, or built from source by a builder of the scope", func(d dossier) ([]string, string) {
				if d.source {
					return nil, ""
				}
				if digests, against := d.rebuilt(); against != "" {
					return digests, against
				}
				digest, why := d.built()
				return listed(digest), why
			})
		},
	}
}
