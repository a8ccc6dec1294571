package ca_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/sign"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/verify"
)

var content = []byte("a build\n")

// signed is a signature with what it was made with.
type signed struct {
	name   string
	issued ca.Issued
	cms    []byte
}

// rehearsal draws what the test plays:
//
//	root ──── standard ── A          (1) as init made it
//	  ├────── standard-2 ── B        (2) after a rollover of the tier
//	  └─x─ root-2 ─x─ standard, -2   (3) after a rollover of the root: C under standard-2
//	          └───── standard-3 ── D (4) after another of the tier
//
// -x- are cross-certificates.
type rehearsal struct {
	*ca.Rehearsal
	t   *testing.T
	ca  *ca.CA
	dir string
}

func (r *rehearsal) sign(name string) signed {
	r.t.Helper()
	ctx := context.Background()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		r.t.Fatal(err)
	}
	issued := r.Issue(r.t, key)
	id := issued.Record.IssuingCA()
	issuer, err := r.ca.Certificate(id)
	if err != nil {
		r.t.Fatal(err)
	}
	digest := sha256.Sum256(content)
	cms, err := sign.BuildCMS(ctx, sign.CMSInput{Digest: digest[:], Signer: key, SigningTime: r.Now(),
		Chain: []*x509.Certificate{issued.Certificate, issuer}, Cross: r.ca.Cross(id)})
	if err != nil {
		r.t.Fatal(err)
	}
	hash, imprint := cms.Imprint()
	token, err := r.ca.StampDigest(ctx, hash, imprint)
	if err == nil {
		err = cms.AddTimestamp(token)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	der, err := cms.Marshal()
	if err != nil {
		r.t.Fatal(err)
	}
	return signed{name, issued, der}
}

func (r *rehearsal) cert(name string) *x509.Certificate {
	r.t.Helper()
	raw, err := os.ReadFile(filepath.Join(r.Dir, "certs", name+".pem"))
	if err != nil {
		r.t.Fatal(err)
	}
	block, _ := pem.Decode(raw)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		r.t.Fatal(err)
	}
	return cert
}

