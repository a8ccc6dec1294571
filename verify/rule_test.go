package verify_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

func parsePolicy(t *testing.T, text string) verify.Policy {
	t.Helper()
	p, err := verify.ParsePolicy([]byte(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return p
}

// TestWhichRuleWins: the first one in the file that fits, and nothing else.
func TestWhichRuleWins(t *testing.T) {
	p := parsePolicy(t, `version: 1
rules:
  - {package: openssl, vendor: "https://a.example.com", mode: warn}
  - {package: openssl, revocation: "off"}
  - {package: lib*, attestations: stapled}
  - {package: libc6, mode: warn}
  - {vendor: "https://a.example.com", timestamp: if-available}
  - {package: "*", confirmed: required}
`)
	for _, c := range []struct {
		name, vendor string
		want         int
	}{
		{"openssl", "https://a.example.com", 0},
		{"openssl", "https://b.example.com", 1},
		{"openssl", "", 1}, // nobody has signed, or it is not known yet who
		{"openssl-tools", "", 5},
		{"libc6", "https://a.example.com", 2}, // not the more exact one: the first
		{"lib", "", 2},
		{"LIBC6", "", 5}, // letters count; no package is called that
		{"libç", "", 2},
		{"ｌibc6", "", 5}, // a wide l is another letter
		{"hello", "https://a.example.com", 4},
		{"hello", "https://a.example.com/", 5},
		{"hello", "https://A.example.com", 5},
		{"", "https://a.example.com", 4},
		{"", "https://b.example.com", -1}, // no package: "*" is for those that have a name
		{"", "", -1},
	} {
		if _, got := p.For(c.name, c.vendor); got != c.want {
			t.Errorf("package %q of %q: rule %d, want %d", c.name, c.vendor, got, c.want)
		}
	}
	got, _ := p.For("libc6", "")
	if got.Attestations != verify.Stapled || got.Mode != verify.Enforce || got.Revocation != verify.Required || len(got.Rules) != 0 {
		t.Errorf("a rule replaces what it names and nothing else: %+v", got)
	}
}

// ruled judges a package under a policy that demands nothing but a level, and has rules.
type ruled struct {
	name   string
	rules  string
	sign   func(p *pki.PKI, t *testing.T) func([32]byte) []byte
	want   string // outcome and codes
	rule   int
	warned bool
}

func TestRules(t *testing.T) {
	good := func(p *pki.PKI, t *testing.T) func([32]byte) []byte {
		return func(d [32]byte) []byte { return p.Sign(t, d) }
	}
	with := func(change func(*pki.CMS)) func(p *pki.PKI, t *testing.T) func([32]byte) []byte {
		return func(p *pki.PKI, t *testing.T) func([32]byte) []byte {
			return func(d [32]byte) []byte { return p.Sign(t, d, change) }
		}
	}
	unstamped := with(func(c *pki.CMS) { c.Token = nil })
	unsummarised := with(func(c *pki.CMS) { c.Staple.VSA = nil })
	const vendor = `vendor: "` + pki.Vendor + `"`
	for _, c := range []ruled{
		{name: "none", sign: good, want: "valid"},
		{name: "a higher level for this package", rules: "- {package: hello, require: [{framework: slsa-v0.1, level: 4}]}", sign: good, want: "not valid requirement-unmet", rule: 1},
		{name: "for another package", rules: "- {package: hell, require: [{framework: slsa-v0.1, level: 4}]}", sign: good, want: "valid"},
		{name: "a higher level for this vendor", rules: "- {" + vendor + ", require: [{framework: slsa-v0.1, level: 4}]}", sign: good, want: "not valid requirement-unmet", rule: 1},
		{name: "for another vendor", rules: `- {vendor: "https://other.example.com", require: [{framework: slsa-v0.1, level: 4}]}`, sign: good, want: "valid"},
		{name: "the vendor's, not this package", rules: "- {package: other, " + vendor + ", attestations: stapled}", sign: unsummarised, want: "valid"},
		{name: "the first one", rules: "- {package: hel*, attestations: stapled}\n- {package: hello, attestations: \"off\"}", sign: unsummarised, want: "not valid summary-missing", rule: 1},
		{name: "does without a timestamp", rules: "- {package: hello, timestamp: if-available}", sign: unstamped, want: "valid no-timestamp", rule: 1},
		{name: "another one does", rules: "- {package: other, timestamp: if-available}", sign: unstamped, want: "not valid timestamp-missing"},
		{name: "warns of this package", rules: "- {package: hello, mode: warn, attestations: stapled}", sign: unsummarised, want: "not valid summary-missing", rule: 1, warned: true},
		{name: "warns of the vendor, nobody signed", rules: "- {" + vendor + ", mode: warn}", want: "not valid unsigned"},
		{name: "warns of the package, nobody signed", rules: "- {package: hello, mode: warn}", want: "not valid unsigned", rule: 1, warned: true},
		{name: "off for the package", rules: "- {package: hello, revocation: \"off\"}", sign: good, want: "valid revocation-unchecked", rule: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := pki.New(t)
			cfg := config(t, p)
			text := "version: 1\nrequire: [{framework: slsa-v0.1, level: 3}]\n"
			if c.rules != "" {
				text += "rules:\n" + c.rules + "\n"
			}
			cfg.Policy, cfg.Packages = parsePolicy(t, text), true
			var sign func([32]byte) []byte
			if c.sign != nil {
				sign = c.sign(p, t)
			}
			path := pki.Write(t, t.TempDir(), "x.deb", pki.Package(t, "hello", "1.0", "all", []byte("x")), sign)
			v := newVerifier(t, cfg).File(context.Background(), path)
			got := v.Outcome.String()
			for _, r := range append(v.Reasons, v.Notes...) {
				got += " " + string(r.Code)
			}
			if got != c.want || v.Rule != c.rule || v.Warn != c.warned {
				t.Errorf("%s, rule %d, warn %t; want %s, rule %d, warn %t", got, v.Rule, v.Warn, c.want, c.rule, c.warned)
			}
			if v.Package.Name != "hello" || v.Package.Version != "1.0" || v.Package.Architecture != "all" {
				t.Errorf("%+v", v.Package)
			}
			if raw, err := json.Marshal(v); err != nil || !strings.Contains(string(raw), `"package":{"name":"hello"`) {
				t.Errorf("%v %s", err, raw)
			}
		})
	}
}

// ruleNegatives are about packages that hide their name from a rule.
func ruleNegatives() []negative {
	named := func(_ *testing.T, _ *pki.PKI, c *verify.Config) {
		c.Policy.Rules = []verify.Rule{{Package: "other", Mode: verify.Warn}}
	}
	same := func(_ *testing.T, path string) string { return path }
	return []negative{
		{name: "no control file", want: verify.PackageUnreadable, config: named, file: same},
		{name: "no control file, an exception names packages", want: verify.PackageUnreadable, file: same, config: func(_ *testing.T, p *pki.PKI, c *verify.Config) {
			c.Policy.Exceptions = []verify.Exception{{Package: "other", Reason: "r", Expires: p.Now.Add(time.Hour)}}
		}},
	}
}

// TestPackageThatNobodyNeeds: who only wants to print the name does not change a verdict.
func TestPackageThatNobodyNeeds(t *testing.T) {
	p := pki.New(t)
	c := config(t, p)
	c.Packages = true
	path := pki.Write(t, t.TempDir(), "x.deb", pki.Deb(nil), func(d [32]byte) []byte { return p.Sign(t, d) })
	if got := newVerifier(t, c).File(context.Background(), path); got.Outcome != verify.Valid || got.Package.Name != "" {
		t.Errorf("%+v", got)
	}
}

// TestExceptionsByPackage: by name, by name and vendor; only for what the level lacks.
func TestExceptionsByPackage(t *testing.T) {
	p := pki.New(t)
	low := pki.Write(t, t.TempDir(), "low.deb", pki.Package(t, "hello", "1.0", "all", nil), func(d [32]byte) []byte {
		return p.SignAs(t, p.NewLeaf(t, p.High, p.Claims(2)), d)
	})
	unsigned := pki.Write(t, t.TempDir(), "unsigned.deb", pki.Package(t, "hello", "1.0", "all", nil), nil)
	file := filepath.Join(t.TempDir(), "hello")
	raw, err := os.ReadFile(low)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, raw, 0o600); err != nil { // another file name, the same package
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path string
		exception  verify.Exception
		want       verify.Outcome
	}{
		{"by name", low, verify.Exception{Package: "hello"}, verify.Valid},
		{"by the beginning of its name", low, verify.Exception{Package: "he*"}, verify.Valid},
		{"by name and vendor", low, verify.Exception{Package: "hello", Vendor: pki.Vendor}, verify.Valid},
		{"the name is inside", file, verify.Exception{Package: "hello"}, verify.Valid},
		{"another name", low, verify.Exception{Package: "hello2"}, verify.NotValid},
		{"name and another vendor", low, verify.Exception{Package: "hello", Vendor: "https://other.example.com"}, verify.NotValid},
		{"another name and vendor", low, verify.Exception{Package: "other", Vendor: pki.Vendor}, verify.NotValid},
		{"not signed", unsigned, verify.Exception{Package: "hello"}, verify.NotValid},
	} {
		cfg := config(t, p)
		cfg.Policy.Attestations = verify.NoAttestations
		c.exception.Reason, c.exception.Expires = "r", p.Now.Add(time.Hour)
		cfg.Policy.Exceptions = []verify.Exception{c.exception}
		if got := newVerifier(t, cfg).File(context.Background(), c.path); got.Outcome != c.want {
			t.Errorf("%s: %v %v", c.name, got.Outcome, got.Reasons)
		}
	}
}
