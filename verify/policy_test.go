package verify_test

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

const fullPolicy = `version: 1
mode: warn
require:
  - - {framework: slsa-v0.1, level: 3}
  - - {framework: slsa-v1.2, track: build, level: 2}
    - {framework: "https://example.com/framework", track: own, level: 1}
revocation: if-available
timestamp: if-available
attestations: stapled
assessments: in-force-today
warn_status_age: 36h
max_status_age: 7d
rules:
  - package: linux-image-*
    vendor: https://vendor.example.com
    mode: enforce
    require: [{framework: slsa-v0.1, level: 4}]
    revocation: required
    timestamp: required
    attestations: fetch
    confirmed: any
    assessments: when-signed
  - {package: "389", mode: warn}
exceptions:
  - digest: sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
    reason: built before we had a certificate
    expires: 2026-12-31
  - vendor: https://vendor.example.com
    reason: assessment under way
    expires: 2026-06-30T12:00:00Z
  - {package: hello, vendor: "https://vendor.example.com", reason: r, expires: 2026-06-30}
`

func TestParsePolicy(t *testing.T) {
	got, err := verify.ParsePolicy([]byte(fullPolicy))
	if err != nil {
		t.Fatal(err)
	}
	want := verify.Policy{
		Mode: verify.Warn, Revocation: verify.IfAvailable, Timestamp: verify.IfAvailable, Attestations: verify.Stapled,
		MaxStatusAge: 7 * 24 * time.Hour, WarnStatusAge: 36 * time.Hour, Assessments: verify.InForceToday,
		Rules: []verify.Rule{
			{
				Package: "linux-image-*", Vendor: "https://vendor.example.com", Mode: verify.Enforce,
				Require:    [][]verify.Requirement{{{Framework: "https://slsa.dev/spec/v0.1/", Track: "slsa", Level: 4}}},
				Revocation: verify.Required, Timestamp: verify.Required, Attestations: verify.Fetch,
				Confirmed: verify.ConfirmedOrNot, Assessments: verify.WhenSigned,
			},
			{Package: "389", Mode: verify.Warn},
		},
		Require: [][]verify.Requirement{
			{{Framework: "https://slsa.dev/spec/v0.1/", Track: "slsa", Level: 3}},
			{{Framework: "https://slsa.dev/spec/v1.2/", Track: "build", Level: 2}, {Framework: "https://example.com/framework", Track: "own", Level: 1}},
		},
		Exceptions: []verify.Exception{
			{Digest: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", Reason: "built before we had a certificate", Expires: time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)},
			{Vendor: "https://vendor.example.com", Reason: "assessment under way", Expires: time.Date(2026, 6, 30, 12, 0, 0, 0, time.UTC)},
			{Vendor: "https://vendor.example.com", Package: "hello", Reason: "r", Expires: time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC)},
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	got, err = verify.ParsePolicy([]byte("version: 1\n"))
	want = verify.Policy{Mode: verify.Enforce, Revocation: verify.Required, Timestamp: verify.Required, Attestations: verify.NoAttestations}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Error(err, d)
	}
	if verify.DefaultPolicy().Timestamp != verify.Required || !verify.DefaultPolicy().BuiltIn {
		t.Error("built-in policy")
	}
}

func TestParsePolicyRefuses(t *testing.T) {
	exception := func(s string) string { return "version: 1\nexceptions: [" + s + "]\n" }
	rule := func(s string) string { return "version: 1\nrules: [{" + s + "}]\n" }
	digest := "digest: sha256:" + strings.Repeat("a", 64)
	for name, text := range map[string]string{
		"empty":                 "",
		"comment only":          "# nothing\n",
		"no version":            "mode: warn\n",
		"later version":         "version: 2\n",
		"version as text":       "version: one\n",
		"unknown key":           "version: 1\nmod: warn\n",
		"key in other case":     "version: 1\nMode: warn\n",
		"key twice":             "version: 1\nmode: warn\nmode: enforce\n",
		"two documents":         "version: 1\n---\nversion: 1\n",
		"not YAML":              "version: [1\n",
		"alias":                 "version: 1\nrequire: &a [{framework: slsa-v0.1, level: 1}]\nexceptions: *a\n",
		"tag":                   "version: !!int 1\n",
		"mode":                  "version: 1\nmode: lenient\n",
		"revocation":            "version: 1\nrevocation: yes\n",
		"revocation empty":      "version: 1\nrevocation:\n",
		"timestamp off":         "version: 1\ntimestamp: off\n",
		"attestations":          "version: 1\nattestations: required\n",
		"age without unit":      "version: 1\nmax_status_age: 7\n",
		"age zero":              "version: 1\nmax_status_age: 0d\n",
		"age negative":          "version: 1\nmax_status_age: -7d\n",
		"age empty":             "version: 1\nmax_status_age:\n",
		"require empty":         "version: 1\nrequire:\n",
		"require no list":       "version: 1\nrequire: {framework: slsa-v0.1, level: 1}\n",
		"require empty list":    "version: 1\nrequire: []\n",
		"empty alternative":     "version: 1\nrequire: [[{framework: slsa-v0.1, level: 1}], []]\n",
		"items beside lists":    "version: 1\nrequire: [{framework: slsa-v0.1, level: 1}, [{framework: slsa-v0.1, level: 2}]]\n",
		"lists beside items":    "version: 1\nrequire: [[{framework: slsa-v0.1, level: 2}], {framework: slsa-v0.1, level: 1}]\n",
		"item unknown key":      "version: 1\nrequire: [{framework: slsa-v0.1, level: 1, levle: 3}]\n",
		"item key twice":        "version: 1\nrequire: [{framework: slsa-v0.1, level: 1, level: 3}]\n",
		"level missing":         "version: 1\nrequire: [{framework: slsa-v0.1}]\n",
		"level 0":               "version: 1\nrequire: [{framework: slsa-v0.1, level: 0}]\n",
		"level as text":         "version: 1\nrequire: [{framework: slsa-v0.1, level: \"3\"}]\n",
		"level a fraction":      "version: 1\nrequire: [{framework: slsa-v0.1, level: 2.5}]\n",
		"level list":            "version: 1\nrequire: [{framework: slsa-v0.1, level: [3]}]\n",
		"framework unknown":     "version: 1\nrequire: [{framework: slsa-v9, level: 1}]\n",
		"framework missing":     "version: 1\nrequire: [{level: 1}]\n",
		"track unknown":         "version: 1\nrequire: [{framework: slsa-v0.1, track: build, level: 1}]\n",
		"track ambiguous":       "version: 1\nrequire: [{framework: slsa-v1.2, level: 1}]\n",
		"track of own":          "version: 1\nrequire: [{framework: \"https://example.com/f\", level: 1}]\n",
		"exception both":        exception("{" + digest + ", vendor: \"https://a.example.com\", reason: r, expires: 2026-01-01}"),
		"exception none":        exception("{reason: r, expires: 2026-01-01}"),
		"exception no reason":   exception("{" + digest + ", expires: 2026-01-01}"),
		"exception no expiry":   exception("{" + digest + ", reason: r}"),
		"exception digest":      exception("{digest: \"sha256:aa\", reason: r, expires: 2026-01-01}"),
		"exception upper":       exception("{digest: \"sha256:" + strings.Repeat("A", 64) + "\", reason: r, expires: 2026-01-01}"),
		"exception algorithm":   exception("{digest: \"sha1:" + strings.Repeat("a", 64) + "\", reason: r, expires: 2026-01-01}"),
		"exception vendor":      exception("{vendor: vendor, reason: r, expires: 2026-01-01}"),
		"exception expiry":      exception("{" + digest + ", reason: r, expires: never}"),
		"exception two kinds":   exception("{" + digest + ", reason: r, expires: 2026-01-01, package: pp}"),
		"exception key":         exception("{" + digest + ", reason: r, expires: 2026-01-01, until: 2026-01-01}"),
		"exception package":     exception("{package: P, reason: r, expires: 2026-01-01}"),
		"exceptions empty":      "version: 1\nexceptions: []\n",
		"exceptions no list":    "version: 1\nexceptions: {}\n",
		"text as number":        "version: 1\nmode: 1\n",
		"warn age":              "version: 1\nwarn_status_age: 7d\nmax_status_age: 7d\n",
		"age leading zero":      "version: 1\nmax_status_age: 07d\n",
		"assessments":           "version: 1\nassessments: today\n",
		"rules empty":           "version: 1\nrules: []\n",
		"rules no list":         "version: 1\nrules: {package: hello, mode: warn}\n",
		"rule for nobody":       rule("mode: warn"),
		"rule changes nothing":  rule("package: hello"),
		"rule unknown key":      rule("package: hello, mode: warn, levle: 3"),
		"rule with an age":      rule("package: hello, mode: warn, max_status_age: 7d"),
		"rule mode":             rule("package: hello, mode: off"),
		"rule revocation":       rule("package: hello, revocation: on"),
		"rule timestamp":        rule("package: hello, timestamp: off"),
		"rule attestations":     rule("package: hello, attestations: on"),
		"rule confirmed":        rule("package: hello, confirmed: on"),
		"rule assessments":      rule("package: hello, assessments: on"),
		"rule require":          rule("package: hello, require: []"),
		"package in capitals":   rule("package: Hello, mode: warn"),
		"package in Cyrillic":   rule("package: hеllo, mode: warn"),
		"package a letter":      rule("package: h, mode: warn"),
		"package star inside":   rule("package: lib*-dev, mode: warn"),
		"package star first":    rule("package: \"*-dev\", mode: warn"),
		"package two stars":     rule("package: lib**, mode: warn"),
		"package question":      rule("package: lib?, mode: warn"),
		"package a number":      rule("package: 389, mode: warn"),
		"vendor not ASCII":      rule("vendor: \"https://vendör.example.com\", mode: warn"),
		"vendor with a space":   rule("vendor: \"https://vendor.example.com/a b\", mode: warn"),
		"vendor capital scheme": rule("vendor: \"HTTPS://vendor.example.com\", mode: warn"),
		"vendor no URI":         rule("vendor: vendor, mode: warn"),
		"too large":             "version: 1\n#" + strings.Repeat("x", 256<<10),
		"too deep":              "version: 1\nrequire: " + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "\n",
	} {
		if p, err := verify.ParsePolicy([]byte(text)); err == nil {
			t.Errorf("%s: accepted as %+v", name, p)
		} else if !strings.HasPrefix(err.Error(), "policy: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFrameworks holds the ids that a policy may use against the catalogues.
func TestFrameworks(t *testing.T) {
	files, err := filepath.Glob("../audit/frameworks/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no catalogues found", err)
	}
	var want []verify.Framework
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var f struct {
			ID, URI string
			Tracks  []struct{ ID string }
		}
		if err := yaml.Unmarshal(raw, &f); err != nil {
			t.Fatal(name, err)
		}
		w := verify.Framework{ID: f.ID, URI: f.URI}
		for _, track := range f.Tracks {
			w.Tracks = append(w.Tracks, track.ID)
		}
		want = append(want, w)
	}
	byID := func(l []verify.Framework) map[string]verify.Framework {
		m := map[string]verify.Framework{}
		for _, f := range l {
			m[f.ID] = f
		}
		return m
	}
	if d := cmp.Diff(byID(want), byID(verify.Frameworks())); d != "" {
		t.Error(d)
	}
}

// TestRequire: all of a list, lists as alternatives, levels at least.
func TestRequire(t *testing.T) {
	p := pki.New(t)
	claims := append(p.Claims(2), ext.Claim{
		Framework: "https://slsa.dev/spec/v1.2/", Track: "build", Level: 3, Assessment: p.Claims(2)[0].Assessment,
	})
	p.High = p.Issue(t, p.Root, p.Ceiling(t, 4), func(c *x509.Certificate) {
		c.Subject, c.BasicConstraintsValid, c.IsCA, c.KeyUsage = p.High.Cert.Subject, true, true, p.High.Cert.KeyUsage
		c.NotBefore, c.NotAfter = p.High.Cert.NotBefore, p.High.Cert.NotAfter
		policies, err := p.Arc.Policies(claims)
		if err != nil {
			t.Fatal(err)
		}
		c.Policies = policies
	})
	signer := p.NewLeaf(t, p.High, claims)
	digest := sha256.Sum256([]byte("x"))
	sig := p.SignAs(t, signer, digest)
	for text, want := range map[string]verify.Outcome{
		"": verify.Valid,
		"require: [{framework: slsa-v0.1, level: 2}]":                                                      verify.Valid,
		"require: [{framework: slsa-v0.1, level: 3}]":                                                      verify.NotValid,
		"require: [{framework: slsa-v1.2, track: build, level: 1}, {framework: slsa-v0.1, level: 2}]":      verify.Valid,
		"require: [{framework: slsa-v1.2, track: build, level: 1}, {framework: slsa-v0.1, level: 3}]":      verify.NotValid,
		"require: [[{framework: slsa-v1.2, track: source, level: 1}], [{framework: slsa-v0.1, level: 1}]]": verify.Valid,
		"require: [[{framework: slsa-v1.2, track: source, level: 1}], [{framework: slsa-v0.1, level: 3}]]": verify.NotValid,
	} {
		policy, err := verify.ParsePolicy([]byte("version: 1\n" + text))
		if err != nil {
			t.Fatal(text, err)
		}
		c := config(t, p)
		c.Policy = policy
		got := newVerifier(t, c).Signature(context.Background(), "x", digest, sig)
		if got.Outcome != want {
			t.Errorf("%s: %v %v", text, got.Outcome, got.Reasons)
		}
	}
}

func TestExceptions(t *testing.T) {
	p := pki.New(t)
	digest := sha256.Sum256([]byte("x"))
	dir := t.TempDir()
	unsigned := pki.Write(t, dir, "unsigned", []byte("x"), nil)
	low := pki.Write(t, dir, "low", []byte("y"), func(d [32]byte) []byte { return p.SignAs(t, p.NewLeaf(t, p.High, p.Claims(2)), d) })
	lowRevoked := pki.Write(t, dir, "revoked", []byte("z"), func(d [32]byte) []byte {
		return p.SignAs(t, p.NewLeaf(t, p.High, p.Claims(2), func(c *x509.Certificate) { c.NotAfter = p.Signed.Add(-1) }), d)
	})
	byDigest := verify.Exception{Digest: fmt.Sprintf("%x", digest), Reason: "old", Expires: p.Now.Add(time.Second)}
	byVendor := verify.Exception{Vendor: pki.Vendor, Reason: "soon", Expires: p.Now.Add(time.Second)}
	expired := func(e verify.Exception) verify.Exception { e.Expires = p.Now; return e }
	for _, c := range []struct {
		name, path string
		exception  verify.Exception
		want       verify.Outcome
	}{
		{"by digest", unsigned, byDigest, verify.Valid},
		{"by digest, expired", unsigned, expired(byDigest), verify.NotValid},
		{"by digest, another file", low, byDigest, verify.NotValid},
		{"by vendor", low, byVendor, verify.Valid},
		{"by vendor, expired", low, expired(byVendor), verify.NotValid},
		{"by vendor, nobody signed", unsigned, byVendor, verify.NotValid},
		{"by vendor, more is wrong than the level", lowRevoked, byVendor, verify.NotValid},
		{"by another vendor", low, verify.Exception{Vendor: "https://other.example.com", Reason: "r", Expires: byVendor.Expires}, verify.NotValid},
	} {
		cfg := config(t, p)
		cfg.Policy.Attestations = verify.NoAttestations
		cfg.Policy.Exceptions = []verify.Exception{c.exception}
		got := newVerifier(t, cfg).File(context.Background(), c.path)
		if got.Outcome != c.want {
			t.Errorf("%s: %v %v", c.name, got.Outcome, got.Reasons)
		}
		if noted := len(got.Notes) == 1 && got.Notes[0].Code == verify.NoteException; noted != (c.want == verify.Valid) {
			t.Errorf("%s: notes %v", c.name, got.Notes)
		}
	}
}
