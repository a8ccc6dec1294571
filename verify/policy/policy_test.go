package policy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/policy"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func parse(t *testing.T, text string) verify.Policy {
	t.Helper()
	p, err := verify.ParsePolicy([]byte("version: 1\n" + text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return p
}

// full has no remark.
const full = "require: [{framework: slsa-v0.1, level: 3}]\nwarn_status_age: 2d\nmax_status_age: 7d\n"

func TestRemarks(t *testing.T) {
	const rule = "rules:\n"
	for name, c := range map[string]struct {
		text string
		want string // of the only remark
	}{
		"nothing":                         {full, ""},
		"warn":                            {full + "mode: warn\n", "mode is warn"},
		"no require":                      {"max_status_age: 7d\n", "require is missing"},
		"revocation off":                  {full + "revocation: off\n", "a stolen key is good for ever"},
		"no ages":                         {"require: [{framework: slsa-v0.1, level: 3}]\n", "nobody is warned"},
		"rule behind the same":            {full + rule + "- {package: aa, vendor: \"urn:a\", mode: warn}\n- {package: aa, vendor: \"urn:a\", confirmed: required}\n", "rule 2 is never used: rule 1"},
		"rule behind a glob":              {full + rule + "- {package: lib*, confirmed: required}\n- {package: libc6, vendor: \"urn:a\", mode: warn}\n", "rule 2 is never used: rule 1"},
		"rule behind a wider vendor":      {full + rule + "- {vendor: \"urn:a\", mode: warn}\n- {vendor: \"urn:a\", package: aa*, confirmed: required}\n", "rule 2 is never used"},
		"glob behind a name":              {full + rule + "- {package: libc6, confirmed: required}\n- {package: lib*, confirmed: required}\n", ""},
		"another vendor":                  {full + rule + "- {package: aa, vendor: \"urn:a\", mode: warn}\n- {package: aa, vendor: \"urn:b\", mode: warn}\n", ""},
		"lax by package":                  {full + rule + "- {package: aa, mode: warn}\n", "rule 1 demands less (mode) of everybody"},
		"lax by package and vendor":       {full + rule + "- {package: aa, vendor: \"urn:a\", mode: warn}\n", ""},
		"lower level":                     {full + rule + "- {package: aa, require: [{framework: slsa-v0.1, level: 2}]}\n", "(require)"},
		"another framework":               {full + rule + "- {package: aa, require: [{framework: s2c2f-v1.1, level: 4}]}\n", "(require)"},
		"a lower way":                     {full + rule + "- {package: aa, require: [[{framework: slsa-v0.1, level: 4}], [{framework: slsa-v0.1, level: 1}]]}\n", "(require)"},
		"higher level":                    {full + rule + "- {package: aa, require: [{framework: slsa-v0.1, level: 4}]}\n", ""},
		"exception over":                  {full + "exceptions: [{vendor: \"urn:a\", reason: r, expires: 2026-03-01}]\n", "exception 1 ended on 2026-03-01"},
		"exception ends soon":             {full + "exceptions: [{vendor: \"urn:a\", reason: r, expires: 2026-03-20}]\n", "exception 1 ends on 2026-03-20"},
		"exception for everybody":         {full + "exceptions: [{package: aa, reason: r, expires: 2027-03-01}]\n", "exception 1 is for everybody"},
		"exception by digest for a while": {full + "exceptions: [{digest: \"" + digest + "\", reason: r, expires: 2027-03-01}]\n", ""},
	} {
		got := policy.Remarks(parse(t, c.text), now)
		if c.want == "" && len(got) != 0 || c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)) {
			t.Errorf("%s: %q, want %q alone", name, got, c.want)
		}
	}
}

