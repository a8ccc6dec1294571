package gate

import "github.com/hallmark-pki/hallmark/audit"

// buildHermetic: SLSA v0.1, build.hermetic: "(v0.2) metadata.completeness.materials true and
// every material has a uri, and a digest where its kind has one. v1 has no such flag: builder
// profile must say so" (https://slsa.dev/spec/v0.1/requirements#hermetic). Every material needs
// a digest here: which kinds have none is not for the builder to choose. Enough rebuilds
// without network from the very materials show it as well.
func buildHermetic() rule {
	return rule{
		id:      "build.hermetic",
		serves:  []string{"slsa-v0.1/build.hermetic", "cncf-sscp-v1/build.minimal-network"},
		satisfy: "record every input with its digest, on a builder that says so (v0.2 completeness.materials) or was audited as hermetic; or have the build reproduced",
		judge: func(e *exhibit) finding {
			if e.provenance == nil {
				return e.unread()
			}
			if why := e.unpinned(); why != "" {
				return e.fail(why)
			}
			switch digests, confirmed := e.confirmed(); {
			case e.provenance.Completeness.Materials:
				return e.pass("the builder says that its materials are complete, and each is pinned")
			case e.audited(audit.PropertyHermetic):
				return e.pass("the auditor verified that builds are hermetic, and each material is pinned")
			case confirmed:
				return e.pass("rebuilt without network from its pinned materials", append(digests, e.digest)...)
			}
			return e.fail("nothing says that the build read its recorded materials alone")
		},
	}
}

// unpinned says which input of a build has no digest, or that none is recorded, or "".
func (e *exhibit) unpinned() string {
	if len(e.provenance.Dependencies) == 0 {
		return "the provenance lists no materials"
	}
	for _, d := range e.provenance.Dependencies {
		if d.URI == "" && d.Name == "" || !strong(d.Digest) {
			return "material " + quote(d.Name+d.URI) + " is not pinned by a digest"
		}
	}
	return ""
}

// strong reports whether a digest set has an algorithm that pins: SHA-2, SHA-3 or git's.
func strong(digest map[string]string) bool {
	for _, algorithm := range []string{"sha256", "sha384", "sha512", "sha3_256", "sha3_384", "sha3_512", "sha512_256", "gitCommit", "gitTree", "gitTag", "sha1", "dirHash"} {
		if digest[algorithm] != "" {
			return true
		}
	}
	return false
}
