package scan_test

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/installed"
	"github.com/hallmark-pki/hallmark/verify/scan"
)

// machine is a machine with packages and records, and a PKI that signed them.
type machine struct {
	*pki.PKI
	dir      string
	packages []installed.Package
}

func newMachine(t *testing.T) *machine { return &machine{PKI: pki.New(t), dir: t.TempDir()} }

func named(name, version string) installed.Package {
	return installed.Package{Manager: installed.Dpkg, Name: name, Version: version, Architecture: "amd64"}
}

// has puts a package on the list of what is installed.
func (m *machine) has(name, version string) {
	m.packages = append(m.packages, named(name, version))
}

// record records an installation; edits spoil it.
func (m *machine) record(t *testing.T, name, version string, signer *pki.Identity, edits ...func(*pki.CMS)) installed.Record {
	t.Helper()
	digest := sha256.Sum256([]byte(name + version))
	r := installed.Record{Package: named(name, version), Digest: digest, Signature: m.SignAs(t, signer, digest, edits...), Verdict: verify.Valid, At: m.Now}
	m.write(t, r)
	return r
}

func (m *machine) write(t *testing.T, r installed.Record) {
	t.Helper()
	if err := installed.Write(m.dir, r); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) config(t *testing.T, policy verify.Policy, edits ...func(*verify.Config)) scan.Config {
	t.Helper()
	c := verify.Config{Trust: m.Trust(), Status: m.Status(t), Policy: policy, Now: func() time.Time { return m.Now }}
	for _, e := range edits {
		e(&c)
	}
	v, err := verify.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return scan.Config{Packages: m.packages, Records: os.DirFS(m.dir), Judge: v}
}

func policy(level int) verify.Policy {
	return verify.Policy{
		Mode: verify.Enforce, Revocation: verify.Required, Timestamp: verify.Required, Attestations: verify.NoAttestations,
		Require: [][]verify.Requirement{{{Framework: pki.SLSA, Track: pki.Track, Level: level}}},
	}
}

// states are "name state code...".
func states(c scan.Config) []string {
	var out []string
	for item := range scan.Packages(context.Background(), c) {
		s := item.Package.Name + " " + string(item.State)
		for _, r := range item.Verdict.Reasons {
			s += " " + string(r.Code)
		}
		out = append(out, s)
	}
	return out
}

