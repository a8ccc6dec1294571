package install_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/install"
)

// says is a judge that says the same of every file.
func says(codes ...verify.Code) func(context.Context, string) verify.Verdict {
	return func(_ context.Context, path string) verify.Verdict {
		v := verify.Verdict{File: path, Outcome: verify.Valid}
		for _, c := range codes {
			v.Reasons = append(v.Reasons, verify.Reason{Code: c})
			v.Outcome = c.Outcome()
		}
		return v
	}
}

func deb(t *testing.T, members ...string) string {
	t.Helper()
	raw := pki.Deb([]byte("payload"))
	for _, name := range members {
		raw = append(raw, (name + strings.Repeat(" ", 16-len(name)) + "0           0     0     100644  2         `\nab")...)
	}
	path := filepath.Join(t.TempDir(), "a.deb")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestGate: what the judge says, where the file lies, and what it is, together.
func TestGate(t *testing.T) {
	yes := func(context.Context, string) error { return nil }
	no := func(context.Context, string) error { return errors.New("no") }
	for name, c := range map[string]struct {
		judge   func(context.Context, string) verify.Verdict
		openPGP func(context.Context, string) error
		members []string
		open    bool // others may write
		outcome verify.Outcome
		codes   []verify.Code
	}{
		"good":                                {judge: says(), outcome: verify.Valid},
		"bad":                                 {judge: says(verify.Revoked), outcome: verify.NotValid, codes: []verify.Code{verify.Revoked}},
		"good, replaceable":                   {judge: says(), open: true, outcome: verify.CouldNotTell, codes: []verify.Code{verify.FileReplaceable}},
		"bad, replaceable":                    {judge: says(verify.Revoked), open: true, outcome: verify.NotValid, codes: []verify.Code{verify.Revoked, verify.FileReplaceable}},
		"unsigned":                            {judge: says(verify.Unsigned), openPGP: yes, outcome: verify.NotValid, codes: []verify.Code{verify.Unsigned}},
		"OpenPGP, nobody is asked":            {judge: says(verify.Unsigned), members: []string{"_gpgorigin"}, outcome: verify.NotValid, codes: []verify.Code{verify.Unsigned}},
		"OpenPGP, taken":                      {judge: says(verify.Unsigned), members: []string{"_gpgorigin"}, openPGP: yes, outcome: verify.Valid},
		"OpenPGP, not taken":                  {judge: says(verify.Unsigned), members: []string{"_gpgorigin"}, openPGP: no, outcome: verify.NotValid, codes: []verify.Code{verify.Unsigned}},
		"OpenPGP, replaceable":                {judge: says(verify.Unsigned), members: []string{"_gpgorigin"}, openPGP: yes, open: true, outcome: verify.NotValid, codes: []verify.Code{verify.Unsigned, verify.FileReplaceable}},
		"OpenPGP, and ours is bad":            {judge: says(verify.Revoked), members: []string{"_gpgorigin"}, openPGP: yes, outcome: verify.NotValid, codes: []verify.Code{verify.Revoked}},
		"OpenPGP, and ours could not tell":    {judge: says(verify.RevocationUnknown), members: []string{"_gpgorigin"}, openPGP: yes, outcome: verify.CouldNotTell, codes: []verify.Code{verify.RevocationUnknown}},
		"OpenPGP, and something else too":     {judge: says(verify.Unsigned, verify.PolicyUnusable), members: []string{"_gpgorigin"}, openPGP: yes, outcome: verify.CouldNotTell, codes: []verify.Code{verify.Unsigned, verify.PolicyUnusable}},
		"another's signature of another kind": {judge: says(verify.Unsigned), members: []string{"_gpgbuilder"}, openPGP: yes, outcome: verify.NotValid, codes: []verify.Code{verify.Unsigned}},
	} {
		path := deb(t, c.members...)
		if c.open {
			if err := os.Chmod(path, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		g := install.Gate{Judge: c.judge, Owners: install.Owners(), OpenPGP: c.openPGP}
		v := g.File(t.Context(), path)
		var codes []verify.Code
		for _, r := range v.Reasons {
			codes = append(codes, r.Code)
		}
		if v.Outcome != c.outcome || !slices.Equal(codes, c.codes) {
			t.Errorf("%s: %v %v", name, v.Outcome, v.Reasons)
		}
		if noted := len(v.Notes) == 1 && v.Notes[0].Code == verify.NoteOpenPGP; noted != (name == "OpenPGP, taken") {
			t.Errorf("%s: notes %v", name, v.Notes)
		}
	}
	// Good, but not a package: nobody knows what dpkg finds in it.
	path := filepath.Join(t.TempDir(), "a.deb")
	if err := os.WriteFile(path, []byte("0.939000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	g := install.Gate{Judge: says(), Owners: install.Owners()}
	if v := g.File(t.Context(), path); v.Outcome != verify.NotValid || !v.Has(verify.ContainerMalformed) {
		t.Errorf("%v %v", v.Outcome, v.Reasons)
	}
}

// TestGateWarns: a warning lets no file pass that dpkg may take for a package which is
// refused by its name.
func TestGateWarns(t *testing.T) {
	for _, c := range []struct {
		enforces bool
		is       format.Package
		warn     bool
	}{
		{false, format.Package{}, true},
		{true, format.Package{}, false},
		{true, format.Package{Name: "other", Version: "1", Architecture: "all"}, true},
	} {
		g := install.Gate{Owners: install.Owners(), EnforcesPackages: c.enforces, Judge: func(_ context.Context, path string) verify.Verdict {
			return verify.Verdict{File: path, Outcome: verify.NotValid, Reasons: []verify.Reason{{Code: verify.Unsigned}}, Warn: true, Package: c.is}
		}}
		if v := g.File(t.Context(), deb(t)); v.Warn != c.warn {
			t.Errorf("%+v: warn %t", c, v.Warn)
		}
	}
}

// TestTransactionInOrder: many at once come back in apt's order, each counted once; and
// the report says what was decided.
func TestTransactionInOrder(t *testing.T) {
	good := deb(t)
	var tr install.Transaction
	for i := range 100 {
		c := install.Change{Package: "p", Action: install.Unpack, Direction: install.Upgrade, File: good + strings.Repeat("x", i%3)}
		tr.Changes = append(tr.Changes, c, install.Change{Package: "p", Action: install.Configure})
	}
	tr.Changes = append(tr.Changes, install.Change{Package: "q", Action: install.Remove})
	g := install.Gate{Owners: install.Owners(), Judge: func(ctx context.Context, path string) verify.Verdict {
		if path == good {
			return says()(ctx, path)
		}
		v := says(verify.FileUnreadable)(ctx, path)
		v.Warn = strings.HasSuffix(path, "xx")
		return v
	}}
	last := 0
	r := install.Report{Time: time.Unix(0, 0), Packages: g.Transaction(t.Context(), tr, func(n int) {
		if n != last+1 {
			t.Errorf("%d after %d", n, last)
		}
		last = n
	})}
	r.Count(tr)
	for i, j := range r.Packages {
		if j.File != tr.Changes[2*i].File || j.Verdict.File != j.File {
			t.Fatalf("%d: %s, %s", i, j.File, j.Verdict.File)
		}
	}
	if last != 100 || r.Refused != 33 || r.Warned != 33 || r.Configured != 100 || r.Removed != 1 || r.Decision() != "refused" {
		t.Errorf("%d %+v", last, r)
	}
	raw, err := json.Marshal(r)
	if err != nil || !strings.HasPrefix(string(raw), `{"version":1,"time":"1970-01-01T00:00:00Z","decision":"refused","packages":[{"package":"p","direction":"upgrade"`) {
		t.Errorf("%.200s, %v", raw, err)
	}
	if err := r.Write(filepath.Join(t.TempDir(), "none", "report")); err == nil {
		t.Error("written to nowhere")
	}
}
