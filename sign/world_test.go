package sign

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/sign/gate"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

const (
	vendorURI   = "https://vendor.example.com/"
	builderID   = "https://builder.example.com/v1"
	otherID     = "https://other.example.com/v1"
	buildType   = "https://builder.example.com/types/make"
	sourceURI   = "git+https://git.example.com/vendor/app.git@refs/heads/main"
	commit      = "0123456789abcdef0123456789abcdef01234567"
	productName = "app"
)

// world is a vendor that may have app signed, and everything around it.
type world struct {
	*pki
	store    storetest.Driver
	builder  crypto.Signer // of builderID
	other    crypto.Signer // of otherID, audited too
	rebuild  crypto.Signer // of a rebuilder
	second   crypto.Signer // of another, where there is one
	auditor  crypto.Signer
	vsa      crypto.Signer
	vendor   crypto.Signer // signing key "key-1"
	evidence fakeEvidence
	digest   [32]byte
	serial   string // of the vendor's certificate
	rec      store.Assessment

	keyErr, stampErr, crlErr, certErr error
	beforeStamp                       func() // runs between examination and record
	crl                               []byte
	now                               time.Time
}

type fakeEvidence map[string][][]byte

var errBroken = errors.New("broken on purpose")

func (e fakeEvidence) Get(_ context.Context, vendor, digest string) ([][]byte, error) {
	if e == nil {
		return nil, errBroken
	}
	return e[vendor+"/"+digest], nil
}

func (w *world) Signer(_ context.Context, id string) (crypto.Signer, error) {
	if w.keyErr != nil || id != "key-1" {
		return nil, errors.Join(w.keyErr, fmt.Errorf("key %s", id))
	}
	return w.vendor, nil
}

func (w *world) StampDigest(ctx context.Context, h crypto.Hash, d []byte) ([]byte, error) {
	if w.beforeStamp != nil {
		w.beforeStamp()
	}
	if w.stampErr != nil {
		return nil, w.stampErr
	}
	return w.pki.StampDigest(ctx, h, d)
}

func (w *world) Certificate(string) (*x509.Certificate, error) { return w.issuing.cert, w.certErr }

func (w *world) Root(string) (*x509.Certificate, error) { return w.root.cert, w.certErr }

func (w *world) Cross(string) []*x509.Certificate { return nil }

func (w *world) CRLOf(context.Context, store.Certificate) ([]byte, error) { return w.crl, w.crlErr }

func newWorld(t testing.TB) *world { return newWorldOn(t, storetest.NewMemory()) }

func newWorldOn(t testing.TB, d storetest.Driver) *world {
	t.Helper()
	p256 := elliptic.P256()
	w := &world{pki: newPKI(t), store: d, builder: newKey(t, p256), other: newKey(t, p256), rebuild: newKey(t, p256),
		auditor: newKey(t, p256), vsa: newKey(t, p256), vendor: newKey(t, p256), digest: sha256.Sum256(testContent), now: time.Now().UTC()}
	var err error
	w.crl, err = x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: testStart, NextUpdate: testEnd}, w.issuing.cert, w.issuing.key)
	must(t, err)
	w.rec = w.assessmentRecord(t, w.assessment(t))
	w.evidence = fakeEvidence{"vendor/" + hex.EncodeToString(w.digest[:]): {w.provenance(t, nil)}}
	w.update(t, func(tx store.Tx) error {
		return errors.Join(
			store.Vendors.Insert(tx, store.Vendor{ID: "vendor", URI: vendorURI, Organization: "Vendor Ltd", Country: "DE", CreatedAt: testStart}),
			store.AuditorKeys.Insert(tx, store.AuditorKey{SPKISHA256: keyID(t, w.auditor), Auditor: "auditor", PublicKey: spki(t, w.auditor), AddedAt: testStart}),
			store.Accreditations.Insert(tx, store.Accreditation{Auditor: "auditor", Framework: "slsa-v0.1", From: testStart, Until: testEnd}),
			store.Assessments.Insert(tx, w.rec),
			store.SigningKeys.Insert(tx, store.SigningKey{ID: "key-1", Vendor: "vendor", SPKISHA256: keyID(t, w.vendor), CreatedAt: testStart}),
		)
	})
	w.serial = w.certify(t, w.rec).Serial
	return w
}

