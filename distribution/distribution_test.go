package distribution_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/distribution"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func key(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// site is a repository in memory, and what it is made with.
type site struct {
	t       *testing.T
	files   map[string][]byte
	keys    distribution.Keys
	root    crypto.Signer
	asked   int // how often the root key was opened
	content distribution.Content
}

func newSite(t *testing.T) *site {
	s := &site{t: t, files: map[string][]byte{}, root: key(t), content: distribution.Content{Trust: []byte("trust"), Status: []byte("status")}}
	s.keys = distribution.Keys{Online: key(t), Root: func(context.Context) (crypto.Signer, error) { s.asked++; return s.root, nil }}
	return s
}

func (s *site) have(name string) ([]byte, error) { return s.files[name], nil }

// advance returns the kinds of files that were written, in their order.
func (s *site) advance(at time.Time) (string, distribution.Step) {
	s.t.Helper()
	step, err := distribution.Advance(context.Background(), s.have, s.keys, s.content, at)
	if err != nil {
		s.t.Fatal(err)
	}
	var kinds []string
	for _, f := range step.Files {
		s.files[f.Name] = f.Body
		name := strings.Split(f.Name, ".")
		if name[0] == "timestamp" {
			name = append([]string{""}, name...)
		}
		if strings.HasPrefix(f.Name, "targets/") {
			name[1] = "/" + name[1]
		}
		kinds = append(kinds, name[1])
	}
	return strings.Join(kinds, " "), step
}

// TestAdvance: as much is made anew as has changed, and no more.
func TestAdvance(t *testing.T) {
	s := newSite(t)
	at := noon
	for _, c := range []struct {
		name string
		do   func()
		want string
	}{
		{"the first time", func() {}, "root /trust targets /status status snapshot timestamp"},
		{"at once again", func() {}, ""},
		{"an hour later", func() { at = at.Add(time.Hour) }, ""},
		{"half a day later", func() { at = at.Add(12 * time.Hour) }, "timestamp"},
		{"a status bundle", func() { s.content.Status = []byte("newer") }, "/status status snapshot timestamp"},
		{"a trust bundle", func() { s.content.Trust = []byte("newer") }, "/trust targets snapshot timestamp"},
		{"the one from before", func() { s.content.Trust = []byte("trust") }, "/trust targets snapshot timestamp"},
		{"four days later", func() { at = at.Add(4 * 24 * time.Hour) }, "/status status snapshot timestamp"},
		{"half a year later", func() { at = at.AddDate(0, 6, 2) }, "/trust targets /status status snapshot timestamp"},
		{"more than a year later", func() { at = at.AddDate(1, 1, 0) }, "root /trust targets /status status snapshot timestamp"},
		{"another online key", func() { s.keys.Online = key(t) }, "root /trust targets /status status snapshot timestamp"},
		{"the clock goes back an hour", func() { at = at.Add(-time.Hour); s.content.Status = []byte("x") }, "/status status snapshot timestamp"},
	} {
		c.do()
		got, step := s.advance(at)
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if n := len(step.Keep); n != 6 || !slices.Contains(step.Keep, distribution.Timestamp) {
			t.Errorf("%s: keeps %q", c.name, step.Keep)
		}
		for _, name := range step.Keep {
			if s.files[name] == nil {
				t.Errorf("%s: %s is not there", c.name, name)
			}
		}
	}
}

// TestRootKeyIsNeededRarely: it may be on a token, or cost a fifth of a second to open.
func TestRootKeyIsNeededRarely(t *testing.T) {
	s := newSite(t)
	s.advance(noon)
	if s.asked != 1 {
		t.Errorf("opened %d times for the first root and targets", s.asked)
	}
	s.content.Status = []byte("newer")
	s.advance(noon.Add(time.Hour))
	s.advance(noon.Add(24 * time.Hour))
	if s.asked != 1 {
		t.Errorf("opened %d times, and only the status has changed", s.asked)
	}
}

