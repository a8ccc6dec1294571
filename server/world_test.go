package server

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest/mirror"
	"github.com/hallmark-pki/hallmark/attest/repository"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/audit/evidence"
	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/ca/stepca"
	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/format/oci"
	"github.com/hallmark-pki/hallmark/keys/attestation"
	"github.com/hallmark-pki/hallmark/keys/attestation/attestationtest"
	"github.com/hallmark-pki/hallmark/ledger"
	"github.com/hallmark-pki/hallmark/ledger/queue"
	"github.com/hallmark-pki/hallmark/rebuild"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/sign"
	"github.com/hallmark-pki/hallmark/sign/confirm"
	"github.com/hallmark-pki/hallmark/sign/gate"
	"github.com/hallmark-pki/hallmark/sign/release"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

// Keys take seconds to encrypt and open, so all tests share one hierarchy.
var (
	passphrase = []byte("only for tests")
	sharedDir  string
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "hallmark-server-test-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	sharedDir = filepath.Join(dir, "hierarchy")
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

var openShared = sync.OnceValues(func() (*ca.Hierarchy, error) {
	_, err := ca.Init(context.Background(), ca.InitConfig{
		Dir: sharedDir, Name: "Example CA", Organization: "Example", Country: "NL", Passphrase: passphrase, PublicURL: "http://ca.example.com",
	})
	if err != nil {
		return nil, err
	}
	return ca.OpenHierarchy(sharedDir, passphrase)
})

// world is a running server with people of every role:
//
//	olga, otto (officers)  quill, nib (auditors)  rita (reader)  acme, beta (vendors)
//	nora, sven (rebuilders of two operators, both in acme's scope)
//	robot (acme's build system)
//
// Acme has been assessed at SLSA 3 by quill, which olga accepted, and has a
// certificate, evidence and a signature; beta has nothing.
type world struct {
	t       testing.TB
	server  *Server
	http    *httptest.Server
	public  *httptest.Server
	store   storetest.Driver
	clients map[string]*http.Client      // by person; "" is anonymous
	keys    map[string]*ecdsa.PrivateKey // of the client certificates, by person
	auditor *ecdsa.PrivateKey            // quill's
	second  *ecdsa.PrivateKey            // nib's
	builder *ecdsa.PrivateKey
	rebuild map[string]*ecdsa.PrivateKey // of nora's and sven's rebuilders
	prober  *fakeProber
	folder  string                  // of evidence
	ways    stepca.Config           // OIDC and ACME
	maker   *attestationtest.Maker  // of hardware that the CA believes
	roots   *x509.CertPool          // of hosts that the server may fetch evidence from
	ahead   *atomic.Int64           // by how much the puller's clock is, in nanoseconds
	issued  *atomic.Pointer[func()] // called when a certificate for a build is there

	assessment  string // acme's, in force
	certificate string // acme's serial
	artifact    string // SHA-256 of what acme signed
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldWith(t, stepca.Config{})
}

// newWorldWith has more ways in.
func newWorldWith(t testing.TB, ways stepca.Config) *world {
	t.Helper()
	w := &world{
		t: t, ways: ways, store: storetest.NewMemory(), clients: map[string]*http.Client{}, keys: map[string]*ecdsa.PrivateKey{},
		auditor: newTestKey(t), second: newTestKey(t), builder: newTestKey(t), rebuild: map[string]*ecdsa.PrivateKey{"nora": newTestKey(t), "sven": newTestKey(t)}, prober: &fakeProber{},
		roots: x509.NewCertPool(), ahead: new(atomic.Int64), issued: new(atomic.Pointer[func()]), folder: filepath.Join(t.TempDir(), "evidence"),
	}
	w.server = w.newServer()
	w.http = httptest.NewUnstartedServer(boundBodies(w.server.API()))
	// Not StartTLS: that one would put a certificate of its own before ours.
	w.http.Listener = tls.NewListener(w.http.Listener, w.server.TLS())
	w.http.Start()
	w.http.URL = "https://" + w.http.Listener.Addr().String()
	t.Cleanup(w.http.Close)
	w.public = httptest.NewServer(w.server.Public())
	t.Cleanup(w.public.Close)
	w.clients[""] = w.client(nil)
	w.people()
	w.addRebuilders()
	w.acmesBusiness()
	return w
}

func newTestKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (w *world) newServer() *Server {
	t := w.t
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := context.Background()
	hierarchy, err := openShared()
	check(err)
	catalogue, err := audit.Embedded()
	check(err)
	w.maker = attestationtest.New(t, time.Now())
	hardware, err := attestation.New(attestation.Roots{attestation.YubiKey: w.maker.Roots(), attestation.Step: w.maker.Roots()})
	check(err)
	authority, err := ca.Open(ctx, ca.Config{
		Hierarchy: hierarchy, Passphrase: passphrase, Store: w.store, Catalogue: catalogue, ServerNames: []string{"127.0.0.1"}, HardwareKeys: hardware,
	})
	check(err)
	signer, vkey, err := ledger.NewSigner("ca.example.com/log", authority.LedgerKey())
	check(err)
	log, err := ledger.Open(ctx, ledger.Options{Dir: filepath.Join(t.TempDir(), "ledger"), Signer: signer, VKey: vkey})
	check(err)
	t.Cleanup(func() { log.Close(context.Background()) })
	waiting := &queue.Queue{Store: w.store, Log: log, Now: time.Now}
	register, err := audit.New(audit.Config{
		Store: w.store, Ledger: log, Queue: waiting, Certificates: authority, Catalogue: catalogue, Arc: authority.Arc(), Prober: w.prober, Now: time.Now,
	})
	check(err)
	attestations, err := repository.OpenWith(filepath.Join(t.TempDir(), "attestations"), repository.Options{Quota: smallForBeta})
	check(err)
	files, err := evidence.Open(w.folder)
	check(err)
	t.Cleanup(func() { files.Close() })
	w.roots.AddCert(authority.OperatorRoot())
	releases, err := release.New(release.Config{Store: w.store, Rules: &gate.Compiler{}, Now: time.Now, Factors: []release.SecondFactor{release.SSH{}}})
	check(err)
	signing, err := sign.New(sign.Config{
		Elsewhere: &mirror.Puller{Into: attestations, Policy: w.reach(), Now: func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }},
		Release:   releases, Store: w.store, Keys: authority, Evidence: attestations, Stamper: authority, Issuers: authority, Builds: builds{authority, w},
		VSASigner: authority.VSASigner(), VerifierID: "https://ca.example.com", Arc: authority.Arc(),
		Formats:     append(format.Files(), oci.Format{}),
		Provisional: &sign.ProvisionalConfig{Within: func(string) time.Duration { return time.Hour }},
	})
	check(err)
	settling, err := confirm.New(confirm.Config{
		Store: w.store, Judge: confirm.Gate{Service: signing}, Certificates: authority, Repository: attestations, Storm: confirm.DefaultStorm(), Now: time.Now,
	})
	check(err)
	w.ways.CA, w.ways.Store, w.ways.DNSNames = authority, w.store, []string{"127.0.0.1"}
	step, err := stepca.New(w.ways)
	check(err)
	t.Cleanup(func() { step.Shutdown() })
	s, err := New(Config{
		Release: releases, Name: "Example CA", Version: "test", APIURL: "https://ca.example.com",
		Store: w.store, CA: authority, Operator: authority, Register: register, Catalogue: catalogue, Repository: attestations,
		Queue: waiting, Evidence: files, Ledger: log, LedgerKey: vkey, Signing: signing, Rebuilds: &rebuild.Queue{Store: w.store, Repository: attestations.Independent(), Now: time.Now}, Confirm: settling, Step: step.Handler(), ACMEDirectory: "https://ca.example.com" + stepca.ACMEDirectory, Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	check(err)
	return s
}

// later puts the puller's clock forward.
func (w *world) later(d time.Duration) { w.ahead.Add(int64(d)) }

func (w *world) client(identity *tls.Certificate) *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(w.server.Operator.OperatorRoot())
	conf := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}
	if identity != nil {
		conf.Certificates = []tls.Certificate{*identity}
	}
	transport := &http.Transport{TLSClientConfig: conf}
	w.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// reply is a response, read.
type reply struct {
	status  int
	body    []byte
	problem api.Problem
}

func (w *world) do(who, method, path string, in any) reply {
	w.t.Helper()
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			w.t.Fatal(err)
		}
		body = bytes.NewReader(raw)
	}
	return w.doRaw(who, method, path, body)
}