func (w *world) build() gate.Build {
	return gate.Build{Digest: hex.EncodeToString(w.digest[:]), Product: productName}
}

func (w *world) update(t testing.TB, fn func(store.Tx) error) {
	t.Helper()
	must(t, w.store.Update(context.Background(), fn))
}

func (w *world) service(t testing.TB) *Service {
	t.Helper()
	s, err := New(Config{Store: w.store, Keys: w, Evidence: w.evidence, Stamper: w, Issuers: w, VSASigner: w.vsa,
		VerifierID: "https://ca.example.com/", Arc: ext.DefaultArc(), Now: func() time.Time { return w.now }})
	must(t, err)
	return s
}

func (w *world) request() Request {
	return Request{Vendor: "vendor", Digest: w.digest, Format: "detached", Product: productName, By: "person"}
}

func (w *world) scope(t testing.TB) audit.Scope {
	return audit.Scope{
		Products: []audit.Product{{Name: productName}, {Name: "lib"}},
		Sources:  []audit.Source{{URI: "https://git.example.com/vendor/app", Branches: []string{"main", "refs/tags/v1"}}, {URI: "https://git.example.com/vendor/lib"}},
		Builders: []audit.Builder{
			{ID: builderID, BuildTypes: []string{buildType}, Keys: []string{pemKey(t, w.builder)}, Properties: levelThree()},
			{ID: otherID, BuildTypes: []string{buildType}, Keys: []string{pemKey(t, w.other)}, Properties: levelThree()},
		},
		Rebuilders:   []audit.Rebuilder{{ID: "https://rebuild.example.com/", Operator: "Rebuild Org", Keys: []string{pemKey(t, w.rebuild)}}},
		Repositories: []string{"https://ca.example.com/att/vendor"},
	}
}

// levelThree is what an auditor has to have verified for provenance v1 to be enough at
// level 3 of SLSA v0.1.
func levelThree() []string {
	return []string{audit.PropertyCompleteParameters, audit.PropertySourceFetched, audit.PropertyFixedEntryPoint}
}

// embedded reads the catalogues once for all tests.
var embedded = sync.OnceValues(audit.Embedded)

func (w *world) assessment(t testing.TB) audit.Assessment {
	t.Helper()
	c, err := embedded()
	must(t, err)
	f, _ := c.Lookup("slsa-v0.1")
	return audit.Assessment{
		Framework: f.Ref("slsa"),
		Vendor:    audit.Party{ID: "vendor", URI: vendorURI, Organization: "Vendor Ltd"}, Auditor: audit.Party{ID: "auditor", Organization: "Audit Ltd"},
		Level: 3, LevelID: "SLSA_LEVEL_3", AssessedAt: testStart, ValidUntil: testEnd, Scope: w.scope(t), Findings: []audit.Finding{},
	}
}

func (w *world) assessmentRecord(t testing.TB, a audit.Assessment) store.Assessment {
	t.Helper()
	envelope, err := audit.Sign(context.Background(), a, w.auditor)
	must(t, err)
	u, err := attest.ParseEnvelope(envelope)
	must(t, err)
	id := sha256.Sum256(u.Payload)
	return store.Assessment{
		ID: hex.EncodeToString(id[:]), State: store.AssessmentInForce, Vendor: a.Vendor.ID, Framework: a.Framework.ID, FrameworkURI: a.Framework.URI,
		Track: a.Framework.Track, Level: a.Level, LevelID: a.LevelID, Auditor: a.Auditor.ID, AuditorSPKI: keyID(t, w.auditor),
		AssessedAt: a.AssessedAt, ValidUntil: a.ValidUntil, Envelope: envelope, SubmittedAt: testStart, Receipt: []byte("receipt of " + a.LevelID), LogOrigin: "log.example.com", CatalogueSHA256: a.Framework.Digest["sha256"],
	}
}

