package receipt

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

const origin = "log.example.com/test"

// testLog is a log in memory with a key made for tests.
type testLog struct {
	signer   note.Signer
	verifier note.Verifier
	leaves   [][]byte
}

func newLog(t testing.TB, name string, seed byte) *testLog {
	t.Helper()
	priv := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	vkey, err := note.NewEd25519VerifierKey(name, priv.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	skey := fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", name, v.KeyHash(), base64.StdEncoding.EncodeToString(append([]byte{1}, priv.Seed()...)))
	s, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return &testLog{signer: s, verifier: v}
}

func hashOf(leaves [][]byte) []byte {
	h := rfc6962.DefaultHasher
	switch len(leaves) {
	case 0:
		return h.EmptyRoot()
	case 1:
		return h.HashLeaf(leaves[0])
	}
	k := 1
	for 2*k < len(leaves) {
		k *= 2
	}
	return h.HashChildren(hashOf(leaves[:k]), hashOf(leaves[k:]))
}

// path is the inclusion proof by its definition, RFC 6962 §2.1.1.
func path(i int, leaves [][]byte) [][32]byte {
	if len(leaves) <= 1 {
		return nil
	}
	k := 1
	for 2*k < len(leaves) {
		k *= 2
	}
	if i < k {
		return append(path(i, leaves[:k]), [32]byte(hashOf(leaves[k:])))
	}
	return append(path(i-k, leaves[k:]), [32]byte(hashOf(leaves[:k])))
}

func (l *testLog) note(t testing.TB, text string) []byte {
	t.Helper()
	raw, err := note.Sign(&note.Note{Text: text}, l.signer)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (l *testLog) checkpoint(t testing.TB) []byte {
	t.Helper()
	return l.note(t, string(log.Checkpoint{Origin: l.signer.Name(), Size: uint64(len(l.leaves)), Hash: hashOf(l.leaves)}.Marshal()))
}

func (l *testLog) receipt(t testing.TB, i int) []byte {
	t.Helper()
	return Marshal(l.leaves[i], uint64(i), path(i, l.leaves), l.checkpoint(t))
}

func filled(t testing.TB, n int) *testLog {
	t.Helper()
	l := newLog(t, origin, 1)
	for i := range n {
		e := accepted()
		if i%2 == 1 {
			e = withdrawn()
		}
		e.Level = 1 + i
		raw, err := e.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		l.leaves = append(l.leaves, raw)
	}
	return l
}

func wantReason(t *testing.T, err error, want Reason) {
	t.Helper()
	if !Is(err, want) {
		t.Errorf("error %v, want reason %s", err, want)
	}
}

func TestVerify(t *testing.T) {
	other := newLog(t, "other.example.com/log", 2)
	for _, n := range []int{1, 2, 3, 7, 8, 9} {
		l := filled(t, n)
		for i := range n {
			raw := l.receipt(t, i)
			r, err := Verify(raw, other.verifier, l.verifier, l.verifier)
			if err != nil {
				t.Fatalf("entry %d of %d: %v\n%s", i, n, err, raw)
			}
			e := accepted()
			if i%2 == 1 {
				e = withdrawn()
			}
			e.Level = 1 + i
			want := Receipt{Raw: raw, Origin: origin, Index: uint64(i), TreeSize: uint64(n), Entry: e}
			if d := cmp.Diff(want, r); d != "" {
				t.Error(d)
			}
		}
	}
}

// A witness's signature beside the log's is neither needed nor in the way.
func TestCosigned(t *testing.T) {
	l, w := filled(t, 3), newLog(t, "witness.example.com", 3)
	n, err := note.Open(l.checkpoint(t), note.VerifierList(l.verifier))
	if err != nil {
		t.Fatal(err)
	}
	cosigned, err := note.Sign(n, w.signer)
	if err != nil {
		t.Fatal(err)
	}
	raw := Marshal(l.leaves[1], 1, path(1, l.leaves), cosigned)
	for name, keys := range map[string][]note.Verifier{"log": {l.verifier}, "both": {w.verifier, l.verifier}} {
		if _, err := Verify(raw, keys...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = Verify(raw, w.verifier)
	wantReason(t, err, WrongOrigin)
}

func TestVerifyRefuses(t *testing.T) {
	l := filled(t, 7)
	good := string(l.receipt(t, 3))
	lines := strings.Split(good, "\n")
	line := func(i int, s string) string {
		c := append([]string(nil), lines...)
		c[i] = s
		return strings.Join(c, "\n")
	}
	if !strings.HasPrefix(lines[1], "extra ") || lines[2] != "index 3" || lines[6] != "" || lines[7] != origin || lines[8] != "7" {
		t.Fatalf("the receipt has another shape than this test cuts up:\n%s", good)
	}
	entry := base64.StdEncoding.EncodeToString
	stranger, other := newLog(t, origin, 9), newLog(t, "other.example.com/log", 2)
	signed := func(k *testLog, text string) string {
		return string(Marshal(l.leaves[3], 3, path(3, l.leaves), k.note(t, text)))
	}
	text := string(log.Checkpoint{Origin: origin, Size: 7, Hash: hashOf(l.leaves)}.Marshal())
	wrongRoot := string(log.Checkpoint{Origin: origin, Size: 7, Hash: hashOf(l.leaves[:6])}.Marshal())
	junk := [][]byte{[]byte("no entry")}
	cases := map[string]struct {
		raw  string
		want Reason
	}{
		"empty":                      {"", Malformed},
		"other header":               {line(0, "c2sp.org/tlog-proof@v2"), Malformed},
		"entry changed":              {line(1, "extra "+entry(l.leaves[1])), NotIncluded},
		"entry absent":               {strings.Join(append(lines[:1:1], lines[2:]...), "\n"), BadEntry},
		"entry empty":                {line(1, "extra "), BadEntry},
		"entry not base64":           {line(1, "extra ****"), Malformed},
		"entry unpadded":             {line(1, strings.TrimRight(lines[1], "=")+"="), Malformed},
		"index changed":              {line(2, "index 2"), NotIncluded},
		"index past the end":         {line(2, "index 7"), NotIncluded},
		"index huge":                 {line(2, "index 18446744073709551615"), NotIncluded},
		"index too huge":             {line(2, "index 18446744073709551616"), Malformed},
		"index negative":             {line(2, "index -1"), Malformed},
		"index with zero":            {line(2, "index 03"), Malformed},
		"index with return":          {line(2, "index 3\r"), Malformed},
		"hashes swapped":             {strings.Join(append(append(lines[:3:3], lines[4], lines[3]), lines[5:]...), "\n"), NotIncluded},
		"hash missing":               {strings.Join(append(lines[:3:3], lines[4:]...), "\n"), NotIncluded},
		"hash twice":                 {strings.Join(append(lines[:4:4], lines[3:]...), "\n"), NotIncluded},
		"hash short":                 {line(3, "AAAA"), Malformed},
		"65 hashes":                  {strings.Join(append(append(lines[:3:3], strings.Split(strings.Repeat(lines[3]+"\n", 65), "\n")[:65]...), lines[6:]...), "\n"), TooLarge},
		"no empty line":              {strings.Join(append(lines[:6:6], lines[7:]...), "\n"), Malformed},
		"origin changed":             {line(7, "log.example.com/best"), UnknownLog},
		"size changed":               {line(8, "8"), UnknownLog},
		"root changed":               {line(9, entry(hashOf(l.leaves[:6]))), UnknownLog},
		"no signature":               {strings.Join(append(lines[:11:11], ""), "\n"), BadCheckpoint},
		"signature changed":          {line(11, lines[11][:60]+"AAAA"+lines[11][64:]), UnknownLog},
		"text after":                 {good + "x\n", BadCheckpoint},
		"line feed missing":          {good[:len(good)-1], Malformed},
		"cut":                        {good[:len(good)/2], Malformed},
		"same name, another key":     {signed(stranger, text), UnknownLog},
		"another log's name":         {signed(other, text), WrongOrigin},
		"another tree":               {signed(l, wrongRoot), NotIncluded},
		"size zero":                  {signed(l, string(log.Checkpoint{Origin: origin, Hash: hashOf(nil)}.Marshal())), NotIncluded},
		"size with zero":             {signed(l, strings.Replace(text, "\n7\n", "\n07\n", 1)), BadCheckpoint},
		"short root":                 {signed(l, origin+"\n7\nAAAA\n"), BadCheckpoint},
		"extension line":             {signed(l, text+"more\n"), BadCheckpoint},
		"not a checkpoint":           {signed(l, "hello\n"), BadCheckpoint},
		"included, but not an entry": {string(Marshal(junk[0], 0, nil, l.note(t, string(log.Checkpoint{Origin: origin, Size: 1, Hash: hashOf(junk)}.Marshal())))), BadEntry},
		"large":                      {good + strings.Repeat("\n", MaxReceipt), TooLarge},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r, err := Verify([]byte(c.raw), l.verifier, other.verifier)
			wantReason(t, err, c.want)
			if r.Raw != nil || r.Origin != "" {
				t.Error("a refused receipt gave content")
			}
		})
	}
	if _, err := Verify([]byte(good), l.verifier, other.verifier); err != nil {
		t.Errorf("the undamaged receipt: %v", err)
	}
	_, err := Verify([]byte(good))
	wantReason(t, err, UnknownLog)
}

// No single byte of a receipt can be changed: there is nothing in it that is not
// verified or fixed.
func TestEveryByteCounts(t *testing.T) {
	l := filled(t, 7)
	good := l.receipt(t, 3)
	for i := range good {
		for _, bit := range []byte{1, 4, 32} {
			bad := bytes.Clone(good)
			bad[i] ^= bit
			if _, err := Verify(bad, l.verifier); err == nil {
				t.Fatalf("byte %d changed from %q to %q and accepted", i, good[i], bad[i])
			}
		}
	}
}

// TestCorporaMerkle runs the library's own cases: a verifier that would accept a bad
// proof is not one to build on. An inclusion proof in a subtree is one in a tree of
// that size. Consistency of subtrees is newer than our version of the library, and
// nothing here proves or verifies it: those files are counted, not judged.
// TestCorporaCheckpoints reads a log that another implementation wrote.
// The verifier that runs before every installation links this package.
func TestLightDependencies(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	if !strings.Contains(string(out), "transparency-dev/merkle/proof") {
		t.Fatal("go list does not show the proof library: the test looks at the wrong thing")
	}
	for _, dep := range strings.Fields(string(out)) {
		if dep == "net/http" || dep == "net" || strings.Contains(dep, "tessera") || strings.Contains(dep, "protobuf") {
			t.Errorf("receipt depends on %s", dep)
		}
	}
}