// TestRootIsHandedOver: from the CA's key to two of three operators, and what the server
// can still do afterwards.
func TestRootIsHandedOver(t *testing.T) {
	ctx := context.Background()
	s := newSite(t)
	s.advance(noon)
	a, b, c := key(t), key(t), key(t)
	powers := distribution.Powers{Root: []crypto.PublicKey{a.Public(), b.Public(), c.Public()}, Threshold: 2}
	next, err := distribution.NextRoot(s.have, powers, noon)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(raw []byte, keys ...crypto.Signer) []byte {
		t.Helper()
		for _, k := range keys {
			var err error
			if raw, err = distribution.Sign(ctx, raw, nil, k); err != nil {
				t.Fatal(err)
			}
		}
		return raw
	}
	if _, err := distribution.Sign(ctx, next, nil, key(t)); !errors.Is(err, distribution.ErrNotListed) {
		t.Error("a key that has no say signed:", err)
	}
	if _, err := distribution.ImportRoot(ctx, s.have, s.keys, sign(next, a)); err == nil {
		t.Error("one of two was enough")
	}
	if _, err := distribution.ImportRoot(ctx, s.have, s.keys, sign(next, a, a)); err == nil {
		t.Error("the same one twice was enough")
	}
	if _, err := distribution.ImportRoot(ctx, s.have, distribution.Keys{}, sign(next, a, b)); err == nil {
		t.Error("without the old root's agreement")
	}
	file, err := distribution.ImportRoot(ctx, s.have, s.keys, sign(next, a, c))
	if err != nil || file.Name != "2.root.json" {
		t.Fatal(file.Name, err)
	}
	s.files[file.Name] = file.Body
	if raw, version, err := distribution.NewestRoot(s.have); err != nil || version != 2 || !bytes.Equal(raw, file.Body) {
		t.Error(version, err)
	}
	if got, _ := s.advance(noon.Add(time.Hour)); got != "" {
		t.Errorf("nothing has changed for the server, and %q was written", got)
	}
	// With the targets too: they are not signed by those who now may, and nothing can be
	// published before they are.
	s = newSite(t)
	s.advance(noon)
	powers.Targets = []crypto.PublicKey{c.Public()}
	if next, err = distribution.NextRoot(s.have, powers, noon); err != nil {
		t.Fatal(err)
	}
	if file, err = distribution.ImportRoot(ctx, s.have, s.keys, sign(next, a, b)); err != nil {
		t.Fatal(err)
	}
	s.files[file.Name] = file.Body
	if _, err := distribution.Advance(ctx, s.have, s.keys, s.content, noon.Add(time.Hour)); !errors.Is(err, distribution.ErrHeldElsewhere) {
		t.Error(err)
	}
	// Operators who keep the root and leave the targets to the server: it goes on.
	s = newSite(t)
	s.advance(noon)
	powers.Targets = nil
	if next, err = distribution.NextRoot(s.have, powers, noon); err != nil {
		t.Fatal(err)
	}
	if file, err = distribution.ImportRoot(ctx, s.have, s.keys, sign(next, a, b)); err != nil {
		t.Fatal(err)
	}
	s.files[file.Name] = file.Body
	if got, _ := s.advance(noon.Add(time.Hour)); got != "" {
		t.Errorf("nothing has changed, and %q was written", got)
	}
	s.content = distribution.Content{Trust: []byte("newer"), Status: []byte("newer")}
	if got, _ := s.advance(noon.Add(time.Hour)); got != "/trust targets /status status snapshot timestamp" {
		t.Error(got)
	}
	if _, step := s.advance(noon.AddDate(1, 1, 0)); !strings.HasPrefix(step.Waiting, "root") {
		t.Errorf("half of the root's time is over, and it waits for %q", step.Waiting)
	}
}

func TestNextRootRefuses(t *testing.T) {
	s := newSite(t)
	a := key(t)
	one := distribution.Powers{Root: []crypto.PublicKey{a.Public()}, Threshold: 1}
	if _, err := distribution.NextRoot(s.have, one, noon); err == nil {
		t.Error("there is no root yet")
	}
	s.advance(noon)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]distribution.Powers{
		"nobody":       {Threshold: 1},
		"threshold 0":  {Root: one.Root},
		"threshold -1": {Root: one.Root, Threshold: -1},
		"of two one":   {Root: one.Root, Threshold: 2},
		"twice one":    {Root: []crypto.PublicKey{a.Public(), a.Public()}, Threshold: 2},
		"P-384":        {Root: []crypto.PublicKey{p384.Public()}, Threshold: 1},
		"too many":     {Root: slices.Repeat(one.Root, 17), Threshold: 1},
	} {
		if _, err := distribution.NextRoot(s.have, p, noon); err == nil {
			t.Errorf("%s: made", name)
		}
	}
	if _, err := distribution.Advance(context.Background(), newSite(t).have, distribution.Keys{Online: p384}, s.content, noon); err == nil {
		t.Error("P-384 online: accepted")
	}
}
