package audit

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/ledger/queue"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

// noon is when the tests play.
var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// world is a register among its neighbours:
//
//	acme    vendor   Acme Ltd
//	other   vendor   Other GmbH
//	quill   auditor  Quill LLP, accredited for slsa-v0.1 from 2026-01-01 for two years
//	mole    auditor  ACME, LTD., likewise
//	ada     auditor  Ada and Co, likewise
//	olga, oleg  officers of Example CA;  otto  officer of Acme Ltd
type world struct {
	db     storetest.Driver
	ledger *fakeLedger
	certs  *fakeCertificates
	keys   map[string]*ecdsa.PrivateKey // by person: auditors and officers
	reg    *Register
	now    time.Time
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldOn(t, storetest.NewMemory())
}

func newWorldOn(t testing.TB, db storetest.Driver) *world {
	t.Helper()
	w := &world{db: db, ledger: new(fakeLedger), certs: new(fakeCertificates), keys: map[string]*ecdsa.PrivateKey{}, now: noon}
	w.reg = w.register(t, db)
	created := noon.AddDate(-1, 0, 0)
	w.put(t, func(tx store.Tx) error {
		for _, v := range []store.Vendor{
			{ID: "acme", URI: "https://acme.example", Organization: "Acme Ltd", Country: "DE", CreatedAt: created},
			{ID: "other", URI: "https://other.example", Organization: "Other GmbH", Country: "DE", CreatedAt: created},
		} {
			if err := store.Vendors.Put(tx, v); err != nil {
				return err
			}
		}
		for _, p := range []store.Person{
			{ID: "quill", Role: "auditor", Organization: "Quill LLP", CreatedAt: created},
			{ID: "mole", Role: "auditor", Organization: " ACME,  LTD.", CreatedAt: created},
			{ID: "ada", Role: "auditor", Organization: "Ada and Co", CreatedAt: created},
			{ID: "olga", Role: "officer", Organization: "Example CA", CreatedAt: created},
			{ID: "oleg", Role: "officer", Organization: "Example CA", CreatedAt: created},
			{ID: "otto", Role: "officer", Organization: "acme LTD", CreatedAt: created},
			{ID: "vera", Role: "vendor", Vendor: "acme", Organization: "Acme Ltd", CreatedAt: created},
		} {
			if err := store.People.Put(tx, p); err != nil {
				return err
			}
		}
		return nil
	})
	w.addKey(t, "quill")
	w.addKey(t, "mole")
	w.addKey(t, "ada")
	for _, officer := range []string{"olga", "oleg", "otto"} {
		w.enrol(t, officer)
	}
	return w
}

