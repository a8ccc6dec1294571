package compat

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/attest/repository"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/audit/evidence"
	"github.com/hallmark-pki/hallmark/audit/probe"
	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/format/oci"
	"github.com/hallmark-pki/hallmark/ledger"
	"github.com/hallmark-pki/hallmark/ledger/queue"
	"github.com/hallmark-pki/hallmark/rebuild"
	"github.com/hallmark-pki/hallmark/server"
	"github.com/hallmark-pki/hallmark/sign"
	"github.com/hallmark-pki/hallmark/sign/confirm"
	"github.com/hallmark-pki/hallmark/sign/gate"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
	"github.com/hallmark-pki/hallmark/test/cast"
	"github.com/hallmark-pki/hallmark/verify"
)

// past is how long ago the world begins: what was signed then has expired by now.
const past = 200 * 24 * time.Hour

// world is a CA in use, seen from outside.
//
//	root ── standard (ceiling SLSA 2), elevated (3), high ── acme's certificates
//	     └─ timestamping ── the timestamping authority
//
// Acme was assessed at SLSA 3 in the past, for thirty days; today at SLSA 2 and then at
// SLSA 3.
type world struct {
	t      *testing.T
	dir    string
	url    string // of the public endpoints
	ca     *ca.CA
	trust  ca.Trust
	tsa    []*x509.Certificate // the timestamping authority's
	people *cast.Cast

	framework audit.Framework
	store     storetest.Driver
	register  *audit.Register
	evidence  *repository.Repository
	signing   *sign.Service
	early     *sign.Service // asks for a rebuild, and signs before there is one
	settling  *confirm.Reconciler
	rebuilder *ecdsa.PrivateKey // of rebuilderID

	mu    sync.Mutex
	lag   time.Duration // of the world's clock behind the machine's
	files int

	program  string // an unsigned one, for Windows
	verifier *verify.Verifier
	vkey     string // of the log

	expired  leaf // issued in the past; nothing is left of it
	standard leaf // SLSA 2
	good     leaf // SLSA 3, so elevated
	revoked  leaf // elevated, revoked for a compromised key from before it was used
}

// leaf is a code-signing certificate with its key, as files.
type leaf struct {
	issued ca.Issued
	key    *ecdsa.PrivateKey
	cert   string // PEM, the certificate alone
	chain  string // PEM, its issuer
	both   string // PEM, the certificate and its issuer
	keyPEM string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), lag: past, store: storetest.NewMemory()}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	w.check(err)
	w.url = "http://" + listener.Addr().String()
	public := &httptest.Server{Listener: listener, Config: &http.Server{Handler: w.open()}}
	public.Start()
	t.Cleanup(public.Close)

	w.people, err = cast.New()
	w.check(err)
	w.rebuilder, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.check(err)
	w.seed()
	w.assess(3, 30*24*time.Hour)
	w.expired = w.newLeaf()
	return w
}

// today ends the past. What is to be signed in it, has been.
func (w *world) today() {
	w.mu.Lock()
	w.lag = 0
	w.mu.Unlock()
	ctx := context.Background()
	_, err := w.register.Sweep(ctx)
	w.check(err)
	w.seed()
	w.assess(2, 300*24*time.Hour)
	w.standard = w.newLeaf()
	w.assess(3, 300*24*time.Hour)
	w.good, w.revoked = w.newLeaf(), w.newLeaf()
}

// revokeSerial ends a certificate for a key compromised from the beginning of the day.
func (w *world) revokeSerial(serial string) {
	w.t.Helper()
	since := w.revoked.issued.Certificate.NotBefore
	w.check(w.ca.Revoke(context.Background(), serial, store.Revocation{
		Reason: ca.ReasonKeyCompromise, RevocationDate: since, InvalidityDate: since, By: cast.Officer,
	}))
}

