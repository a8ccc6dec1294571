package rebuild

import (
	"crypto"
	"slices"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
)

// sourceOf reads off the evidence what an artifact was built from: the source of the
// first provenance that a builder of one of the scopes signed. What anybody else says
// about it would have rebuilders fetch from where nobody looked.
func sourceOf(scopes []audit.Scope, evidence [][]byte, sha256 string) (Source, bool) {
	for _, raw := range evidence[:min(len(evidence), maxEvidence)] {
		claim, err := attest.ParseEnvelope(raw)
		if err != nil || !claimsProvenance(claim) {
			continue
		}
		for _, s := range scopes {
			if source, ok := sourceIn(s, raw, sha256); ok {
				return source, true
			}
		}
	}
	return Source{}, false
}

// claimsProvenance looks at the unverified predicate type, to spare signatures.
func claimsProvenance(u attest.Unverified) bool {
	s, err := attest.ParseStatement(u.Payload)
	return err == nil && (s.PredicateType == attest.ProvenanceV02 || s.PredicateType == attest.ProvenanceV1)
}

// sourceIn is what provenance says, if a builder of this scope signed it.
func sourceIn(scope audit.Scope, raw []byte, sha256 string) (Source, bool) {
	for _, b := range scope.Builders {
		var keys []crypto.PublicKey
		for _, text := range b.Keys[:min(len(b.Keys), attest.MaxKeys)] {
			if key, err := attest.ParsePublicKey(text); err == nil {
				keys = append(keys, key)
			}
		}
		if len(keys) == 0 {
			continue
		}
		opened, err := attest.Open(raw, keys...)
		if err != nil || !opened.Statement.Covers("sha256", sha256) {
			continue
		}
		p, err := attest.ParseProvenance(opened.Statement)
		if err != nil || p.BuilderID != b.ID {
			continue
		}
		for _, from := range p.Sources {
			if source, ok := inScope(scope, from); ok {
				return source, true
			}
		}
	}
	return Source{}, false
}

// inScope reads a source of provenance, if it is one of the scope and says which commit.
func inScope(scope audit.Scope, from attest.ResourceDescriptor) (Source, bool) {
	i := slices.IndexFunc(scope.Sources, func(s audit.Source) bool { return sameRepository(s.URI, from.URI) })
	commit := commitOf(from)
	if i < 0 || commit == "" {
		return Source{}, false
	}
	// As the scope spells it: provenance adds the branch.
	return Source{URI: scope.Sources[i].URI, Commit: commit}, true
}

// commitOf is the git commit in a descriptor; "" where there is none, or two that differ.
func commitOf(d attest.ResourceDescriptor) string {
	commit, old := d.Digest["gitCommit"], d.Digest["sha1"]
	switch {
	case commit == "":
		return old
	case old != "" && old != commit:
		return ""
	}
	return commit
}