func TestExplain(t *testing.T) {
	p := parse(t, full+`attestations: stapled
rules:
  - {package: linux-image-*, require: [[{framework: slsa-v0.1, level: 4}], [{framework: slsa-v1.2, track: build, level: 3}]]}
  - {vendor: "https://vendor.example.com", mode: warn, timestamp: if-available, revocation: off, attestations: off, confirmed: any, assessments: in-force-today}
exceptions:
  - {package: hello, vendor: "https://vendor.example.com", reason: assessment under way., expires: 2026-06-30}
  - {digest: "`+digest+`", reason: old, expires: 2026-01-01}
`)
	want := []string{
		"A file is refused unless all of this holds.",
		"Its signature is good, and its certificate leads to a root of the trust bundle and carries a mark.",
		"The mark claims https://slsa.dev/spec/v0.1/ track slsa level 3 or above.",
		"Every assessment behind the claims was in force when the file was signed.",
		"A trusted authority has timestamped the signature.",
		"A revocation list that has not ended shows that the certificate was not revoked before the file was signed, with a note from an age of 2d on, and a list older than 7d does not count.",
		"A verification summary of the CA and a log receipt for every assessment are inside the signature.",
		"A provisional signature does not do.",
	}
	rules := []string{
		"Rule 1, for packages whose names begin with linux-image-: the mark claims https://slsa.dev/spec/v0.1/ track slsa level 4 or above; or https://slsa.dev/spec/v1.2/ track build level 3 or above.",
		"Rule 2, for files by https://vendor.example.com unless an earlier rule fits: what does not hold is reported, and passes; every assessment behind the claims was in force when the file was signed, and is in force today by a status bundle that is at hand; a timestamp is not needed; without one the signature counts as made now; revocation is not looked at; no evidence besides the certificate is asked for; a provisional signature does, with a note; once it should have been confirmed, only with newer revocation data.",
	}
	exceptions := []string{
		"Exception: the package hello by https://vendor.example.com passes at a lower level, until 2026-06-30T00:00:00Z: assessment under way.",
		"Exception: the file with SHA-256 " + strings.TrimPrefix(digest, "sha256:") + " passes whatever is wrong with it, no longer, the exception ended on 2026-01-01T00:00:00Z: old.",
	}
	all := append(append(append([]string{}, want...), rules...), exceptions...)
	if d := cmp.Diff(all, policy.Explain(p, now)); d != "" {
		t.Error(d)
	}
	got := policy.ExplainFor(p, "hello", "", now)
	if d := cmp.Diff(append([]string{"For the package hello no rule applies; the top of the policy does."}, append(want, exceptions[1])...), got); d != "" {
		t.Error(d)
	}
	got = policy.ExplainFor(p, "linux-image-6", "https://vendor.example.com", now)
	if got[0] != "For the package linux-image-6 by https://vendor.example.com rule 1 applies." || !strings.Contains(got[3], "level 4 or above; or") {
		t.Errorf("%q", got[:4])
	}
	got = policy.ExplainFor(p, "hello", "https://vendor.example.com", now)
	if got[0] != "For the package hello by https://vendor.example.com rule 2 applies." || got[1] != "A file of which not all of this holds is reported, and passes." || len(got) != 11 {
		t.Errorf("%q", got)
	}
}

func TestSimulate(t *testing.T) {
	p := pki.New(t)
	dir := t.TempDir()
	for level := 2; level <= 4; level++ {
		name := fmt.Sprintf("level%d", level)
		pki.Write(t, dir, name+".deb", pki.Package(t, name, "1.0", "all", nil), func(d [32]byte) []byte {
			return p.SignAs(t, p.NewLeaf(t, p.High, p.Claims(level)), d)
		})
	}
	pki.Write(t, dir, "unsigned", []byte("x"), nil)
	pki.Write(t, dir, "beside", []byte("x"), func(d [32]byte) []byte { return p.Sign(t, d) })
	if err := os.Symlink("unsigned", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	files, err := policy.Files(dir)
	if err != nil || len(files) != 5 {
		t.Fatal(files, err)
	}
	claim := func(s string) verify.Policy {
		current := parse(t, full)
		if current.Require, err = policy.ParseRequire(s); err != nil {
			t.Fatal(err)
		}
		return current
	}
	c := verify.Config{Trust: p.Trust(), Status: p.Status(t), Policy: claim("slsa-v0.1:3"), Now: func() time.Time { return p.Now }}
	warn := claim("slsa-v0.1:3")
	warn.Mode = verify.Warn
	for _, tc := range []struct {
		name     string
		proposed verify.Policy
		want     string // changes, in the order of beside, level2, level3, level4, unsigned
	}{
		{"the same", c.Policy, "same same same same same"},
		{"higher", claim("slsa-v0.1/slsa:4"), "breaks same breaks same same"},
		{"lower", claim("slsa-v0.1:2"), "same passes same same same"},
		{"two", claim("slsa-v0.1:2,slsa-v1.2/build:1"), "breaks same breaks breaks same"},
		{"warn", warn, "same passes same same passes"},
	} {
		s, err := policy.NewSimulator(c, tc.proposed)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range files {
			one := s.Try(t.Context(), f)
			got = append(got, string(one.Change))
			if name := strings.TrimSuffix(filepath.Base(f), ".deb"); name != filepath.Base(f) && one.Proposed.Package.Name != name {
				t.Errorf("%s: package %q", f, one.Proposed.Package.Name)
			}
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
	if _, err := policy.NewSimulator(c, verify.Policy{}); err == nil {
		t.Error("no policy")
	}
	if _, err := policy.Files(t.TempDir()); err == nil {
		t.Error("an empty folder is no trial")
	}
}

func TestParseRequireRefuses(t *testing.T) {
	for _, s := range []string{"", "slsa-v0.1", "slsa-v0.1:", "slsa-v0.1:x", "slsa-v0.1:0", "slsa-v9:1", "slsa-v1.2:1", "slsa-v1.2/:1", ":1", "slsa-v0.1:1,", "slsa-v0.1:+1", "slsa-v0.1\"}, {:1"} {
		if got, err := policy.ParseRequire(s); err == nil {
			t.Errorf("%q: %v", s, got)
		}
	}
}

func TestReasons(t *testing.T) {
	listed := map[verify.Code]bool{}
	for _, r := range policy.Reasons() {
		if r.Means == "" || r.Do == "" || listed[r.Code] {
			t.Errorf("%+v", r)
		}
		listed[r.Code] = true
	}
	for _, c := range verify.Codes() {
		if !listed[c] {
			t.Errorf("%s: no words", c)
		}
	}
}