// certify issues and records a certificate that rests on these assessments.
func (w *world) certify(t testing.TB, recs ...store.Assessment) store.Certificate {
	t.Helper()
	c, _ := w.newLeaf(t, w.vendor.Public(), recs...)
	w.update(t, func(tx store.Tx) error { return store.Certificates.Insert(tx, c) })
	return c
}

// newLeaf issues a certificate for a key, and returns what would be its record.
func (w *world) newLeaf(t testing.TB, pub crypto.PublicKey, recs ...store.Assessment) (store.Certificate, *x509.Certificate) {
	t.Helper()
	arc, claims, ids := ext.DefaultArc(), []ext.Claim(nil), []string(nil)
	for _, r := range recs {
		payload, err := hex.DecodeString(r.ID)
		must(t, err)
		auditor, err := hex.DecodeString(r.AuditorSPKI)
		must(t, err)
		claims = append(claims, ext.Claim{Framework: r.FrameworkURI, Track: r.Track, Level: r.Level, LevelID: r.LevelID,
			Assessment: ext.AssessmentRef{Payload: [32]byte(payload), Auditor: [32]byte(auditor), AssessedAt: r.AssessedAt, ValidUntil: r.ValidUntil, LogOrigin: r.LogOrigin}})
		ids = append(ids, r.ID)
	}
	extensions, err := arc.Extensions(ext.Mark{Assurance: ext.Assurance{Claims: claims}, Repository: ext.AttestationRepository{URLs: []string{"https://ca.example.com/att/vendor"}}})
	must(t, err)
	policies, err := arc.Policies(claims)
	must(t, err)
	u, err := url.Parse(vendorURI)
	must(t, err)
	leaf := w.issue(t, w.issuing, publicOnly{pub}, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Vendor Ltd"}, URIs: []*url.URL{u}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}, ExtraExtensions: extensions, Policies: policies})
	c := store.Certificate{
		Serial: fmt.Sprintf("%032x", leaf.cert.SerialNumber), Tier: "elevated", Vendor: "vendor", DER: leaf.cert.Raw, SPKISHA256: keyID(t, publicOnly{pub}),
		NotBefore: leaf.cert.NotBefore, NotAfter: leaf.cert.NotAfter, Assessments: ids, SigningKey: "key-1", IssuedAt: testStart.Add(time.Duration(w.pki.serial) * time.Second),
	}
	return c, leaf.cert
}

// publicOnly is a key whose private half is elsewhere.
type publicOnly struct{ key crypto.PublicKey }

func (p publicOnly) Public() crypto.PublicKey { return p.key }

func (p publicOnly) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, errBroken }

// build is provenance v1 before it is signed.
type build struct {
	attest.Build
	by crypto.Signer
}

// provenance makes the good envelope, or what change makes of it.
func (w *world) provenance(t testing.TB, change func(*build)) []byte {
	t.Helper()
	b := build{by: w.builder, Build: attest.Build{
		Subjects:  []attest.Subject{{Name: "app.deb", Digest: map[string]string{"sha256": hex.EncodeToString(w.digest[:])}}},
		BuilderID: builderID, BuildType: buildType,
		Source: attest.ResourceDescriptor{URI: sourceURI, Digest: map[string]string{"gitCommit": commit}},
	}}
	if change != nil {
		change(&b)
	}
	s, err := attest.NewProvenanceV1(b.Build)
	must(t, err)
	return envelope(t, s, b.by)
}

func envelope(t testing.TB, s attest.Statement, by crypto.Signer) []byte {
	t.Helper()
	raw, err := attest.SignStatement(context.Background(), s, by)
	must(t, err)
	return raw
}

func spki(t testing.TB, k crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(k.Public())
	must(t, err)
	return der
}

func pemKey(t testing.TB, k crypto.Signer) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki(t, k)}))
}

func keyID(t testing.TB, k crypto.Signer) string {
	t.Helper()
	id, err := attest.KeyID(k.Public())
	must(t, err)
	return id
}
