package gate

import "github.com/hallmark-pki/hallmark/audit"

// provenanceIdentifiesSourceCodeAuthenticated: SLSA v0.1, identifies source code
// (authenticated): "VCS material with digest, from a builder assessed to fetch sources itself"
// (https://slsa.dev/spec/v0.1/requirements#identifies-source-code).
func provenanceIdentifiesSourceCodeAuthenticated() rule {
	return rule{
		id:      "provenance.identifies-source-code.authenticated",
		serves:  []string{"slsa-v0.1/provenance.identifies-source-code.authenticated"},
		satisfy: "build on a builder that the auditor found to fetch sources itself (source-fetched), or have the build reproduced from the commit",
		judge: func(e *exhibit) finding {
			if e.provenance == nil {
				return e.unread()
			}
			if len(e.revisions()) == 0 {
				return e.fail("the provenance names no source with a commit")
			}
			if e.audited(audit.PropertySourceFetched) {
				return e.pass("the auditor verified that the builder fetches sources itself")
			}
			if digests, ok := e.confirmed(); ok {
				return e.pass("rebuilt from the commit that it names", append(digests, e.digest)...)
			}
			return e.fail("the auditor did not verify that builds of this type fetch their source themselves")
		},
	}
}