// judge verifies a signature on a machine that trusts these certificates for code, and
// every root there is for timestamps unless stamps are named.
func (r *rehearsal) judge(s signed, anchors, stamps []string) verify.Verdict {
	r.t.Helper()
	trust, err := r.ca.Trust(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	bundle := verify.Trust{Name: trust.Name, Arc: trust.Arc, VSAKeys: trust.VSAKeys, IssuedAt: r.Now()}
	for _, name := range anchors {
		bundle.Roots = append(bundle.Roots, r.cert(name))
	}
	for _, name := range stamps {
		bundle.TimestampRoots = append(bundle.TimestampRoots, r.cert(name))
	}
	v, err := verify.New(verify.Config{Trust: bundle, Now: r.Now, Policy: verify.Policy{
		Mode: verify.Enforce, Revocation: verify.Off, Timestamp: verify.Required, Attestations: verify.NoAttestations,
		Require: [][]verify.Requirement{{{Framework: "https://slsa.dev/spec/v0.1/", Track: "slsa", Level: 2}}},
	}})
	if err != nil {
		r.t.Fatal(err)
	}
	return v.Signature(context.Background(), s.name, sha256.Sum256(content), s.cms)
}

func (r *rehearsal) want(s signed, good bool, anchors, stamps []string) {
	r.t.Helper()
	verdict := r.judge(s, anchors, stamps)
	if got := verdict.Outcome == verify.Valid; got != good {
		r.t.Errorf("%s with %v, timestamps by %v: %v %v, want valid %t", s.name, anchors, stamps, verdict.Outcome, verdict.Reasons, good)
	}
}

// openssl verifies a signature and its certificate with these certificates as anchors.
func (r *rehearsal) openssl(s signed, good bool, anchors ...string) {
	r.t.Helper()
	write := func(name string, data []byte) string {
		file := filepath.Join(r.dir, name)
		if err := os.WriteFile(file, data, 0o600); err != nil {
			r.t.Fatal(err)
		}
		return file
	}
	text := func(certs ...*x509.Certificate) (out []byte) {
		for _, c := range certs {
			out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
		}
		return out
	}
	var trusted []*x509.Certificate
	for _, name := range anchors {
		trusted = append(trusted, r.cert(name))
	}
	common := []string{"-CAfile", write("anchors", text(trusted...)), "-no-CApath", "-no-CAstore", "-purpose", "any", "-attime", fmt.Sprint(r.Now().Unix())}
	for _, args := range [][]string{
		append([]string{"cms", "-verify", "-binary", "-inform", "DER", "-in", write("sig", s.cms), "-content", write("content", content), "-out", os.DevNull}, common...),
		append(append([]string{"verify", "-untrusted", write("untrusted", text(s.issued.Chain...))}, common...), write("leaf", text(s.issued.Certificate))),
	} {
		if out, err := exec.Command("openssl", args...).CombinedOutput(); (err == nil) != good {
			r.t.Errorf("openssl %s: %s with %v: %v, want success %t\n%s", args[0], s.name, anchors, err, good, out)
		}
	}
}

// change makes a change a month later and takes it up.
func (r *rehearsal) change(do func(*ca.Site) (ca.Change, error)) {
	r.t.Helper()
	r.Later(30 * 24 * time.Hour)
	change, err := do(r.Site(r.t))
	if err != nil || change.Pending {
		r.t.Fatal(change, err)
	}
	r.ca = r.Reopen(r.t)
}

func tier(s *ca.Site) (ca.Change, error) { return s.RolloverTier(context.Background(), "standard") }

// TestRolloversKeepSignatures plays two rollovers of a tier and one of the root.
func TestRolloversKeepSignatures(t *testing.T) {
	r := &rehearsal{Rehearsal: ca.NewRehearsal(t), t: t, dir: t.TempDir()}
	r.ca = r.Reopen(t)
	a := r.sign("A")
	r.change(tier)
	b := r.sign("B")
	r.change(func(s *ca.Site) (ca.Change, error) { return s.RolloverRoot(context.Background()) })
	c := r.sign("C")
	r.change(tier)
	d := r.sign("D")
	for s, id := range map[*signed]string{&a: "standard", &b: "standard-2", &c: "standard-2", &d: "standard-3"} {
		if got := s.issued.Record; got.IssuingCA() != id || got.Tier != "standard" {
			t.Errorf("%s was issued by %s of tier %s, want %s", s.name, got.IssuingCA(), got.Tier, id)
		}
	}
	// Old anchor, new anchor, both, the twin of its own generation, and of another.
	both := []string{"root", "root-2"}
	for _, test := range []struct {
		signed
		newRoot           bool // carries what leads to the new root
		twin, anotherTwin string
	}{{a, false, "standard-twin", "standard-2-twin"}, {b, false, "standard-2-twin", "standard-twin"}, {c, true, "standard-2-twin", "standard-3-twin"}, {d, true, "standard-3-twin", "standard-2-twin"}} {
		r.want(test.signed, true, both, both)
		r.want(test.signed, true, []string{"root"}, []string{"root"})
		r.want(test.signed, test.newRoot, []string{"root-2"}, []string{"root-2"})
		r.want(test.signed, true, []string{test.twin}, both)
		r.want(test.signed, false, []string{test.anotherTwin}, both)
		r.openssl(test.signed, true, "root")
		r.openssl(test.signed, true, test.twin)
	}
	// OpenSSL tries one path: the new root alone does for what new issuing CAs issued; with
	// its cross-certificates beside it, it does for everything.
	r.openssl(d, true, "root-2")
	for s, cross := range map[*signed]string{&a: "standard-by-root-2", &b: "standard-2-by-root-2", &c: "standard-2-by-root-2"} {
		r.openssl(*s, false, "root-2")
		r.openssl(*s, true, "root-2", cross)
	}
	r.stayRevocable(a, d)
	r.retire(a, d)
}

// stayRevocable: an old generation signs its lists and OCSP answers for ever.
func (r *rehearsal) stayRevocable(list ...signed) {
	r.t.Helper()
	ctx := context.Background()
	for _, s := range list {
		if err := r.ca.Revoke(ctx, s.issued.Record.Serial, store.Revocation{Reason: ca.ReasonSuperseded, By: "test"}); err != nil {
			r.t.Fatal(err)
		}
		url := s.issued.Certificate.CRLDistributionPoints[0]
		_, name, _ := strings.Cut(url, "/crl/")
		der, err := r.ca.CRL(ctx, strings.TrimSuffix(name, ".crl"))
		if err != nil {
			r.t.Fatal(err)
		}
		list, err := x509.ParseRevocationList(der)
		if err != nil {
			r.t.Fatal(err)
		}
		if err := list.CheckSignatureFrom(s.issued.Chain[0]); err != nil || len(list.RevokedCertificateEntries) != 1 {
			r.t.Errorf("%s: %d entries in %s, %v", s.name, len(list.RevokedCertificateEntries), url, err)
		}
	}
}

// retire: who drops the old root refuses what leads only to it.
func (r *rehearsal) retire(old, recent signed) {
	r.t.Helper()
	site := r.Site(r.t)
	if err := site.RetireRoot(context.Background(), "root-2"); err == nil {
		r.t.Error("the newest root was retired")
	}
	if err := site.RetireRoot(context.Background(), "root"); err != nil {
		r.t.Fatal(err)
	}
	r.ca = r.Reopen(r.t)
	trust, err := r.ca.Trust(context.Background())
	if err != nil || len(trust.Roots) != 1 || ca.Fingerprint(trust.Roots[0]) != ca.Fingerprint(r.cert("root-2")) {
		r.t.Fatalf("trust after the end of root: %d roots, %v", len(trust.Roots), err)
	}
	r.want(recent, true, []string{"root-2"}, []string{"root-2"})
	r.want(old, false, []string{"root-2"}, []string{"root-2"})
	if cross := r.ca.Cross("standard-3"); len(cross) != 0 {
		r.t.Errorf("signatures still carry %v", cross[0].Issuer)
	}
	first, err := r.ca.Certificate("standard")
	if err != nil || first.CheckSignatureFrom(trust.Roots[0]) != nil {
		r.t.Errorf("standard still leads to the retired root: %v", err)
	}
	r.Later(time.Hour)
	e := r.sign("E")
	r.want(e, true, []string{"root-2"}, []string{"root-2"})
	r.openssl(e, true, "root-2")
}
