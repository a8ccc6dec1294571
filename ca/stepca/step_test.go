package stepca

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
	"github.com/smallstep/certificates/authority/provisioner"
	casapi "github.com/smallstep/certificates/cas/apiv1"
	"go.step.sm/crypto/jose"
	"go.step.sm/crypto/x509util"
)

// person is somebody with a client certificate on record. smallstep reads the
// machine's clock, so these tests live in the present.
type person struct {
	key  crypto.Signer
	cert *x509.Certificate
}

func (f *fixture) enrol(id string) person {
	f.t.Helper()
	p := person{key: newKey(f.t)}
	var rec store.Person
	f.view(func(r store.Reader) (err error) { rec, err = store.People.Get(r, id); return err })
	cert, err := f.ca.IssueClient(context.Background(), p.key.Public(), rec, 0)
	if err != nil {
		f.t.Fatal(err)
	}
	p.cert = cert
	f.update(func(tx store.Tx) error {
		return store.ClientCertificates.Put(tx, store.ClientCertificate{Serial: ca.SerialKey(cert.SerialNumber), Person: id, DER: cert.Raw, NotAfter: cert.NotAfter})
	})
	return p
}

func (f *fixture) step() *Authority {
	f.t.Helper()
	s, err := New(Config{CA: f.ca, Store: f.store, DNSNames: []string{"ca.example.com"}})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		if err := s.Shutdown(); err != nil {
			f.t.Error(err)
		}
	})
	return s
}

// token is what `step ca token --x5c-cert … --x5c-key …` makes.
func token(t testing.TB, p person, subject string, sans ...string) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: p.key},
		new(jose.SignerOptions).WithType("JWT").WithHeader("x5c", []string{base64.StdEncoding.EncodeToString(p.cert.Raw)}))
	if err != nil {
		t.Fatal(err)
	}
	var id [16]byte
	rand.Read(id[:])
	now := time.Now()
	text, err := jose.Signed(signer).Claims(jose.Claims{
		Issuer: x5cName, Subject: subject, ID: hex.EncodeToString(id[:]), Audience: jose.Audience{"https://ca.example.com/1.0/sign#x5c/" + x5cName},
		IssuedAt: jose.NewNumericDate(now), NotBefore: jose.NewNumericDate(now), Expiry: jose.NewNumericDate(now.Add(5 * time.Minute)),
	}).Claims(map[string]any{"sans": sans}).CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func parseCSR(t testing.TB, der []byte) *x509.CertificateRequest {
	t.Helper()
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		t.Fatal(err)
	}
	return csr
}

// stepSign authorises a token and signs, as smallstep's handler does.
func stepSign(s *Authority, tok string, csr *x509.CertificateRequest) ([]*x509.Certificate, error) {
	ctx := provisioner.NewContextWithMethod(context.Background(), provisioner.SignMethod)
	opts, err := s.authorize(ctx, tok)
	if err != nil {
		return nil, err
	}
	return s.authority.SignWithContext(ctx, csr, provisioner.SignOptions{}, opts...)
}

func TestStepMeetsTheGate(t *testing.T) {
	f := newFixture(t)
	alice, s := f.enrol("alice"), f.step()
	csr := func() *x509.CertificateRequest {
		return parseCSR(t, newCSR(t, newKey(t), x509.CertificateRequest{Subject: pkix.Name{CommonName: "acme"}, DNSNames: []string{"acme"}}))
	}
	_, err := stepSign(s, token(t, alice, "acme"), csr())
	wantRefusal(t, err, ca.CodeNoAssessment)

	assessment := f.assess("acme", 2)
	tok := token(t, alice, "acme")
	chain, err := stepSign(s, tok, csr())
	if err != nil {
		t.Fatal(err)
	}
	wantPlain(t, f, chain[0], 2)
	recs := f.certificates()
	if len(recs) != 1 || !bytes.Equal(recs[0].DER, chain[0].Raw) || recs[0].RequestedBy != "alice" || len(chain) != 2 {
		t.Errorf("on record: %d, by %s", len(recs), recs[0].RequestedBy)
	}
	for _, e := range chain[0].Extensions {
		if strings.HasPrefix(e.Id.String(), "1.3.6.1.4.1.37476") {
			t.Error("smallstep's own extension is in the certificate")
		}
	}
	if _, err := stepSign(s, tok, csr()); err == nil {
		t.Error("a token worked twice")
	}
	if _, err := stepSign(f.step(), tok, csr()); err == nil {
		t.Error("a token worked again after a restart")
	}
	_, err = f.register.Withdraw(context.Background(), audit.WithdrawRequest{ID: assessment.ID, By: "olga", Reason: "fraud"})
	check(t, err)
	_, err = stepSign(s, token(t, alice, "acme"), csr())
	wantRefusal(t, err, ca.CodeNoAssessment)
}