// now has no monotonic part: the world's clock leaps from the past to today.
func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(-w.lag).UTC().Round(0)
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// open makes the CA and returns its public endpoints.
func (w *world) open() http.Handler {
	ctx, passphrase := context.Background(), []byte("only for tests")
	_, err := ca.Init(ctx, ca.InitConfig{
		Dir: w.path("hierarchy"), Name: "Example CA", Organization: "Example Trust Services", Country: "NL",
		Passphrase: passphrase, PublicURL: w.url, Now: w.now,
	})
	w.check(err)
	catalogue, err := audit.Embedded()
	w.check(err)
	w.framework, _ = catalogue.Lookup("slsa-v0.1")
	w.ca, err = ca.Open(ctx, ca.Config{Dir: w.path("hierarchy"), Passphrase: passphrase, Store: w.store, Catalogue: catalogue, Now: w.now})
	w.check(err)
	w.trust, err = w.ca.Trust(ctx)
	w.check(err)
	w.tsa, err = x509.ParseCertificates(w.der(filepath.Join("hierarchy", "certs", "tsa.pem")))
	w.check(err)
	signer, vkey, err := ledger.NewSigner("ca.example.com/log", w.ca.LedgerKey())
	w.check(err)
	w.vkey = vkey
	log, err := ledger.Open(ctx, ledger.Options{Dir: w.path("ledger"), Signer: signer, VKey: vkey})
	w.check(err)
	w.t.Cleanup(func() { log.Close(ctx) })
	waiting := &queue.Queue{Store: w.store, Log: log, Now: w.now}
	w.register, err = audit.New(audit.Config{
		Store: w.store, Ledger: log, Queue: waiting, Certificates: w.ca, Catalogue: catalogue, Arc: w.ca.Arc(), Prober: &probe.Runner{}, Now: w.now,
	})
	w.check(err)
	w.evidence, err = repository.Open(w.path("attestations"))
	w.check(err)
	files, err := evidence.Open(w.path("evidence"))
	w.check(err)
	w.t.Cleanup(func() { files.Close() })
	signing := sign.Config{
		Store: w.store, Keys: w.ca, Evidence: w.evidence, Stamper: w.ca, Issuers: w.ca,
		VSASigner: w.ca.VSASigner(), VerifierID: "https://ca.example.com", Arc: w.ca.Arc(), Now: w.now,
		Formats: append([]format.Format{oci.Format{}}, format.Files()...), Builds: w.ca,
		Provisional: &sign.ProvisionalConfig{Within: func(string) time.Duration { return time.Hour }},
	}
	w.signing, err = sign.New(signing)
	w.check(err)
	rules, err := gate.NewRules([]gate.RuleText{{Name: "rebuilt", CEL: "size(reproduced) > 0"}})
	w.check(err)
	signing.Gate = gate.New(gate.Config{Rules: rules, Now: w.now})
	w.early, err = sign.New(signing)
	w.check(err)
	w.settling, err = confirm.New(confirm.Config{
		Store: w.store, Judge: confirm.Gate{Service: w.early}, Certificates: w.ca, Repository: w.evidence, Storm: confirm.DefaultStorm(), Now: w.now,
	})
	w.check(err)
	s, err := server.New(server.Config{
		Name: "Example CA", Version: "test", APIURL: "https://ca.example.com", Store: w.store, CA: w.ca, Operator: w.ca,
		Register: w.register, Catalogue: catalogue, Repository: w.evidence, Queue: waiting, Evidence: files,
		Ledger: log, LedgerKey: vkey, Signing: w.signing, Rebuilds: &rebuild.Queue{Store: w.store, Repository: w.evidence.Independent(), Now: w.now}, Confirm: w.settling, Log: slog.New(slog.DiscardHandler), Now: w.now,
	})
	w.check(err)
	return s.Public()
}

func (w *world) seed() {
	w.check(w.store.Update(context.Background(), func(tx store.Tx) error { return w.people.Seed(tx, w.now(), w.framework.ID) }))
}

// assess brings acme's assessment at a level into force.
func (w *world) assess(level int, life time.Duration) {
	w.t.Helper()
	ctx := context.Background()
	a, err := w.people.Assessment(w.framework, level, w.now())
	w.check(err)
	a.ValidUntil = a.AssessedAt.Add(life)
	a.Scope.Rebuilders = []audit.Rebuilder{{ID: rebuilderID, Operator: "Rebuilds eV", Keys: []string{publicPEM(w, w.rebuilder)}}}
	envelope, err := w.people.Sign(ctx, a)
	w.check(err)
	rec, err := w.register.Submit(ctx, envelope, cast.Auditor)
	w.check(err)
	countersigned, err := w.people.Countersign(ctx, envelope)
	w.check(err)
	_, err = w.register.Accept(ctx, rec.ID, cast.Officer, countersigned)
	w.check(err)
}

func (w *world) newLeaf() leaf {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.check(err)
	return w.certify(key, key.Public())
}

