package ca

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/store"
)

func policyOf(t testing.TB, f *fixture, framework, track string, level int) string {
	t.Helper()
	oid, err := f.ca.arc.Policy(framework, track, level)
	if err != nil {
		t.Fatal(err)
	}
	return oid.String()
}

func attime(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// A minimum level is enforced by OpenSSL alone, under the root and under a twin.
func TestOpenSSLEnforcesTheLevel(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 3, year)
	issued := f.issue("acme")
	f.clock.Add(time.Hour)
	h := hierarchy(t)
	leaf := writePEM(t, "CERTIFICATE", issued.Certificate.Raw)
	root := writePEM(t, "CERTIFICATE", h.root.Raw)
	tier := writePEM(t, "CERTIFICATE", issued.Chain[0].Raw)
	twin := writePEM(t, "CERTIFICATE", h.tiers[1].twin.Raw)
	otherTwin := writePEM(t, "CERTIFICATE", h.tiers[0].twin.Raw)

	slsa := func(level int) string { return policyOf(t, f, "https://slsa.dev/spec/v0.1/", "slsa", level) }
	policy := func(oid string) []string {
		return []string{"-policy_check", "-explicit_policy", "-policy", oid}
	}
	for _, c := range []struct {
		name string
		args []string
		ok   bool
	}{
		{"root, no policy", []string{"-CAfile", root, "-untrusted", tier}, true},
		{"root, level 1", append([]string{"-CAfile", root, "-untrusted", tier}, policy(slsa(1))...), true},
		{"root, level 3", append([]string{"-CAfile", root, "-untrusted", tier}, policy(slsa(3))...), true},
		{"root, level 4", append([]string{"-CAfile", root, "-untrusted", tier}, policy(slsa(4))...), false},
		{"root, other track", append([]string{"-CAfile", root, "-untrusted", tier}, policy(policyOf(t, f, "https://slsa.dev/spec/v1.2/", "build", 1))...), false},
		{"twin, no policy", []string{"-CAfile", twin}, true},
		{"twin, level 3", append([]string{"-CAfile", twin}, policy(slsa(3))...), true},
		{"twin, level 4", append([]string{"-CAfile", twin}, policy(slsa(4))...), false},
		{"another tier's twin", []string{"-CAfile", otherTwin}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"verify", "-x509_strict", "-attime", attime(f.clock.Now())}, c.args...)
			out, err := openssl(t, append(args, leaf)...)
			if (err == nil) != c.ok {
				t.Errorf("accepted %v, want %v:\n%s", err == nil, c.ok, out)
			}
		})
	}
}

// A leaf's policy that its issuing CA lacks counts for nothing: the ceiling holds
// even if the gate were wrong.
func TestOpenSSLEnforcesTheCeiling(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 3, year)
	var g *grant
	f.view(func(r store.Reader) (err error) { g, err = f.ca.gate(r, "acme", nil, noon); return err })
	standard := f.ca.tiers[0] // ceiling 2
	template, err := standard.profile.fill(newKey(t).Public(), g, g.from, g.until)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := standard.issuer.prepare(template); err == nil {
		t.Fatal("the linter let it pass")
	}
	der, err := x509.CreateCertificate(rand.Reader, template, standard.issuer.cert, template.PublicKey, standard.issuer.signer)
	if err != nil {
		t.Fatal(err)
	}
	for level, ok := range map[int]bool{2: true, 3: false} {
		out, err := openssl(t, "verify", "-attime", attime(noon.Add(time.Hour)), "-CAfile", writePEM(t, "CERTIFICATE", hierarchy(t).root.Raw),
			"-untrusted", writePEM(t, "CERTIFICATE", standard.issuer.cert.Raw), "-policy_check", "-explicit_policy",
			"-policy", policyOf(t, f, "https://slsa.dev/spec/v0.1/", "slsa", level), writePEM(t, "CERTIFICATE", der))
		if (err == nil) != ok {
			t.Errorf("level %d accepted %v, want %v:\n%s", level, err == nil, ok, out)
		}
	}
}