func TestStepCSRAsksForMore(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", 2)
	f.assess("beta", 4)
	alice, s := f.enrol("alice"), f.step()
	csr := parseCSR(t, greedy(t, f, newKey(t)))
	// The token names what the CSR names, or smallstep refuses before us.
	chain, err := stepSign(s, token(t, alice, "Beta GmbH", "beta.example", "https://beta.example"), csr)
	if err != nil {
		t.Fatal(err)
	}
	wantPlain(t, f, chain[0], 2)
}

// Calls that did not come through our provisioner and template get nothing, however
// the CSR is written.
func TestStepCannotGoRound(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", 2)
	alice, s := f.enrol("alice"), f.step()
	key := newKey(t)
	acme, err := url.Parse("https://acme.example")
	if err != nil {
		t.Fatal(err)
	}
	// A CSR that looks like our rendered template, but for the marker.
	forged := parseCSR(t, newCSR(t, key, x509.CertificateRequest{
		Subject: pkix.Name{CommonName: base64.StdEncoding.EncodeToString(alice.cert.Raw), SerialNumber: "marker"}, URIs: []*url.URL{acme},
	}))
	ctx := provisioner.NewContextWithMethod(context.Background(), provisioner.SignMethod)
	x5c := s.x5c
	for name, opts := range map[string][]provisioner.SignOption{
		"no options":                nil,
		"provisioner, no template":  {x5c},
		"provisioner, own template": {x5c, ownTemplate{}},
	} {
		_, err := s.authority.SignWithContext(ctx, forged, provisioner.SignOptions{}, opts...)
		if r := ca.IsRefusal(err); r == nil || r.Code != ca.CodeProvisioner {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(f.certificates()); n != 0 {
		t.Errorf("%d certificates", n)
	}
}

type ownTemplate struct{}

func (ownTemplate) Options(provisioner.SignOptions) []x509util.Option {
	return []x509util.Option{x509util.WithTemplate(`{"subject":{"serialNumber":""},"uris":["https://acme.example"],"basicConstraints":{"isCA":true}}`, x509util.TemplateData{})}
}

func TestStepClientCertificates(t *testing.T) {
	for _, c := range []struct {
		name string
		prep func(*fixture, person) person
		want ca.Code // "" when smallstep itself refuses
	}{
		{"not on record", func(f *fixture, p person) person {
			f.update(func(tx store.Tx) error { return store.ClientCertificates.Delete(tx, ca.SerialKey(p.cert.SerialNumber)) })
			return p
		}, ca.CodeProvisioner},
		{"revoked", func(f *fixture, p person) person {
			f.update(func(tx store.Tx) error {
				rec, err := store.ClientCertificates.Get(tx, ca.SerialKey(p.cert.SerialNumber))
				if err != nil {
					return err
				}
				rec.RevokedAt = time.Now()
				return store.ClientCertificates.Put(tx, rec)
			})
			return p
		}, ca.CodeProvisioner},
		{"person disabled", func(f *fixture, p person) person { f.disable("alice"); return p }, ca.CodeProvisioner},
		{"an officer", func(f *fixture, _ person) person { return f.enrol("olga") }, ca.CodeProvisioner},
		{"another vendor", func(f *fixture, _ person) person { return f.enrol("bert") }, ca.CodeNoAssessment},
		{"vendor suspended", func(f *fixture, p person) person { f.suspend("acme"); return p }, ca.CodeVendorSuspended},
		{"a code-signing certificate", func(f *fixture, p person) person {
			issued, err := f.ca.Issue(context.Background(), ca.Request{Vendor: "acme", PublicKey: p.key.Public()})
			if err != nil {
				f.t.Fatal(err)
			}
			return person{p.key, issued.Certificate}
		}, ""},
		{"the key of another certificate", func(f *fixture, p person) person { return person{newKey(f.t), p.cert} }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			f.assess("acme", 2)
			p := c.prep(f, f.enrol("alice"))
			before := len(f.certificates())
			csr := parseCSR(t, newCSR(t, newKey(t), x509.CertificateRequest{Subject: pkix.Name{CommonName: "x"}, DNSNames: []string{"x"}}))
			_, err := stepSign(f.step(), token(t, p, "x"), csr)
			if err == nil {
				t.Fatal("issued")
			}
			if c.want != "" {
				wantRefusal(t, err, c.want)
			}
			if len(f.certificates()) != before {
				t.Error("a certificate is on record")
			}
		})
	}
}

func TestStepHandler(t *testing.T) {
	f := newFixture(t)
	alice := f.enrol("alice")
	step := f.step()
	handler := step.Handler()
	call := func(method, path, body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		return w
	}
	request := func() string {
		der := newCSR(t, newKey(t), x509.CertificateRequest{Subject: pkix.Name{CommonName: "acme"}, DNSNames: []string{"acme"}})
		body, err := json.Marshal(map[string]string{"csr": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})), "ott": token(t, alice, "acme")})
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	w := call("POST", "/1.0/sign", request())
	if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), string(ca.CodeNoAssessment)) {
		t.Errorf("without an assessment: %d %s", w.Code, w.Body)
	}
	f.assess("acme", 1)
	w = call("POST", "/1.0/sign", request())
	var reply struct{ Crt string }
	if err := json.Unmarshal(w.Body.Bytes(), &reply); err != nil || w.Code != http.StatusCreated {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	block, _ := pem.Decode([]byte(reply.Crt))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	wantPlain(t, f, cert, 1)
	for path, want := range map[string]int{
		"/health": 200, "/1.0/health": 200, "/version": 200, "/provisioners": 200, "/roots": 201, "/root/" + f.ca.OperatorRootFingerprint(): 200,
		"/root/00": 404, "/renew": 404, "/1.0/renew": 404, "/rekey": 404, "/revoke": 404, "/ssh/sign": 404,
	} {
		if w := call("GET", path, ""); w.Code != want {
			t.Errorf("GET %s: %d, want %d", path, w.Code, want)
		}
	}
	for _, path := range []string{"/renew", "/1.0/renew", "/1.0/rekey", "/1.0/revoke", "/1.0/ssh/sign"} {
		if w := call("POST", path, "{}"); w.Code != http.StatusNotFound {
			t.Errorf("POST %s: %d", path, w.Code)
		}
	}
	for name, body := range map[string]string{
		"empty": "", "not JSON": "x", "no token": `{"csr":""}`, "1 MB": `{"ott":"` + strings.Repeat("a", 1<<20) + `"}`,
	} {
		if w := call("POST", "/1.0/sign", body); w.Code < 400 || w.Code >= 500 {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	if strings.Contains(call("GET", "/provisioners", "").Body.String(), step.marker) {
		t.Error("the marker is public")
	}
}

func TestCertificateServiceRenewAndRevoke(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", 1)
	issued, err := f.ca.Issue(context.Background(), ca.Request{Vendor: "acme", PublicKey: newKey(t).Public()})
	check(t, err)
	service := &certificateService{ca: f.ca, store: f.store}
	_, err = service.RenewCertificate(&casapi.RenewCertificateRequest{Template: issued.Certificate})
	wantRefusal(t, err, ca.CodeRenewal)
	db := &tokenDB{store: f.store, now: time.Now}
	serial := issued.Certificate.SerialNumber.String()
	if revoked, err := db.IsRevoked(serial); err != nil || revoked {
		t.Errorf("revoked %v, %v", revoked, err)
	}
	if _, err := service.RevokeCertificate(&casapi.RevokeCertificateRequest{SerialNumber: "x"}); err == nil {
		t.Error("revoked nothing")
	}
	if _, err := service.RevokeCertificate(&casapi.RevokeCertificateRequest{SerialNumber: serial, ReasonCode: ca.ReasonKeyCompromise}); err != nil {
		t.Fatal(err)
	}
	if revoked, err := db.IsRevoked(serial); err != nil || !revoked {
		t.Errorf("revoked %v, %v", revoked, err)
	}
	if c, err := db.GetCertificate(serial); err != nil || !c.Equal(issued.Certificate) {
		t.Error(err)
	}
	_, err = service.RevokeCertificate(&casapi.RevokeCertificateRequest{SerialNumber: serial, ReasonCode: ca.ReasonSuperseded})
	wantRefusal(t, err, ca.CodeAlreadyRevoked)
}

// A token that could not be remembered is not accepted.
func TestTokensAreRememberedDurably(t *testing.T) {
	storetest.EachFault(t, func(*testing.T) storetest.Driver { return storetest.NewMemory() }, func(t *testing.T, d storetest.Driver, faulty *storetest.Faulty) {
		now := func() time.Time { return time.Now() }
		ok, err := (&tokenDB{store: faulty, now: now}).UseToken("id", "token")
		if faulty.Fired() && (ok || !errors.Is(err, storetest.ErrInjected)) {
			t.Errorf("accepted %v, %v", ok, err)
		}
		if !faulty.Fired() {
			if again, err := (&tokenDB{store: d, now: now}).UseToken("id", "other"); !ok || again || err != nil {
				t.Errorf("first %v, again %v, %v", ok, again, err)
			}
		}
	})
}

// greedy is a request that asks for another vendor's names, CA:TRUE, a higher level
// and a mark of its own.
func greedy(t testing.TB, f *fixture, key crypto.Signer) []byte {
	t.Helper()
	basic, err := asn1.Marshal(struct{ CA bool }{true})
	check(t, err)
	beta, err := url.Parse("https://beta.example")
	check(t, err)
	policies, err := asn1.Marshal([]struct{ ID asn1.ObjectIdentifier }{{asn1.ObjectIdentifier{2, 23, 140, 1, 4, 1}}})
	check(t, err)
	return newCSR(t, key, x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "Beta GmbH", Organization: []string{"Beta GmbH"}}, URIs: []*url.URL{beta}, DNSNames: []string{"beta.example"},
		ExtraExtensions: []pkix.Extension{
			{Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Critical: true, Value: basic},
			{Id: asn1.ObjectIdentifier{2, 5, 29, 32}, Value: policies},
			{Id: f.ca.Arc().Assurance(), Value: []byte{0x30, 0x00}},
		},
	})
}