// certify asks for a certificate of a key; private may be nil, when a token has it.
func (w *world) certify(private *ecdsa.PrivateKey, public crypto.PublicKey) leaf {
	w.t.Helper()
	issued, err := w.ca.Issue(context.Background(), ca.Request{Vendor: cast.Vendor, PublicKey: public, By: "test", Way: "api"})
	w.check(err)
	l := leaf{
		issued: issued, key: private,
		cert: w.pem("CERTIFICATE", issued.Certificate.Raw), chain: w.pem("CERTIFICATE", ders(issued.Chain)...),
		both: w.pem("CERTIFICATE", append([][]byte{issued.Certificate.Raw}, ders(issued.Chain)...)...),
	}
	if private != nil {
		der, err := x509.MarshalPKCS8PrivateKey(private)
		w.check(err)
		l.keyPEM = w.pem("PRIVATE KEY", der)
	}
	return l
}

// signDetached has the signing service sign, with provenance of acme's builder.
func (w *world) signDetached(content []byte) []byte {
	w.t.Helper()
	der, _ := w.signWith(content)
	return der
}

// signWith also returns the serial number of the certificate, which is new.
func (w *world) signWith(content []byte) (der []byte, serial string) {
	w.t.Helper()
	ctx, digest := context.Background(), sha256.Sum256(content)
	statement, err := attest.NewProvenanceV1(attest.Build{
		Subjects:  []attest.Subject{{Name: "tool", Digest: map[string]string{"sha256": hex.EncodeToString(digest[:])}}},
		BuilderID: "https://ci.acme.example/linux", BuildType: "https://ci.acme.example/make/v1",
		Source: attest.ResourceDescriptor{URI: "https://git.acme.example/tool", Digest: map[string]string{"gitCommit": strings.Repeat("1f", 20)}},
	})
	w.check(err)
	envelope, err := attest.SignStatement(ctx, statement, w.people.Builder)
	w.check(err)
	_, err = w.evidence.Put(ctx, cast.Vendor, envelope)
	w.check(err)
	key, err := w.ca.NewSigningKey(ctx, cast.Vendor)
	w.check(err)
	issued, err := w.ca.Issue(ctx, ca.Request{Vendor: cast.Vendor, SigningKey: key.ID, By: "test", Way: "api"})
	w.check(err)
	signed, err := w.signing.Sign(ctx, sign.Request{
		Vendor: cast.Vendor, Digest: digest, Format: "detached", Product: "tool", Certificate: issued.Record.Serial, By: cast.Vendor,
	})
	w.check(err)
	return signed.CMS, issued.Record.Serial
}

// policy is the dotted OID of an SLSA level.
func (w *world) policy(level int) string {
	oid, err := w.ca.Arc().Policy(w.framework.URI, "slsa", level)
	w.check(err)
	return oid.String()
}

// root and twin are trust anchors as PEM files.
func (w *world) root() string { return w.pem("CERTIFICATE", w.trust.Roots[0].Raw) }

func (w *world) twin(tier string) string {
	return w.pem("CERTIFICATE", w.twinOf(tier).Raw)
}

// lists are revocation lists as a PEM file, fetched from where certificates say.
func (w *world) lists(certs ...*x509.Certificate) string {
	w.t.Helper()
	var all [][]byte
	for _, c := range certs {
		if len(c.CRLDistributionPoints) != 1 {
			w.t.Fatalf("%s: %d distribution points", c.Subject, len(c.CRLDistributionPoints))
		}
		all = append(all, w.get(c.CRLDistributionPoints[0]))
	}
	return w.pem("X509 CRL", all...)
}

// otherShard is a list of the same CA that is not the certificate's, as a PEM file.
func (w *world) otherShard(c *x509.Certificate) string {
	w.t.Helper()
	other := "/0.crl"
	folder, shard := path.Split(c.CRLDistributionPoints[0])
	if shard == "0.crl" {
		other = "/1.crl"
	}
	return w.pem("X509 CRL", w.get(strings.TrimSuffix(folder, "/")+other))
}

func (w *world) get(url string) []byte {
	w.t.Helper()
	resp, err := http.Get(url)
	w.check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(url + ": " + resp.Status)
	}
	w.check(err)
	return body
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// file writes a file of a new name that ends in suffix.
func (w *world) file(suffix string, content []byte) string {
	w.t.Helper()
	name := w.fresh(suffix)
	w.check(os.WriteFile(name, content, 0o600))
	return name
}
