package gate

import (
	"crypto"
	"strings"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/attest/gitcommit"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/recent"
)

// roll says who is who in the scope of one assessment, by the ids of their keys, and
// what the assessment asks.
type roll struct {
	scope      audit.Scope
	keys       []crypto.PublicKey
	builders   map[string][]int // key id to indexes in scope.Builders
	rebuilders map[string]int
	attestors  map[string]int
	identities []identity
	commitKeys []gitcommit.Key
	committers []audit.Committer // whose each of commitKeys is
	asked      []asked
	unserved   []audit.Requirement
}

// newRoll reads the keys of a scope. One that does not parse verifies nothing.
func newRoll(a Assessed) *roll {
	s := a.Assessment.Scope
	r := &roll{scope: s, builders: map[string][]int{}, rebuilders: map[string]int{}, attestors: map[string]int{}}
	for i, b := range s.Builders {
		for _, id := range r.read(b.Keys) {
			r.builders[id] = append(r.builders[id], i)
		}
	}
	for i, b := range s.Rebuilders {
		for _, id := range r.read(b.Keys) {
			r.rebuilders[id] = i
		}
	}
	for i, b := range s.Attestors {
		for _, id := range r.read(b.Keys) {
			r.attestors[id] = i
		}
	}
	r.identities = readIdentities(s)
	r.commitKeys, r.committers = readCommitters(s)
	r.asked, r.unserved = ask(a)
	return r
}

func (r *roll) read(keys []string) (ids []string) {
	for _, text := range keys {
		pub, err := attest.ParsePublicKey(text)
		if err != nil {
			continue
		}
		id, err := attest.KeyID(pub)
		if err != nil {
			continue
		}
		r.keys, ids = append(r.keys, pub), append(ids, id)
	}
	return ids
}

// rolls remembers what was made of assessments by their ids, which are digests of what
// was signed. The zero value is ready.
type rolls struct {
	known recent.Values[string, *roll]
	rings recent.Values[string, *attest.Keyring]
}

// of returns the roll of each assessment, and one ring with the keys of all, so that an
// envelope is verified once whatever the number of assessments.
func (r *rolls) of(assessed []Assessed) ([]*roll, *attest.Keyring) {
	var out []*roll
	var ids strings.Builder
	content := true
	for _, a := range assessed {
		known, ok := r.known.Get(a.ID)
		if !ok || !isDigest(a.ID) {
			known = newRoll(a)
			r.known.Put(a.ID, known)
		}
		content = content && isDigest(a.ID)
		out = append(out, known)
		ids.WriteString(a.ID + "\n")
	}
	ring, ok := r.rings.Get(ids.String())
	if !ok || !content {
		var keys []crypto.PublicKey
		for _, one := range out {
			keys = append(keys, one.keys...)
		}
		// The keys have been read before: only their number can be refused, and then
		// those in excess sign nothing.
		var err error
		if ring, err = attest.NewKeyring(keys[:min(len(keys), attest.MaxRing)]...); err != nil {
			ring, _ = attest.NewKeyring()
		}
		r.rings.Put(ids.String(), ring)
	}
	return out, ring
}

// isDigest reports whether an id stands for content, so that it may be remembered by it.
func isDigest(id string) bool { return len(id) == 64 && strings.Trim(id, "0123456789abcdef") == "" }
