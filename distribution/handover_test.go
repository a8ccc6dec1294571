package distribution_test

import (
	"context"
	"crypto"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata/trustedmetadata"

	"github.com/hallmark-pki/hallmark/distribution"
)

// follow has a client that trusts the first root read what is published.
func (s *site) follow(first []byte, roots ...string) error {
	chain, err := trustedmetadata.New(first)
	if err != nil {
		return err
	}
	chain.RefTime = noon
	for _, name := range roots {
		if _, err := chain.UpdateRoot(s.files[name]); err != nil {
			return err
		}
	}
	_, err = chain.UpdateTimestamp(s.files[distribution.Timestamp])
	return err
}

// TestHandOver: a new key takes over root and targets, by a root that both keys signed; the
// key before is asked once and then has no power.
func TestHandOver(t *testing.T) {
	s := newSite(t)
	s.advance(noon)
	first, old, asked := s.files["1.root.json"], s.root, 0
	s.root = key(t)
	s.keys.Former = func(context.Context) (crypto.Signer, error) { asked++; return old, nil }
	if got, _ := s.advance(noon); got != "root /trust targets snapshot timestamp" {
		t.Errorf("wrote %q", got)
	}
	if err := s.follow(first, "2.root.json"); err != nil {
		t.Error(err)
	}
	if got, _ := s.advance(noon.Add(time.Hour)); got != "" || asked != 1 {
		t.Errorf("then %q, the former key asked %d times", got, asked)
	}
	next, err := distribution.NextRoot(s.have, distribution.Powers{Root: []crypto.PublicKey{s.root.Public()}, Threshold: 1}, noon)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := distribution.Sign(t.Context(), next, s.files["2.root.json"], old); !errors.Is(err, distribution.ErrNotListed) {
		t.Errorf("the former key signs on: %v", err)
	}
}

// TestHandOverIsSigned: a root that only the new key signed is refused by who knows the
// one before.
func TestHandOverIsSigned(t *testing.T) {
	s := newSite(t)
	s.advance(noon)
	other := newSite(t)
	other.advance(noon)
	stolen := other.root
	other.root = key(t)
	other.keys.Former = func(context.Context) (crypto.Signer, error) { return stolen, nil }
	other.advance(noon)
	if err := other.follow(s.files["1.root.json"], "2.root.json"); err == nil {
		t.Error("a root that none of its keys signed was followed")
	}
}

// TestRolloverUnderOperators: where operators hold the root, they list the next online key
// before it signs, and the server goes on with either.
func TestRolloverUnderOperators(t *testing.T) {
	s := newSite(t)
	s.advance(noon)
	operator, next := key(t), key(t)
	first := s.files["1.root.json"]
	listing := func(online ...crypto.PublicKey) {
		t.Helper()
		raw, err := distribution.NextRoot(s.have, distribution.Powers{Root: []crypto.PublicKey{operator.Public()}, Threshold: 1, Online: online}, noon)
		if err == nil {
			raw, err = distribution.Sign(t.Context(), raw, nil, operator)
		}
		if err != nil {
			t.Fatal(err)
		}
		f, err := distribution.ImportRoot(t.Context(), s.have, s.keys, raw)
		if err != nil {
			t.Fatal(err)
		}
		s.files[f.Name] = f.Body
	}
	now := s.keys.Online
	listing(now.Public(), next.Public())
	s.advance(noon)
	if err := s.follow(first, "2.root.json"); err != nil {
		t.Error(err)
	}
	s.keys.Online = next
	if got, _ := s.advance(noon); !strings.Contains(got, "timestamp") || strings.Contains(got, "root") {
		t.Errorf("with the next key: %q", got)
	}
	if err := s.follow(first, "2.root.json"); err != nil {
		t.Error(err)
	}
	s.keys.Online = key(t)
	if _, err := distribution.Advance(t.Context(), s.have, s.keys, s.content, noon); !errors.Is(err, distribution.ErrHeldElsewhere) {
		t.Errorf("with a key that nobody listed: %v", err)
	}
}

// TestEnds: each role's metadata ends when it says, and nothing does before there is any.
func TestEnds(t *testing.T) {
	s := newSite(t)
	if ends, err := distribution.Ends(s.have); err != nil || len(ends) != 0 {
		t.Errorf("before anything is published: %v %v", ends, err)
	}
	s.advance(noon)
	ends, err := distribution.Ends(s.have)
	if err != nil {
		t.Fatal(err)
	}
	days := map[string]int{}
	for role, end := range ends {
		days[role] = int(end.Sub(noon).Hours() / 24)
	}
	for role, want := range map[string]int{"root": 730, "targets": 365, "snapshot": 7, "status": 7, "timestamp": 3} {
		if days[role] != want {
			t.Errorf("%s ends in %d days, want %d", role, days[role], want)
		}
	}
}