// enrol gives an officer a client certificate.
func (w *world) enrol(t testing.TB, officer string) {
	t.Helper()
	key := newKey(t)
	w.keys[officer] = key
	template := &x509.Certificate{SerialNumber: big.NewInt(int64(len(w.keys))), Subject: pkix.Name{CommonName: officer}, NotBefore: noon.AddDate(-1, 0, 0), NotAfter: noon.AddDate(5, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	w.put(t, func(tx store.Tx) error {
		return store.ClientCertificates.Put(tx, store.ClientCertificate{Serial: officer, Person: officer, DER: der, NotAfter: template.NotAfter})
	})
}

// countersigned is a stored assessment's envelope with a person's signature added.
func (w *world) countersigned(t testing.TB, id, person string) []byte {
	t.Helper()
	var rec store.Assessment
	w.view(t, func(r store.Reader) (err error) {
		rec, err = store.Assessments.Get(r, id)
		return ignoreNotFound(err)
	})
	key, ok := w.keys[person]
	if !ok || rec.Envelope == nil || rec.AcceptedSPKI != "" || rec.Auditor == person {
		return rec.Envelope
	}
	envelope, err := attest.AddSignature(context.Background(), rec.Envelope, key)
	if err != nil {
		t.Fatal(err)
	}
	return envelope
}

// acceptOn has an officer sign and accept.
func (w *world) acceptOn(t testing.TB, ctx context.Context, reg *Register, id, officer string) (store.Assessment, error) {
	t.Helper()
	return reg.Accept(ctx, id, officer, w.countersigned(t, id, officer))
}

// register is another process on the same ledger and certificates.
func (w *world) register(t testing.TB, db Store) *Register {
	t.Helper()
	reg, err := New(Config{
		Store: db, Ledger: w.ledger, Certificates: w.certs,
		Queue: &queue.Queue{Store: w.db, Log: w.ledger, Now: func() time.Time { return w.now }}, Catalogue: catalogue(t), Arc: ext.DefaultArc(),
		Now: func() time.Time { return w.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return reg
}

func (w *world) put(t testing.TB, fn func(tx store.Tx) error) {
	t.Helper()
	if err := w.db.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// addKey registers a new key of an auditor and accredits them.
func (w *world) addKey(t testing.TB, auditor string) {
	t.Helper()
	key := newKey(t)
	w.keys[auditor] = key
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	w.put(t, func(tx store.Tx) error {
		return errors.Join(
			store.AuditorKeys.Put(tx, store.AuditorKey{SPKISHA256: spki(t, key), Auditor: auditor, PublicKey: der, AddedAt: noon.AddDate(-1, 0, 0)}),
			store.Accreditations.Put(tx, store.Accreditation{
				Auditor: auditor, Framework: "slsa-v0.1",
				From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC),
			}))
	})
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func spki(t testing.TB, key crypto.Signer) string {
	t.Helper()
	id, err := attest.KeyID(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func keyPEM(t testing.TB, public crypto.PublicKey) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// builderPEM is a builder's public key, the same in every run so that fuzzing sees
// the same seeds. Nobody has the private key.
const builderPEM = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEHKX1JNCMmSFtYmqv1YoVVbrj6LJZ
S9nQPf15N7jKuC3sC9s+Q2e1bHKJohUTK6U/mzBYrSqRCB11WlD7ibeowQ==
-----END PUBLIC KEY-----
`

// assessment is Acme's, by quill, that reaches a level of SLSA v0.1.
func assessment(t testing.TB, level int) Assessment {
	t.Helper()
	f, ok := catalogue(t).Lookup("slsa-v0.1")
	if !ok {
		t.Fatal("no slsa-v0.1")
	}
	track, _ := f.Track("slsa")
	a := Assessment{
		Framework: f.Ref("slsa"),
		Vendor:    Party{ID: "acme", URI: "https://acme.example", Organization: "Acme Ltd"},
		Auditor:   Party{ID: "quill", Organization: "Quill LLP"},
		Level:     level, LevelID: track.LevelID(level),
		AssessedAt: noon.Add(-time.Hour), ValidUntil: noon.AddDate(1, 0, 0),
		Scope: Scope{
			Products:     []Product{{Name: "tool"}},
			Sources:      []Source{{URI: "git+https://git.acme.example/tool"}},
			Builders:     []Builder{{ID: "https://ci.acme.example/linux", Keys: []string{builderPEM}, Properties: []string{"isolated"}}},
			Repositories: []string{"https://attestations.acme.example"},
		},
	}
	if level == len(track.Levels) { // two auditors sign the highest level
		a.SecondAuditor = &Party{ID: "ada", Organization: "Ada and Co"}
	}
	for _, r := range track.Requirements {
		if r.FromLevel <= level {
			a.Findings = append(a.Findings, Finding{Requirement: r.ID, Status: Met, Evidence: []attest.ResourceDescriptor{{URI: "https://acme.example/" + r.ID}}})
		}
	}
	return a
}

// sign makes the envelope that is submitted, signed by everybody it names.
func (w *world) sign(t testing.TB, a Assessment) []byte {
	t.Helper()
	envelope := w.signAlone(t, a)
	if a.SecondAuditor != nil {
		envelope = w.cosign(t, envelope, a.SecondAuditor.ID)
	}
	return envelope
}

func (w *world) signAlone(t testing.TB, a Assessment) []byte {
	t.Helper()
	envelope, err := Sign(t.Context(), a, w.keys[a.Auditor.ID])
	if err != nil {
		t.Fatal(err)
	}
	return envelope
}

func (w *world) cosign(t testing.TB, envelope []byte, person string) []byte {
	t.Helper()
	out, err := attest.AddSignature(t.Context(), envelope, w.keys[person])
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (w *world) submit(t testing.TB, a Assessment) store.Assessment {
	t.Helper()
	rec, err := w.reg.Submit(t.Context(), w.sign(t, a), a.Auditor.ID)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func (w *world) accept(t testing.TB, a Assessment) store.Assessment {
	t.Helper()
	rec, err := w.acceptOn(t, t.Context(), w.reg, w.submit(t, a).ID, "olga")
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func (w *world) record(t testing.TB, id string) store.Assessment {
	t.Helper()
	var rec store.Assessment
	w.view(t, func(r store.Reader) (err error) {
		rec, err = store.Assessments.Get(r, id)
		return err
	})
	return rec
}

func (w *world) certificate(t testing.TB, serial string) store.Certificate {
	t.Helper()
	var cert store.Certificate
	w.view(t, func(r store.Reader) (err error) {
		cert, err = store.Certificates.Get(r, serial)
		return err
	})
	return cert
}

func (w *world) view(t testing.TB, fn func(r store.Reader) error) {
	t.Helper()
	if err := w.db.View(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func (w *world) assessments(t testing.TB) []store.Assessment {
	t.Helper()
	var list []store.Assessment
	w.view(t, func(r store.Reader) error {
		for rec, err := range store.Assessments.All(r, "") {
			if err != nil {
				return err
			}
			list = append(list, rec)
		}
		return nil
	})
	return list
}

// actions lists the audit trail about one object, in order.
func (w *world) actions(t testing.TB, object string) []string {
	t.Helper()
	var list []string
	w.view(t, func(r store.Reader) error {
		for e, err := range store.Events.All(r, "") {
			if err != nil {
				return err
			}
			if e.Object == object {
				list = append(list, e.Who+" "+e.Action)
			}
		}
		return nil
	})
	slices.Sort(list)
	return list
}

// issue puts a certificate on record that claims a level on the ground of rec.
func (w *world) issue(t testing.TB, rec store.Assessment, level int, notBefore, notAfter time.Time, properties ...string) string {
	t.Helper()
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 96))
	if err != nil {
		t.Fatal(err)
	}
	mark := ext.Mark{
		Assurance: ext.Assurance{Claims: []ext.Claim{{
			Framework: rec.FrameworkURI, Track: rec.Track, Level: level, LevelID: fmt.Sprintf("SLSA_LEVEL_%d", level), Properties: properties,
			Assessment: ext.AssessmentRef{Payload: digest(t, rec.ID), Auditor: digest(t, rec.AuditorSPKI), AssessedAt: rec.AssessedAt, ValidUntil: rec.ValidUntil, LogOrigin: w.ledger.Origin(), LogIndex: rec.LogIndex},
		}}},
		Repository: ext.AttestationRepository{URLs: []string{"https://attestations.acme.example"}},
	}
	extensions, err := ext.DefaultArc().Extensions(mark)
	if err != nil {
		t.Fatal(err)
	}
	policies, err := ext.DefaultArc().Policies(mark.Assurance.Claims)
	if err != nil {
		t.Fatal(err)
	}
	key := newKey(t)
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: rec.Vendor}, NotBefore: notBefore, NotAfter: notAfter, ExtraExtensions: extensions, Policies: policies}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert := store.Certificate{
		Serial: hex.EncodeToString(serial.Bytes()), Tier: "standard", Vendor: rec.Vendor, DER: der, SPKISHA256: spki(t, key),
		NotBefore: notBefore, NotAfter: notAfter, Assessments: []string{rec.ID}, IssuedAt: notBefore, RequestedBy: "vera",
	}
	w.put(t, func(tx store.Tx) error { return store.Certificates.Insert(tx, cert) })
	return cert.Serial
}

func digest(t testing.TB, text string) (sum [sha256.Size]byte) {
	t.Helper()
	if n, err := hex.Decode(sum[:], []byte(text)); err != nil || n != len(sum) {
		t.Fatalf("%q is no digest", text)
	}
	return sum
}

// wantRefusal checks an error's code and field.
func wantRefusal(t testing.TB, err error, code Code, field string) {
	t.Helper()
	var r *Refusal
	if !errors.As(err, &r) {
		t.Fatalf("error %v, want refusal %s at %s", err, code, field)
	}
	if r.Code != code || r.Field != field {
		t.Fatalf("refused %s at %q (%v), want %s at %q", r.Code, r.Field, r, code, field)
	}
	if r.Detail == "" || r.Error() == "" {
		t.Error("refusal without a detail")
	}
}
