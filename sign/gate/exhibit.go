package gate

import (
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
)

// exhibit is one provenance envelope as the rules see it. What it says is in
// provenance and statement, which stay nil unless a key of the audited scope signed
// those very bytes: no rule can judge anything else.
type exhibit struct {
	build  Build
	scope  audit.Scope
	digest string // SHA-256 of the envelope, "" when there is no evidence at all

	statement  *attest.Statement
	provenance *attest.Provenance
	signers    []string            // key ids of the scope that signed it
	owners     map[string][]string // key id to the ids of the builders it was audited for
	err        error               // why statement or provenance is nil
}

// scopeKeys are the keys of all builders in a scope.
type scopeKeys struct {
	keys   []crypto.PublicKey
	owners map[string][]string // key id to builder ids
}

// builderKeys reads the keys of a scope. One that does not parse verifies nothing.
func builderKeys(s audit.Scope) scopeKeys {
	k := scopeKeys{owners: map[string][]string{}}
	for _, b := range s.Builders {
		for _, text := range b.Keys {
			pub, err := attest.ParsePublicKey(text)
			if err != nil {
				continue
			}
			id, err := attest.KeyID(pub)
			if err != nil {
				continue
			}
			if _, known := k.owners[id]; !known {
				k.keys = append(k.keys, pub)
			}
			k.owners[id] = append(k.owners[id], b.ID)
		}
	}
	return k
}

// newExhibit opens an envelope under the keys of a scope. It returns nil for what
// does not even claim to be provenance, such as a test result, which is no evidence
// for the rules there are.
func newExhibit(b Build, scope audit.Scope, keys scopeKeys, raw []byte) *exhibit {
	claim, err := attest.ParseEnvelope(raw)
	if err != nil || !claimsProvenance(claim) {
		return nil
	}
	sum := sha256.Sum256(raw)
	e := &exhibit{build: b, scope: scope, digest: hex.EncodeToString(sum[:]), owners: keys.owners}
	opened, err := attest.Open(raw, keys.keys[:min(len(keys.keys), attest.MaxKeys)]...)
	if err != nil {
		e.err = err
		return e
	}
	e.statement, e.signers = &opened.Statement, opened.Signers
	p, err := attest.ParseProvenance(opened.Statement)
	if err != nil {
		e.err = err
		return e
	}
	e.provenance = &p
	return e
}

// claimsProvenance looks at the unverified predicate type, to tell evidence of
// another kind from provenance; nothing is believed for it.
func claimsProvenance(u attest.Unverified) bool {
	s, err := attest.ParseStatement(u.Payload)
	return err == nil && u.PayloadType == attest.PayloadType &&
		(s.PredicateType == attest.ProvenanceV02 || s.PredicateType == attest.ProvenanceV1)
}

// builder returns the builder of the scope that the provenance names.
func (e *exhibit) builder() (audit.Builder, bool) {
	if e.provenance == nil {
		return audit.Builder{}, false
	}
	i := slices.IndexFunc(e.scope.Builders, func(b audit.Builder) bool { return b.ID == e.provenance.BuilderID })
	if i < 0 {
		return audit.Builder{}, false
	}
	return e.scope.Builders[i], true
}

// unread is the verdict of a rule that needs what the provenance says.
const unread = "no provenance is authenticated, and nothing else is read"

// quote bounds and cleans text from evidence for a verdict.
func quote(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r == utf8.RuneError {
			return '?'
		}
		return r
	}, s)
	if len(s) > maxDetailLength {
		s = strings.ToValidUTF8(s[:maxDetailLength], "") + "…"
	}
	return `"` + s + `"`
}