// TestOpenSSLReadsTheCRL: shards by their distribution points, each with one of the
// certificates. With another shard's list openssl finds none.
func TestOpenSSLReadsTheCRL(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	f.assess("acme", "slsa-v0.1", "slsa", 1, year)
	good, bad := f.issue("acme"), f.issue("acme")
	for good.Certificate.CRLDistributionPoints[0] == bad.Certificate.CRLDistributionPoints[0] {
		good = f.issue("acme")
	}
	f.clock.Add(48 * time.Hour)
	err := f.ca.Revoke(ctx, bad.Record.Serial, store.Revocation{
		Reason: ReasonKeyCompromise, RevocationDate: noon.Add(time.Hour), InvalidityDate: noon.Add(time.Minute), By: "olga",
	})
	if err != nil {
		t.Fatal(err)
	}
	der, err := f.ca.CRLOf(ctx, bad.Record)
	if err != nil {
		t.Fatal(err)
	}
	other, err := f.ca.CRLOf(ctx, good.Record)
	if err != nil {
		t.Fatal(err)
	}
	tier := writePEM(t, "CERTIFICATE", good.Chain[0].Raw)
	crl := writeTemp(t, der)
	wantOpenSSL(t, []string{"verify OK", "Key Compromise", "Invalidity Date", "Jun  1 12:01:00 2026 GMT", "Jun  1 13:00:00 2026 GMT", strings.ToUpper(bad.Record.Serial),
		"Issuing Distribution Point: critical", "Only User Certificates", "URI:" + bad.Certificate.CRLDistributionPoints[0]},
		"crl", "-inform", "DER", "-in", crl, "-verify", "-noout", "-text", "-CAfile", tier)

	rootCRL, err := f.ca.CRL(ctx, "root")
	if err != nil {
		t.Fatal(err)
	}
	verify := func(leaf *x509.Certificate, lists ...[]byte) (string, error) {
		return openssl(t, "verify", "-crl_check_all", "-CAfile", writePEM(t, "CERTIFICATE", hierarchy(t).root.Raw), "-untrusted", tier,
			"-CRLfile", writePEM(t, "X509 CRL", append(lists, rootCRL)...), "-attime", attime(f.clock.Now()), writePEM(t, "CERTIFICATE", leaf.Raw))
	}
	if out, err := verify(good.Certificate, der, other); err != nil {
		t.Errorf("good certificate: %v\n%s", err, out)
	}
	if out, err := verify(bad.Certificate, other, der); err == nil || !strings.Contains(out, "certificate revoked") {
		t.Errorf("revoked certificate accepted:\n%s", out)
	}
	for name, leaf := range map[string]*x509.Certificate{"good": good.Certificate, "revoked": bad.Certificate} {
		wrong := map[string][]byte{"good": der, "revoked": other}[name]
		if out, err := verify(leaf, wrong); err == nil || !strings.Contains(out, "different CRL scope") {
			t.Errorf("%s certificate with another shard's list:\n%s", name, out)
		}
	}
}

func TestOpenSSLVerifiesTimestamps(t *testing.T) {
	f := newFixtureAt(t, time.Now(), newMemory())
	h := hierarchy(t)
	root := writePEM(t, "CERTIFICATE", h.root.Raw)
	chain := writePEM(t, "CERTIFICATE", h.timestamping.Raw, h.tsa.Raw)
	data := writeTemp(t, []byte("what was signed"))
	policy := f.ca.arc.TimestampPolicy().String()
	for _, c := range []struct {
		name   string
		query  []string
		verify []string
	}{
		{"SHA-256 with certificates", []string{"-sha256", "-cert"}, nil},
		{"SHA-384", []string{"-sha384"}, []string{"-untrusted", chain}},
		{"SHA-512 with policy", []string{"-sha512", "-cert", "-tspolicy", policy}, nil},
		{"no nonce", []string{"-sha256", "-cert", "-no_nonce"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			query := writeTemp(t, nil)
			wantOpenSSL(t, nil, append([]string{"ts", "-query", "-data", data, "-out", query}, c.query...)...)
			response, err := f.ca.Timestamp(context.Background(), readTemp(t, query))
			if err != nil {
				t.Fatal(err)
			}
			reply := writeTemp(t, response)
			wantOpenSSL(t, []string{"Verification: OK"}, append([]string{"ts", "-verify", "-queryfile", query, "-in", reply, "-CAfile", root}, c.verify...)...)
			wantOpenSSL(t, []string{"Granted", policy, "Accuracy: 0x01 seconds"}, "ts", "-reply", "-in", reply, "-text")
		})
	}
	sum := sha256.Sum256([]byte("what was signed"))
	token, err := f.ca.StampDigest(context.Background(), crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	wantOpenSSL(t, []string{"Verification: OK"}, "ts", "-verify", "-data", data, "-token_in", "-in", writeTemp(t, token), "-CAfile", root)
}

func TestOpenSSLVerifiesOCSP(t *testing.T) {
	f := newFixtureAt(t, time.Now(), newMemory())
	ctx := context.Background()
	f.assess("acme", "slsa-v0.1", "slsa", 2, year)
	good, bad := f.issue("acme"), f.issue("acme")
	if err := f.ca.Revoke(ctx, bad.Record.Serial, store.Revocation{Reason: ReasonSuperseded}); err != nil {
		t.Fatal(err)
	}
	tier := writePEM(t, "CERTIFICATE", good.Chain[0].Raw)
	root := writePEM(t, "CERTIFICATE", hierarchy(t).root.Raw)
	ask := func(name []string, want ...string) {
		t.Helper()
		query := writeTemp(t, nil)
		wantOpenSSL(t, nil, append([]string{"ocsp", "-issuer", tier, "-no_nonce", "-reqout", query}, name...)...)
		answer, err := f.ca.OCSP(ctx, readTemp(t, query))
		if err != nil {
			t.Fatal(err)
		}
		args := append([]string{"ocsp", "-respin", writeTemp(t, answer), "-issuer", tier, "-CAfile", root, "-verify_other", tier, "-no_nonce"}, name...)
		wantOpenSSL(t, append(want, "Response verify OK"), args...)
	}
	cert := func(c *x509.Certificate) []string { return []string{"-cert", writePEM(t, "CERTIFICATE", c.Raw)} }
	ask(cert(good.Certificate), ": good")
	ask(append([]string{"-sha256"}, cert(good.Certificate)...), ": good")
	ask(cert(bad.Certificate), ": revoked", "superseded")
	ask([]string{"-serial", "0x1234"}, ": unknown")
}