func (w *world) doRaw(who, method, path string, body io.Reader) reply {
	w.t.Helper()
	req, err := http.NewRequest(method, w.http.URL+path, body)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := w.clients[who].Do(req)
	if err != nil {
		w.t.Fatalf("%s %s as %q: %v", method, path, who, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	r := reply{status: resp.StatusCode, body: raw}
	if r.status >= 400 {
		json.Unmarshal(raw, &r.problem)
	}
	return r
}

// must does a call that succeeds, and reads its answer.
func (w *world) must(who, method, path string, in, out any) {
	w.t.Helper()
	r := w.do(who, method, path, in)
	if r.status >= 300 {
		w.t.Fatalf("%s %s as %s: %d %s", method, path, who, r.status, r.body)
	}
	if out != nil {
		if err := json.Unmarshal(r.body, out); err != nil {
			w.t.Fatalf("%s %s: %v in %s", method, path, err, r.body)
		}
	}
}

func (w *world) people() {
	w.t.Helper()
	now := time.Now().UTC()
	olga := store.Person{ID: "olga", Role: api.RoleOfficer, Organization: "Example", CreatedAt: now}
	enrolment, token := Invite("olga", "https://ca.example.com", [32]byte{}, now)
	err := w.store.Update(context.Background(), func(tx store.Tx) error {
		if err := store.People.Insert(tx, olga); err != nil {
			return err
		}
		return store.Enrolments.Insert(tx, enrolment)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.enrol("olga", token.Secret)

	var invitation api.Invitation
	for who, role := range map[string]string{"rita": api.RoleReader, "otto": api.RoleOfficer} {
		w.must("olga", "POST", "/v1/people", api.NewPerson{ID: who, Role: role, Organization: "Example"}, &invitation)
		w.enrol(who, secretOf(w.t, invitation))
	}
	for who, organization := range map[string]string{"quill": "Quill Assurance", "nib": "Nib & Partners"} {
		w.must("olga", "POST", "/v1/auditors", api.NewAuditor{ID: who, Organization: organization, Accreditations: []api.Accreditation{
			{Framework: "slsa-v0.1", Until: now.AddDate(1, 0, 0)}, {Framework: "slsa-v1.2", Until: now.AddDate(1, 0, 0)},
		}}, &invitation)
		w.enrol(who, secretOf(w.t, invitation))
	}
	for _, v := range []string{"acme", "beta"} {
		var added api.VendorInvitation
		w.must("olga", "POST", "/v1/vendors", api.NewVendor{ID: v, URI: "https://" + v + ".example", Organization: strings.ToUpper(v), Country: "NL"}, &added)
		w.enrol(v, secretOf(w.t, added.Invitation))
	}
	var machine api.Machine
	w.must("acme", "POST", "/v1/vendors/acme/machines", api.NewMachine{ID: "robot", Products: []string{"hello"}}, &machine)
	w.enrol("robot", secretOf(w.t, *machine.Invitation))
}

func secretOf(t testing.TB, i api.Invitation) string {
	t.Helper()
	token, err := api.ParseToken(i.Token)
	if err != nil {
		t.Fatal(err)
	}
	return token.Secret
}

func (w *world) enrol(who, secret string) {
	w.t.Helper()
	key := newTestKey(w.t)
	request := api.EnrollRequest{Token: secret, CSR: newTestCSR(w.t, key)}
	if signing := map[string]*ecdsa.PrivateKey{"quill": w.auditor, "nib": w.second}[who]; signing != nil {
		request.SigningCSR = newTestCSR(w.t, signing)
	}
	var answer api.EnrollResponse
	w.must("", "POST", "/v1/enroll", request, &answer)
	w.keys[who] = key
	w.clients[who] = w.client(&tls.Certificate{Certificate: [][]byte{answer.Certificate}, PrivateKey: key})
}

func newTestCSR(t testing.TB, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "x"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return csr
}
