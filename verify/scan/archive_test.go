package scan_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/installed"
	"github.com/hallmark-pki/hallmark/verify/scan"
)

// TestArchive: a file in apt's archive counts for a package without a record, if it is
// signed and says itself that it is that package.
func TestArchive(t *testing.T) {
	m := newMachine(t)
	for _, name := range []string{"absent", "another", "bad", "bare", "good", "recorded"} {
		m.has(name, "1:2")
	}
	m.packages = append(m.packages, installed.Package{Manager: installed.RPM, Name: "rpm", Version: "1:2", Architecture: "amd64"})
	m.record(t, "recorded", "1:2", m.Leaf)
	c := m.config(t, policy(1))
	c.Archive = "/archive"
	c.File = func(_ context.Context, path string) verify.Verdict {
		name, ok := strings.CutPrefix(path, "/archive/")
		name, ok2 := strings.CutSuffix(name, "_1%3a2_amd64.deb")
		if !ok || !ok2 || name == "recorded" || name == "rpm" {
			t.Errorf("asked about %s", path)
		}
		v := verify.Verdict{Outcome: verify.Valid, Package: format.Package{Name: name, Version: "1:2", Architecture: "amd64"}, Signature: []byte("x")}
		switch name {
		case "absent":
			return verify.Verdict{Outcome: verify.CouldNotTell}
		case "another":
			v.Package.Version = "1:3"
		case "bad":
			v.Outcome, v.Reasons = verify.NotValid, []verify.Reason{{Code: verify.Revoked}}
		case "bare":
			v.Outcome, v.Signature, v.Reasons = verify.NotValid, nil, []verify.Reason{{Code: verify.Unsigned}}
		}
		return v
	}
	want := []string{"absent no-record", "another no-record", "bad not-valid revoked", "bare no-record", "good valid", "recorded valid", "rpm no-record"}
	if diff := cmp.Diff(want, states(c)); diff != "" {
		t.Error(diff)
	}
	c.Archive = ""
	c.Packages = c.Packages[:1]
	if got := states(c); got[0] != "absent no-record" {
		t.Error(got)
	}
	var _ scan.Judge = (*verify.Verifier)(nil)
}
