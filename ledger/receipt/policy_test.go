package receipt

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// testWitness cosigns with the library's code.
type testWitness struct {
	vkey     string
	signer   note.Signer
	verifier note.Verifier
}

func newWitness(t testing.TB, name string, seed byte) testWitness {
	t.Helper()
	plain := newLog(t, name, seed)
	priv := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	vkey, err := note.NewEd25519VerifierKey(name, priv.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	if vkey, err = fnote.VKeyToCosignatureV1(vkey); err != nil {
		t.Fatal(err)
	}
	s, err := fnote.NewSignerForCosignatureV1(fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", name, plain.verifier.KeyHash(), base64.StdEncoding.EncodeToString(append([]byte{4}, priv.Seed()...))))
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewWitness(vkey)
	if err != nil {
		t.Fatal(err)
	}
	return testWitness{vkey, s, v}
}

// cosigned is a receipt of entry 1 of 3 with these signatures besides the log's.
func cosigned(t testing.TB, l *testLog, by ...note.Signer) []byte {
	t.Helper()
	n, err := note.Open(l.checkpoint(t), note.VerifierList(l.verifier))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range by {
		// One after the other: note.Sign drops what it finds of the same name.
		raw, err := note.Sign(n, s)
		if err != nil {
			t.Fatal(err)
		}
		n.Sigs = append(n.Sigs, lastSignature(t, raw))
	}
	raw, err := note.Sign(n)
	if err != nil {
		t.Fatal(err)
	}
	return Marshal(l.leaves[1], 1, path(1, l.leaves), raw)
}

func lastSignature(t testing.TB, raw []byte) note.Signature {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")
	_, rest, _ := strings.Cut(lines[len(lines)-1], "— ")
	name, text, ok := strings.Cut(rest, " ")
	sig, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(sig) < 5 {
		t.Fatalf("no signature in %q: %v", rest, err)
	}
	return note.Signature{Name: name, Hash: uint32(sig[0])<<24 | uint32(sig[1])<<16 | uint32(sig[2])<<8 | uint32(sig[3]), Base64: text}
}

func TestPolicy(t *testing.T) {
	l := filled(t, 3)
	a, b, c := newWitness(t, "a.example.com", 11), newWitness(t, "b.example.com", 12), newWitness(t, "c.example.com", 13)
	plain := newLog(t, "p.example.com", 14)          // signs, but not as a witness does
	sameName := newWitness(t, "a.example.com", 15)   // another key
	secondName := newWitness(t, "z.example.com", 11) // of a's key
	logsName := newWitness(t, origin, 16)            // a witness that has the log's name
	none, both := cosigned(t, l), cosigned(t, l, b.signer, a.signer)
	keys := func(list ...testWitness) (all []note.Verifier) {
		for _, w := range list {
			all = append(all, w.verifier)
		}
		return all
	}
	for name, c := range map[string]struct {
		raw       []byte
		witnesses []note.Verifier
		quorum    int
		want      []string // names; nil with isBad, or nobody was asked for
		isBad     bool
	}{
		"nobody asked, nobody signed": {none, nil, 0, nil, false},
		"nobody asked":                {both, nil, 0, nil, false},
		"all of two":                  {both, keys(a, b), 0, []string{"a.example.com", "b.example.com"}, false},
		"two of two":                  {both, keys(a, b), 2, []string{"a.example.com", "b.example.com"}, false},
		"one of two":                  {both, keys(a, b), 1, []string{"a.example.com", "b.example.com"}, false},
		"two of three":                {both, keys(a, b, c), 2, []string{"a.example.com", "b.example.com"}, false},
		"all of three":                {both, keys(a, b, c), 0, nil, true},
		"three of three":              {both, keys(a, b, c), 3, nil, true},
		"none of two":                 {none, keys(a, b), 1, nil, true},
		"a stranger":                  {both, keys(c), 0, nil, true},
		"the same key twice":          {cosigned(t, l, a.signer), keys(a, a), 2, nil, true},
		"one key under two names":     {cosigned(t, l, a.signer, secondName.signer), keys(a, secondName), 2, nil, true},
		"signed twice by one":         {cosigned(t, l, a.signer, a.signer), keys(a, b), 2, nil, true},
		"another key of that name":    {cosigned(t, l, sameName.signer), keys(a), 0, nil, true},
		"beside a key of that name":   {cosigned(t, l, sameName.signer, a.signer), keys(a), 0, []string{"a.example.com"}, false},
		"quorum above the number":     {both, keys(a, b), 3, nil, true},
		"quorum of nobody":            {both, nil, 1, nil, true},
		"quorum negative":             {both, keys(a, b), -1, nil, true},
		"not a cosignature":           {cosigned(t, l, plain.signer), []note.Verifier{newWitness(t, "p.example.com", 14).verifier}, 0, nil, true},
		"the log's own signature":     {none, keys(logsName), 0, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Policy{Logs: []note.Verifier{l.verifier}, Witnesses: c.witnesses, Quorum: c.quorum}.Verify(c.raw)
			if c.isBad {
				wantReason(t, err, NotCosigned)
				if r.Raw != nil {
					t.Error("a refused receipt gave content")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range r.Cosignatures {
				got = append(got, s.Witness)
				if s.At.Location() != time.UTC || time.Since(s.At).Abs() > time.Minute {
					t.Errorf("cosigned at %v", s.At)
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
	// A witness is not the log, whatever its name.
	_, err := Policy{Logs: []note.Verifier{newLog(t, origin, 9).verifier}, Witnesses: keys(logsName)}.Verify(cosigned(t, l, logsName.signer))
	wantReason(t, err, UnknownLog)
	// A bad cosignature by a witness that counts is not passed over, enough others or not.
	bad := bytes.Replace(both, []byte(" "+lastOf(t, both)[:60]), []byte(" "+lastOf(t, both)[:56]+"AAAA"), 1)
	_, err = Policy{Logs: []note.Verifier{l.verifier}, Witnesses: keys(a, b), Quorum: 1}.Verify(bad)
	wantReason(t, err, NotCosigned)
}

func lastOf(t testing.TB, raw []byte) string { return lastSignature(t, raw).Base64 }

// No byte of a cosignature can be changed.
func TestEveryByteOfACosignatureCounts(t *testing.T) {
	l, w := filled(t, 3), newWitness(t, "witness.example.com", 11)
	good := cosigned(t, l, w.signer)
	p := Policy{Logs: []note.Verifier{l.verifier}, Witnesses: []note.Verifier{w.verifier}}
	if _, err := p.Verify(good); err != nil {
		t.Fatal(err)
	}
	from := bytes.LastIndex(good, []byte("\n— "))
	for i := from; i < len(good); i++ {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		if _, err := p.Verify(bad); err == nil {
			t.Fatalf("byte %d changed from %q and accepted", i, good[i])
		}
	}
}

func TestNewWitness(t *testing.T) {
	w := newWitness(t, "witness.example.com/w1", 11)
	theirs, err := fnote.NewVerifierForCosignatureV1(w.vkey)
	if err != nil {
		t.Fatal(err)
	}
	if w.verifier.Name() != theirs.Name() || w.verifier.KeyHash() != theirs.KeyHash() {
		t.Errorf("%s %08x, the library has %s %08x", w.verifier.Name(), w.verifier.KeyHash(), theirs.Name(), theirs.KeyHash())
	}
	text := []byte("log.example.com\n3\nroot\n")
	sig, err := w.signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	late := bytes.Clone(sig)
	copy(late, "\xff\xff\xff\xff\xff\xff\xff\xff")
	for name, c := range map[string]struct {
		text, sig []byte
		want      bool
	}{
		"good":         {text, sig, true},
		"other text":   {text[1:], sig, false},
		"short":        {text, sig[:len(sig)-1], false},
		"long":         {text, append(bytes.Clone(sig), 0), false},
		"without time": {text, sig[8:], false},
		"empty":        {text, nil, false},
		"year 10000":   {text, late, false},
	} {
		if got := w.verifier.Verify(c.text, c.sig); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		if got := theirs.Verify(c.text, c.sig); got != c.want {
			t.Errorf("%s: the library says %v", name, got)
		}
	}
	name, rest, _ := strings.Cut(w.vkey, "+")
	hash, key, _ := strings.Cut(rest, "+")
	plain := newLog(t, "x", 3)
	for what, vkey := range map[string]string{
		"empty": "", "name only": name, "no key": name + "+" + hash, "not base64": name + "+" + hash + "+***",
		"another name":      "witness.example.com/w2+" + rest,
		"another hash":      name + "+00000000+" + key,
		"hash in capitals":  name + "+" + strings.ToUpper(hash) + "+" + key,
		"short key":         name + "+" + hash + "+" + key[:40],
		"no name":           "+" + rest,
		"name with a blank": "a b+" + rest,
		"name not UTF-8":    "\xff+" + rest,
		"name too long":     strings.Repeat("a", maxName+1) + "+" + rest,
		"key of a log":      fmt.Sprintf("x+%08x+%s", plain.verifier.KeyHash(), base64.StdEncoding.EncodeToString(append([]byte{1}, make([]byte, 32)...))),
	} {
		if v, err := NewWitness(vkey); err == nil {
			t.Errorf("%s: %v", what, v)
		}
	}
}