// TestStates: one package in each state, and what changes them: time, status, policy.
func TestStates(t *testing.T) {
	m := newMachine(t)
	other := m.NewLeaf(t, m.High, m.Claims(3))
	low := m.NewLeaf(t, m.High, m.Claims(2))
	for _, name := range []string{"bare", "damaged", "good", "low", "other", "revoked", "swapped", "unsigned"} {
		m.has(name, "1")
	}
	good := m.record(t, "good", "1", m.Leaf)
	m.record(t, "low", "1", low)
	m.record(t, "other", "2", m.Leaf)
	m.record(t, "revoked", "1", other)
	swapped := good
	swapped.Package = named("swapped", "1")
	swapped.Digest[0] ^= 1
	m.write(t, swapped)
	unsigned := good
	unsigned.Package, unsigned.Signature = named("unsigned", "1"), nil
	m.write(t, unsigned)
	if err := os.WriteFile(filepath.Join(m.dir, "dpkg:damaged:amd64.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"bare no-record", "damaged could-not-tell", "good valid", "low valid", "other other-version", "revoked valid", "swapped not-valid digest-mismatch", "unsigned unsigned unsigned",
	}
	replace := func(edits ...string) []string {
		return strings.Split(strings.NewReplacer(edits...).Replace(strings.Join(want, "\n")), "\n")
	}
	revoke := func(c *verify.Config) {
		c.Status.CRLs[0] = m.CRL(t, m.High, 8, pki.Revocation{At: m.Signed, Reason: 9}.Revoke(t, other.Cert))
	}
	stale := func(c *verify.Config) {
		for i, issuer := range []*pki.Identity{m.High, m.Low} {
			c.Status.CRLs[i] = m.CRL(t, issuer, 7, func(l *x509.RevocationList) { l.NextUpdate = m.Signed })
		}
	}
	except := policy(1)
	except.Exceptions = []verify.Exception{{Digest: fmt.Sprintf("%x", unsigned.Digest), Reason: "ours", Expires: m.Now.Add(time.Hour)}}
	// Rules and exceptions for packages by name; a digest that nobody knows is not excepted.
	named := policy(3)
	named.Exceptions = []verify.Exception{
		{Package: "low", Reason: "ours", Expires: m.Now.Add(time.Hour)}, {Digest: strings.Repeat("0", 64), Reason: "odd", Expires: m.Now.Add(time.Hour)},
	}
	for name, c := range map[string]struct {
		config scan.Config
		want   []string
	}{
		"by name":   {m.config(t, named), want},
		"level 1":   {m.config(t, policy(1)), want},
		"level 3":   {m.config(t, policy(3)), replace("low valid", "low not-valid requirement-unmet")},
		"revoked":   {m.config(t, policy(1), revoke), replace("revoked valid", "revoked not-valid revoked")},
		"stale":     {m.config(t, policy(1), stale), replace(" valid", " could-not-tell revocation-stale")},
		"exception": {m.config(t, except), replace("unsigned unsigned unsigned", "unsigned valid")},
	} {
		if diff := cmp.Diff(c.want, states(c.config)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// TestNamesOfOthers: rules that name packages are for Debian packages, here as in the hooks.
func TestNamesOfOthers(t *testing.T) {
	m := newMachine(t)
	rules := policy(3)
	rules.Rules = []verify.Rule{{Package: "tool", Mode: verify.Warn}}
	for _, manager := range []installed.Manager{installed.Dpkg, installed.RPM} {
		p := named("tool", "1")
		p.Manager = manager
		m.packages = []installed.Package{p}
		for item := range scan.Packages(context.Background(), m.config(t, rules)) {
			if item.State != scan.NoRecord || item.Verdict.Warn != (manager == installed.Dpkg) {
				t.Errorf("%+v", item)
			}
		}
	}
}

// faulty is a judge that fails for some names.
type faulty struct{}

func (faulty) SignatureOf(_ context.Context, name string, _ format.Package, _ [32]byte, _ []byte) verify.Verdict {
	if strings.HasPrefix(name, "bad") {
		panic("boom")
	}
	return verify.Verdict{Outcome: verify.Valid}
}

// TestPanic: a judge that panics has judged one package, and not well.
func TestPanic(t *testing.T) {
	m := newMachine(t)
	for _, name := range []string{"bad", "good"} {
		m.has(name, "1")
		m.record(t, name, "1", m.Leaf)
	}
	c := m.config(t, policy(1))
	c.Judge = faulty{}
	if diff := cmp.Diff([]string{"bad could-not-tell internal-error", "good valid"}, states(c)); diff != "" {
		t.Error(diff)
	}
}

// TestMany: thousands come in their order, and whoever stops listening leaves nothing
// hanging.
func TestMany(t *testing.T) {
	m := newMachine(t)
	for i := range 3000 {
		m.has(fmt.Sprintf("p%04d", i), "1")
	}
	c := m.config(t, policy(1))
	got := states(c)
	if len(got) != 3000 || !slices.IsSorted(got) {
		t.Error(len(got), slices.IsSorted(got))
	}
	for range scan.Packages(context.Background(), c) {
		break
	}
}

func TestItemJSON(t *testing.T) {
	m := newMachine(t)
	m.has("bare", "1")
	m.has("good", "1:2~3")
	m.record(t, "good", "1:2~3", m.Leaf)
	var got []map[string]any
	for item := range scan.Packages(context.Background(), m.config(t, policy(1))) {
		raw, err := json.Marshal(item)
		if err != nil {
			t.Fatal(err)
		}
		var v map[string]any
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Fatal(err)
		}
		got = append(got, v)
	}
	verdict, _ := got[1]["verdict"].(map[string]any)
	if verdict["verdict"] != "valid" || verdict["vendor"] != pki.Vendor || verdict["file"] != "good:amd64 1:2~3" {
		t.Error(verdict)
	}
	delete(got[1], "verdict")
	want := []map[string]any{
		{"manager": "dpkg", "package": "bare", "version": "1", "architecture": "amd64", "state": "no-record"},
		{"manager": "dpkg", "package": "good", "version": "1:2~3", "architecture": "amd64", "state": "valid", "recorded_at": "2026-03-01T12:00:00Z"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// ofVendor is an edit that names another vendor.
func ofVendor(t *testing.T, uri string) pki.Edit {
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	return func(c *x509.Certificate) { c.URIs = []*url.URL{u} }
}

// TestBlast: what is found, what is not, and what cannot be told.
func TestBlast(t *testing.T) {
	m := newMachine(t)
	elsewhere := m.NewLeaf(t, m.High, m.Claims(3), ofVendor(t, "https://other.example.com"))
	second := m.NewLeaf(t, m.High, m.Claims(3))
	stranger := pki.New(t)
	m.has("bare", "1")
	m.has("current", "2")
	m.has("damaged", "1")
	m.has("elsewhere", "1")
	m.has("late", "1")
	m.has("stranger", "1")
	m.has("unrecorded", "2")
	m.record(t, "current", "1", m.Leaf)
	m.record(t, "current", "2", second)
	m.record(t, "elsewhere", "1", elsewhere)
	m.record(t, "gone", "1", m.Leaf)
	m.record(t, "late", "1", m.Leaf, func(c *pki.CMS) { c.Token = nil })
	strange := m.record(t, "stranger", "1", m.Leaf)
	strange.Signature = stranger.Sign(t, strange.Digest)
	m.write(t, strange)
	unsigned := m.record(t, "unrecorded", "1", m.Leaf)
	unsigned.Signature = nil
	m.write(t, unsigned)
	if err := os.WriteFile(filepath.Join(m.dir, "dpkg:damaged:amd64.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	assessment := fmt.Sprintf("%x", m.Claims(3)[0].Assessment.Payload)
	all := []string{
		"bare 1 installed no record", "current 2 installed yes", "current 1 earlier yes", "damaged 1 installed unknown", "elsewhere 1 installed no",
		"gone 1 removed yes", "late 1 installed yes", "stranger 1 installed unknown", "unrecorded 2 installed unknown", "unrecorded 1 earlier unknown",
	}
	edited := func(pairs ...string) []string {
		return strings.Split(strings.NewReplacer(pairs...).Replace(strings.Join(all, "\n")), "\n")
	}
	none := edited("current 2 installed yes", "current 2 installed no", "current 1 earlier yes", "current 1 earlier no", "gone 1 removed yes", "gone 1 removed no")
	for name, c := range map[string]struct {
		q    scan.Query
		want []string
	}{
		"vendor":     {scan.Query{Vendor: pki.Vendor}, all},
		"since":      {scan.Query{Vendor: pki.Vendor, Since: m.Signed}, all},
		"until":      {scan.Query{Vendor: pki.Vendor, Until: m.Signed.Add(time.Second)}, all},
		"too late":   {scan.Query{Vendor: pki.Vendor, Since: m.Signed.Add(time.Second)}, none},
		"too early":  {scan.Query{Vendor: pki.Vendor, Until: m.Signed}, none},
		"serial":     {scan.Query{Serial: second.Cert.SerialNumber.Text(16)}, edited("current 1 earlier yes", "current 1 earlier no", "gone 1 removed yes", "gone 1 removed no", "late 1 installed yes", "late 1 installed no")},
		"assessment": {scan.Query{Assessment: assessment}, edited("elsewhere 1 installed no", "elsewhere 1 installed yes")},
		"both":       {scan.Query{Assessment: assessment, Vendor: pki.Vendor}, all},
		"letters":    {scan.Query{Vendor: strings.ToUpper(pki.Vendor)}, edited(" yes", " no")},
	} {
		got := blast(t, m.config(t, scan.Identify()), c.q)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
	// What the CA has revoked since is found all the same.
	got := blast(t, m.config(t, scan.Identify(), func(c *verify.Config) {
		c.Status.CRLs[0] = m.CRL(t, m.High, 8, pki.Revocation{At: m.Signed, Reason: 1}.Revoke(t, m.Leaf.Cert))
	}), scan.Query{Vendor: pki.Vendor})
	if diff := cmp.Diff(all, got); diff != "" {
		t.Error(diff)
	}
}

func blast(t *testing.T, c scan.Config, q scan.Query) []string {
	t.Helper()
	traces, err := scan.Blast(context.Background(), c, q)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for trace := range traces {
		raw, err := json.Marshal(trace)
		if err != nil {
			t.Fatal(err)
		}
		var w struct{ Package, Version, Presence, Found string }
		if err := json.Unmarshal(raw, &w); err != nil {
			t.Fatal(err)
		}
		if trace.NoRecord {
			w.Found = "no record"
		}
		if trace.Unknown && trace.Detail == "" || trace.Hit && trace.Unknown {
			t.Errorf("%+v", trace)
		}
		out = append(out, strings.Join([]string{w.Package, w.Version, w.Presence, w.Found}, " "))
	}
	return out
}

func TestQuery(t *testing.T) {
	now := time.Now()
	for name, q := range map[string]scan.Query{
		"nothing":    {Since: now},
		"no time":    {Vendor: "x", Since: now, Until: now},
		"other ways": {Vendor: "x", Since: now, Until: now.Add(-time.Hour)},
	} {
		if _, err := scan.Blast(context.Background(), scan.Config{}, q); err == nil {
			t.Error(name)
		}
	}
	for in, want := range map[string]string{"00:5A:01": "5a01", "0x5a01": "5a01", "5a01": "5a01", "": "", "0": "", "xyz": "", strings.Repeat("a", 41): "", "-5": ""} {
		if got, err := scan.ParseSerial(in); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	digest := strings.Repeat("ab", 32)
	for in, want := range map[string]string{digest: digest, "sha256:" + strings.ToUpper(digest): digest, digest[2:]: "", "sha512:" + digest: "", "": ""} {
		if got, err := scan.ParseAssessment(in); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}
