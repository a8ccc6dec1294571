package install_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/install"
	"github.com/hallmark-pki/hallmark/verify/installed"
)

// TestRecord: what is let in is on record once, and again when something about it is new.
func TestRecord(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "installed")
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r := install.Recorder{Dir: dir, Policy: [32]byte{1}, Now: func() time.Time { return now }}
	v := verify.Verdict{
		Outcome: verify.Valid, Digest: strings.Repeat("ab", 32), Signature: []byte("signature"),
		Package: format.Package{Name: "hello", Version: "1.0", Architecture: "all"},
	}
	p := installed.Package{Manager: installed.Dpkg, Name: "hello", Architecture: "all"}
	record := func(want int, at time.Time) {
		t.Helper()
		if err := r.Record(v); err != nil {
			t.Fatal(err)
		}
		h, err := installed.Read(os.DirFS(dir), p)
		if err != nil {
			t.Fatal(err)
		}
		if len(h.Records) != want || !h.Records[0].At.Equal(at) || h.Records[0].Version != v.Package.Version || !bytes.Equal(h.Records[0].Signature, v.Signature) {
			t.Errorf("%d records, the newest %+v", len(h.Records), h.Records[0])
		}
	}
	first := now
	record(1, first)
	now = now.Add(time.Minute)
	record(1, first) // dpkg asks after apt
	v.Package.Version = "1.1"
	record(2, now)
	now = now.Add(2 * time.Hour)
	record(2, now) // installed again
	now = now.Add(time.Minute)
	r.Policy = [32]byte{2}
	record(2, now)
	now = now.Add(-24 * time.Hour) // the clock was set back
	record(2, now)

	for _, unread := range []verify.Verdict{{Outcome: verify.NotValid, Digest: v.Digest}, {Package: v.Package}} {
		if err := r.Record(unread); err != nil {
			t.Error(err)
		}
	}
	if err := r.Record(verify.Verdict{Outcome: verify.Valid, Digest: v.Digest}); err == nil {
		t.Error("a package that nobody could name later was let in")
	}
	r.Dir = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(r.Dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.Record(v); err == nil {
		t.Error("recorded in a folder that is none")
	}
}
