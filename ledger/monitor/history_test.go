package monitor

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hallmark-pki/hallmark/ledger"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

func appendEntries(t *testing.T, l *ledger.Log, entries ...receipt.Entry) {
	t.Helper()
	if _, err := l.AppendAll(t.Context(), entries); err != nil {
		t.Fatal(err)
	}
}

// got is what a Check handed out, in short.
type got struct {
	Index    uint64
	Type     string
	Findings []Problem
	IsOld    bool
}

func (w *watch) check() (all []got) {
	w.t.Helper()
	_, err := w.Check(w.t.Context(), func(e Entry) error {
		g := got{Index: e.Index, Type: e.Entry.Type, IsOld: e.IsOld}
		for _, f := range e.Findings {
			g.Findings = append(g.Findings, f.Problem)
		}
		all = append(all, g)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

func (w *watch) wants(want ...got) {
	w.t.Helper()
	if d := cmp.Diff(want, w.check()); d != "" {
		w.t.Error(d)
	}
}

func (w *watch) registerFile() []byte {
	w.t.Helper()
	raw, err := os.ReadFile(w.state + registerSuffix)
	if err != nil {
		w.t.Fatal(err)
	}
	return raw
}

// What is in force is known across Checks, and when it is not on file, it is found out
// again.
func TestCheckFinds(t *testing.T) {
	const accepted, withdrawn, issue = receipt.AssessmentAccepted, receipt.AssessmentWithdrawn, receipt.CertificateIssued
	l := openLog(t, t.TempDir(), 1)
	w := newWatch(t, l.Handler())
	w.wants()
	appendEntries(t, l, auditorKey("quill", "k"), about(accepted, "a", "k"), issued(1, acme, "a"), issued(2, acme, "b"))
	w.wants(got{0, receipt.AuditorKey, nil, false}, got{1, accepted, nil, false}, got{2, issue, nil, false}, got{3, issue, []Problem{NotAccepted}, false})
	w.wants()
	appendEntries(t, l, issued(3, acme, "a"), about(withdrawn, "a", "k"))
	w.wants(got{4, issue, nil, false}, got{5, withdrawn, nil, false})
	at6 := w.registerFile()
	appendEntries(t, l, issued(4, acme, "a"), issued(1, acme, "a"))
	w.wants(got{6, issue, []Problem{Ended}, false}, got{7, issue, nil, false})
	at8 := w.registerFile()

	old := []got{{3, issue, []Problem{NotAccepted}, true}, {6, issue, []Problem{Ended}, true}}
	lost := func(name string, change func(path string) error) {
		t.Run(name, func(t *testing.T) {
			if err := change(w.state + registerSuffix); err != nil {
				t.Fatal(err)
			}
			w.wants(old...)
			if !bytes.Equal(w.registerFile(), at8) {
				t.Errorf("made anew:\n%s\nwas:\n%s", w.registerFile(), at8)
			}
			w.wants()
		})
	}
	lost("lost", os.Remove)
	lost("from-before", func(path string) error { return os.WriteFile(path, at6, 0o644) })
	lost("empty", func(path string) error { return os.Truncate(path, 0) })
	lost("half-of-its-head", func(path string) error { return os.Truncate(path, 40) })

	// Damage behind the head is found when the register is needed.
	bad := bytes.Clone(at8)
	bad[len(bad)-1] = ' '
	if err := os.WriteFile(w.state+registerSuffix, bad, 0o644); err != nil {
		t.Fatal(err)
	}
	w.wants()
	appendEntries(t, l, issued(5, acme, "a"))
	w.wants(append(slices.Clone(old), got{8, issue, []Problem{Ended}, false})...)
	// The process died between the two files: the register is ahead of the state.
	state := w.stateFile()
	appendEntries(t, l, issued(6, acme, "a"))
	w.check()
	if err := os.WriteFile(w.state, state, 0o644); err != nil {
		t.Fatal(err)
	}
	w.wants(append(slices.Clone(old), got{8, issue, []Problem{Ended}, true}, got{9, issue, []Problem{Ended}, false})...)
}

// A register that cannot be made anew, since the log does not serve its entries any
// more, is not taken for an empty one.
func TestCheckWithoutOldEntries(t *testing.T) {
	l := openLog(t, t.TempDir(), 1)
	extend(t, l, 0, 1)
	w := newWatch(t, l.Handler())
	w.sees(0, 0, 1)
	if err := os.Remove(w.state + registerSuffix); err != nil {
		t.Fatal(err)
	}
	w.place.serve(changed(l.Handler(), "/tile/entries/", flip(20)))
	w.refuses(ErrUnproven)
	w.place.serve(l.Handler())
	w.sees(2)
}

func TestRegisterCannotBeWritten(t *testing.T) {
	l := openLog(t, t.TempDir(), 1)
	extend(t, l, 0)
	w := newWatch(t, l.Handler())
	if err := os.Mkdir(w.state+registerSuffix, 0o755); err != nil { // in its place
		t.Fatal(err)
	}
	if _, err := w.Check(t.Context(), func(Entry) error { return nil }); !errors.Is(err, ErrState) || len(w.stateFile()) > 0 {
		t.Errorf("%v, state %q", err, w.stateFile())
	}
}

// backup copies a log's directory as it is, while the log is closed.
func backup(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

func openAt(t *testing.T, dir string, minSize uint64) (*ledger.Log, error) {
	t.Helper()
	s, vkey := keys(t, 1)
	return ledger.Open(t.Context(), ledger.Options{Dir: dir, Signer: s, VKey: vkey, MinSize: minSize})
}

func shut(t *testing.T, l *ledger.Log) {
	t.Helper()
	if err := l.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// An old copy of the log is restored. The CA's own records refuse it; where they were
// restored too, whoever watches the log sees a rollback, and, as soon as it has grown
// beyond what was seen, a fork.
func TestRestoredCopy(t *testing.T) {
	dir := t.TempDir()
	l, err := openAt(t, dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	extend(t, l, 0, 1, 2)
	shut(t, l)
	old := backup(t, dir)
	l, err = openAt(t, dir, 3)
	if err != nil {
		t.Fatal(err)
	}
	extend(t, l, 3, 4)
	w := newWatch(t, l.Handler())
	w.sees(0, 0, 1, 2, 3, 4)
	shut(t, l)

	if l, err := openAt(t, old, 5); !errors.Is(err, ledger.ErrRolledBack) {
		t.Fatalf("records of 5 entries open a log of 3: %v, %v", l, err)
	}
	restored, err := openAt(t, old, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, restored)
	w.place.serve(restored.Handler())
	w.conflicts(RolledBack, 5, 3)
	extend(t, restored, 13)
	w.conflicts(RolledBack, 5, 4)
	extend(t, restored, 14)
	w.conflicts(Forked, 5, 5)
	extend(t, restored, 15)
	c := w.conflicts(Forked, 5, 6)
	if len(c.Proof) == 0 {
		t.Error("a fork of two sizes without proof")
	}
}

// The log shows two people different things. Each of them finds nothing wrong; either
// does as soon as it is shown the other's, in either direction.
func TestTwoViews(t *testing.T) {
	dir := t.TempDir()
	l, err := openAt(t, dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	extend(t, l, 0, 1)
	shut(t, l)
	copied := backup(t, dir)
	one, err := openAt(t, dir, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, one)
	two, err := openAt(t, copied, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, two)
	extend(t, one, 2, 3)
	extend(t, two, 12, 13, 14)
	first, second := newWatch(t, one.Handler()), newWatch(t, two.Handler())
	first.sees(0, 0, 1, 2, 3)
	second.sees(0, 0, 1, 12, 13, 14)
	first.place.serve(two.Handler())
	first.conflicts(Forked, 4, 5)
	second.place.serve(one.Handler())
	second.conflicts(RolledBack, 5, 4)
	extend(t, one, 4)
	second.conflicts(Forked, 5, 5)
	extend(t, one, 5, 6)
	second.conflicts(Forked, 5, 7)
}

// A monitor that demands cosignatures does without a log that has none.
func TestCheckDemandsWitnesses(t *testing.T) {
	name, key := "witness.example.com", ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	plain, err := note.NewEd25519VerifierKey(name, key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	vkey, err := fnote.VKeyToCosignatureV1(plain)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := fnote.NewSignerForCosignatureV1(fmt.Sprintf("PRIVATE+KEY+%s+00000000+%s", name, base64.StdEncoding.EncodeToString(append([]byte{4}, key.Seed()...))))
	if err != nil {
		t.Fatal(err)
	}
	witness, err := receipt.NewWitness(vkey)
	if err != nil {
		t.Fatal(err)
	}
	l := openLog(t, t.TempDir(), 1)
	extend(t, l, 0, 1)
	w := newWatch(t, l.Handler())
	w.policy.Witnesses = []note.Verifier{witness}
	w.refuses(ErrNotCosigned)
	w.place.serve(changed(l.Handler(), "/checkpoint", func(raw []byte) []byte {
		n, err := note.Open(raw, note.VerifierList(w.key))
		if err != nil {
			t.Error(err)
			return nil
		}
		if raw, err = note.Sign(n, signer); err != nil {
			t.Error(err)
		}
		return raw
	}))
	w.sees(0, 0, 1)

	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	_, logKey := keys(t, 1)
	f, err := New(Options{URL: srv.URL, Key: logKey, State: filepath.Join(t.TempDir(), "state"), Witnesses: []note.Verifier{witness}, Quorum: 1, Timeout: time.Second})
	if err != nil || len(f.policy.Witnesses) != 1 || f.policy.Quorum != 1 {
		t.Errorf("%+v, %v", f, err)
	}
	for _, quorum := range []int{-1, 2} {
		if _, err := New(Options{URL: srv.URL, Key: logKey, State: "state", Witnesses: []note.Verifier{witness}, Quorum: quorum}); err == nil {
			t.Errorf("a quorum of %d of one witness is accepted", quorum)
		}
	}
}
