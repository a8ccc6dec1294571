package gate

// reb1: S2C2F, REB-1: "provenance of each rebuilt input from a trusted builder, or a rebuild
// attestation with its digest". A rebuilder's word against an input refuses whatever else
// is said for it.
func reb1() rule {
	return rule{
		id:      "REB-1",
		inputs:  true,
		serves:  []string{"s2c2f-v1.1/REB-1"},
		satisfy: "push, for each input, provenance with the input as its only subject: by a builder of the scope that built it from a commit, or by a rebuilder of the scope that reproduced it; or take the input as source from below an origin of the scope",
		judge: func(e *exhibit) finding {
			return e.forEachInput("each is source, rebuilt by a builder of the scope, or reproduced", func(d dossier) ([]string, string) {
				if d.source {
					return nil, ""
				}
				digests, against := d.rebuilt()
				if against != "" || len(digests) > 0 {
					return digests, against
				}
				digest, why := d.built()
				if why != "" {
					why += ", and no rebuilder reproduced it"
				}
				return listed(digest), why
			})
		},
	}
}

// listed is a list of the one, if there is one.
func listed(digest string) []string {
	if digest == "" {
		return nil
	}
	return []string{digest}
}
