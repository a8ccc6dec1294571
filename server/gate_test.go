package server

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/ca/stepca"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/test/stepclient"
)

// oidcClient is what the CA is called at the issuer.
const oidcClient = "hallmark"

// seat is a vendor with every means of asking there is.
type seat struct {
	vendor string
	person string // has a client certificate
	key    *ecdsa.PrivateKey
	acme   *stepclient.ACME
}

func (s seat) subject() string { return "repo:" + s.vendor + "/tool" }

// table is a world with an OpenID Connect issuer and a maker of hardware.
type table struct {
	*world
	issuer  *stepclient.Issuer
	maker   *stepclient.Manufacturer
	devices int
}

func newTable(t *testing.T) *table {
	issuer, maker := stepclient.NewIssuer(t), stepclient.NewManufacturer(t)
	w := newWorldWith(t, stepca.Config{
		OIDC: []stepca.Issuer{{Name: "ci", Issuer: issuer.URL, ClientID: oidcClient, Roots: issuer.Roots}},
		ACME: &stepca.ACME{AttestationRoots: maker.PEM},
	})
	return &table{world: w, issuer: issuer, maker: maker}
}

// seat registers a vendor the way it goes: an officer registers vendor, key and
// subject, the vendor's person enrols, takes an ACME key and binds an account with it.
func (w *table) seat(vendor string) seat {
	w.t.Helper()
	s := seat{vendor: vendor, person: vendor, key: newTestKey(w.t)}
	var added api.VendorInvitation
	w.must("olga", "POST", "/v1/vendors", api.NewVendor{ID: vendor, URI: "https://" + vendor + ".example", Organization: strings.ToUpper(vendor), Country: "NL"}, &added)
	w.enrol(vendor, secretOf(w.t, added.Invitation))
	text, _ := stepclient.PublicJWK(w.t, s.key.Public())
	w.must("olga", "POST", "/v1/vendors/"+vendor+"/identities", api.NewIdentity{JWK: text}, nil)
	w.must("olga", "POST", "/v1/vendors/"+vendor+"/identities", api.NewIdentity{Issuer: w.issuer.URL, Subject: s.subject()}, nil)
	var key api.ACMEKey
	w.must(vendor, "POST", "/v1/vendors/"+vendor+"/acme-keys", nil, &key)
	secret, err := base64.RawURLEncoding.DecodeString(key.Secret)
	if err != nil {
		w.t.Fatal(err)
	}
	s.acme = stepclient.NewACME(w.t, w.clients[""], w.http.URL+stepca.ACMEDirectory)
	if err := s.acme.Register(key.ID, secret); err != nil {
		w.t.Fatal(err)
	}
	return s
}

// assess brings an assessment at a level into force.
func (w *table) assess(vendor string, level int) string {
	w.t.Helper()
	a := w.newAssessment(vendor)
	a.Level, a.LevelID = level, fmt.Sprintf("SLSA_LEVEL_%d", level)
	framework, _ := w.server.Catalogue.Lookup("slsa-v0.1")
	track, _ := framework.Track("slsa")
	for _, r := range track.Requirements {
		if r.FromLevel > level {
			a.Findings = slices.DeleteFunc(a.Findings, func(f audit.Finding) bool { return f.Requirement == r.ID })
			a.Findings = append(a.Findings, audit.Finding{Requirement: r.ID, Status: audit.NotMet, Note: "not looked at"})
		}
	}
	if level == len(track.Levels) {
		for _, r := range track.Requirements {
			if !slices.ContainsFunc(a.Findings, func(f audit.Finding) bool { return f.Requirement == r.ID }) {
				a.Findings = append(a.Findings, audit.Finding{Requirement: r.ID, Status: audit.Met, Evidence: a.Findings[0].Evidence})
			}
		}
		a.SecondAuditor = &audit.Party{ID: "nib", Organization: "Nib & Partners"}
	}
	id := w.handIn(a)
	w.accept("olga", id)
	return id
}

// wish is what a request says beyond who asks. No way may heed it but to refuse.
type wish struct {
	name  string // of a vendor
	level int    // where a way has a place for it
}

func (x wish) csr() *x509.CertificateRequest {
	uri := &url.URL{Scheme: "https", Host: x.name + ".example"}
	return &x509.CertificateRequest{Subject: pkix.Name{CommonName: x.name, Organization: []string{strings.ToUpper(x.name)}}, URIs: []*url.URL{uri}}
}

// way is one way in. It returns the certificate, or an error whose text has the code.
type way struct {
	name   string
	ask    func(w *table, s seat, x wish) (*x509.Certificate, error)
	levels bool // a level can be asked for
	// forged asks as the first vendor with the means of the second. nil: there is no
	// place to name another.
	forged func(w *table, as, by seat) error
}

func ways() []way {
	return []way{
		{name: "API", ask: askAPI, levels: true},
		{name: "API, key held by the service", ask: askService, levels: true},
		{name: "client of the command line", ask: askClient, levels: true},
		{name: "step X5C", ask: askX5C, forged: func(w *table, as, by seat) error {
			token := stepclient.X5CToken(w.t, w.keys[by.person], w.clientCertificate(as.person), signAudience, as.vendor, nil)
			_, err := w.stepSign(token, wish{name: as.vendor})
			return err
		}},
		{name: "step JWK", ask: askJWK, forged: func(w *table, as, by seat) error {
			_, thumbprint := stepclient.PublicJWK(w.t, as.key.Public())
			_, err := w.stepSign(stepclient.JWKToken(w.t, by.key, signAudience, as.vendor, stepclient.Claims{"iss": "jwk-" + thumbprint}), wish{name: as.vendor})
			return err
		}},
		{name: "step OIDC", ask: askOIDC, forged: func(w *table, as, _ seat) error {
			stranger := stepclient.NewIssuer(w.t)
			_, err := w.stepSign(stranger.Token(oidcClient, as.subject(), stepclient.Claims{"iss": w.issuer.URL}), wish{name: as.vendor})
			return err
		}},
		{name: "ACME", ask: askACME, forged: func(w *table, as, by seat) error {
			account := by.acme.Account
			defer func() { by.acme.Account = account }()
			by.acme.Account = as.acme.Account
			_, err := askACME(w, by, wish{name: as.vendor})
			return err
		}},
	}
}

// TestWaysMeetTheGate is DESIGN's first invariant, way by way and state by state: no
// path goes round the gate, and a refusal leaves nothing behind.
func TestWaysMeetTheGate(t *testing.T) {
	w := newTable(t)
	good, none, expired, withdrawn := w.seat("good"), w.seat("none"), w.seat("expired"), w.seat("withdrawn")
	lower, high, suspended := w.seat("lower"), w.seat("high"), w.seat("suspended")
	w.assess("good", 3)
	id := w.assess("expired", 3)
	w.change(id, func(a *store.Assessment) { a.ValidUntil = time.Now().Add(-time.Minute) })
	w.must("olga", "POST", "/v1/assessments/"+w.assess("withdrawn", 3)+"/withdraw", api.Ending{Reason: "fraud"}, nil)
	w.assess("lower", 1)
	w.assess("high", 4)
	w.assess("suspended", 3)
	w.must("olga", "POST", "/v1/vendors/suspended/suspend", nil, nil)

	for _, way := range ways() {
		t.Run(way.name, func(t *testing.T) {
			w := &table{world: w.in(t), issuer: w.issuer, maker: w.maker, devices: w.devices}
			for _, c := range []struct {
				state string
				seat  seat
				wish  wish
				want  ca.Code
			}{
				{"no assessment", none, wish{name: "none", level: 3}, ca.CodeNoAssessment},
				{"expired", expired, wish{name: "expired", level: 3}, ca.CodeNoAssessment},
				{"withdrawn", withdrawn, wish{name: "withdrawn", level: 3}, ca.CodeNoAssessment},
				{"another vendor's assessment", none, wish{name: "good", level: 3}, ca.CodeNoAssessment},
				{"vendor suspended", suspended, wish{name: "suspended", level: 3}, ca.CodeVendorSuspended},
				{"a tier that wants an officer's approval", high, wish{name: "high", level: 4}, ca.CodeApprovalRequired},
				{"lower level than asked", lower, wish{name: "lower", level: 3}, ca.CodeLevelTooHigh},
			} {
				if c.want == ca.CodeLevelTooHigh && !way.levels {
					w.wantOnly(way, c.seat, c.wish, 1)
					continue
				}
				w.wantRefused(c.state, c.want, func() error { _, err := way.ask(w, c.seat, c.wish); return err })
			}
			if way.forged != nil {
				w.wantRefused("another vendor's identity", "", func() error { return way.forged(w, good, none) })
			}
			w.wantOnly(way, lower, wish{name: "good", level: 1}, 1)
			w.wantOnly(way, good, wish{name: "good", level: 3}, 3)
		})
		w.devices += 100
	}
	t.Run("renewal and re-key", func(t *testing.T) { testRenewal(t, &table{world: w.in(t), issuer: w.issuer, maker: w.maker}) })
	t.Run("smallstep's renewal", func(t *testing.T) { testNoRenewal(t, &table{world: w.in(t), issuer: w.issuer, maker: w.maker}, good) })
}

// in is the same world for a subtest.
func (w *world) in(t *testing.T) *world {
	copied := *w
	copied.t = t
	return &copied
}

// wantRefused fails unless a request is refused for a reason and leaves nothing.
func (w *table) wantRefused(state string, code ca.Code, ask func() error) {
	w.t.Helper()
	before := w.inventory()
	err := ask()
	if err == nil || !strings.Contains(err.Error(), string(code)) {
		w.t.Errorf("%s: %v, want %s", state, err, code)
	}
	after := w.inventory()
	if errors.Is(err, errFiled) { // officers are told, and the key that one is to approve, made by the service, stays
		before["notices"]++
		after["signingkeys"] = before["signingkeys"]
	}
	if diff := cmp.Diff(before, after); diff != "" {
		w.t.Errorf("%s left something (-before +after):\n%s", state, diff)
	}
}

// wantOnly fails unless a certificate is issued that says what the vendor's assessment
// supports: the vendor's name and this level, whatever was wished.
func (w *table) wantOnly(way way, s seat, x wish, level int) {
	w.t.Helper()
	before := w.inventory()
	cert, err := way.ask(w, s, x)
	if err != nil {
		w.t.Errorf("level %d of %s: %v", level, s.vendor, err)
		return
	}
	mark, err := w.server.CA.Arc().ReadMark(cert)
	if err != nil {
		w.t.Fatal(err)
	}
	if claims := mark.Assurance.Claims; len(claims) != 1 || claims[0].Level != level {
		w.t.Errorf("claims %+v, want level %d", claims, level)
	}
	if len(cert.URIs) != 1 || cert.URIs[0].String() != "https://"+s.vendor+".example" || cert.Subject.CommonName != strings.ToUpper(s.vendor) ||
		len(cert.DNSNames)+len(cert.EmailAddresses)+len(cert.IPAddresses) != 0 || cert.IsCA {
		w.t.Errorf("names %v %v, subject %s", cert.URIs, cert.DNSNames, cert.Subject)
	}
	after := w.inventory()
	if after["certs"] != before["certs"]+1 || after["intents"] != before["intents"]+1 {
		w.t.Errorf("records before %v, after %v", before, after)
	}
}

// signAudience is the server of newWorld, as tokens name it: ports do not count.
const signAudience = "https://127.0.0.1/1.0/sign"

func (w *table) clientCertificate(who string) *x509.Certificate {
	w.t.Helper()
	cert, err := x509.ParseCertificate(w.clients[who].Transport.(*http.Transport).TLSClientConfig.Certificates[0].Certificate[0])
	if err != nil {
		w.t.Fatal(err)
	}
	return cert
}

func (x wish) claims() []api.Claim {
	return []api.Claim{{Framework: "slsa-v0.1", Track: "slsa", Level: x.level}}
}

func askAPI(w *table, s seat, x wish) (*x509.Certificate, error) {
	csr, err := x509.CreateCertificateRequest(rand.Reader, x.csr(), newTestKey(w.t))
	if err != nil {
		return nil, err
	}
	return w.api(s, api.NewCertificate{Claims: x.claims(), CSR: csr})
}

func askService(w *table, s seat, x wish) (*x509.Certificate, error) {
	return w.api(s, api.NewCertificate{Claims: x.claims()})
}

func (w *table) api(s seat, in api.NewCertificate) (*x509.Certificate, error) {
	r := w.do(s.person, "POST", "/v1/certificates", in)
	if r.status >= 300 {
		return nil, errors.New(string(r.body))
	}
	if r.status == http.StatusAccepted {
		return nil, errFiled
	}
	var cert api.Certificate
	if err := json.Unmarshal(r.body, &cert); err != nil {
		return nil, err
	}
	return x509.ParseCertificate(cert.DER)
}

// errFiled is an answer without a certificate: a request waits for an officer.
var errFiled = fmt.Errorf("%s: a request is filed", ca.CodeApprovalRequired)

func askClient(w *table, s seat, x wish) (*x509.Certificate, error) {
	var cert api.Certificate
	err := w.apiClient(s.person).Post(context.Background(), "/v1/certificates", api.NewCertificate{Claims: x.claims()}, &cert)
	var p *api.Problem
	if errors.As(err, &p) {
		return nil, fmt.Errorf("%s: %w", p.Code, err)
	}
	if err != nil {
		return nil, err
	}
	if len(cert.DER) == 0 {
		return nil, errFiled
	}
	return x509.ParseCertificate(cert.DER)
}

func askX5C(w *table, s seat, x wish) (*x509.Certificate, error) {
	return w.stepSign(stepclient.X5CToken(w.t, w.keys[s.person], w.clientCertificate(s.person), signAudience, x.name, sans(x)), x)
}

func askJWK(w *table, s seat, x wish) (*x509.Certificate, error) {
	return w.stepSign(stepclient.JWKToken(w.t, s.key, signAudience, x.name, sans(x)), x)
}

func askOIDC(w *table, s seat, x wish) (*x509.Certificate, error) {
	return w.stepSign(w.issuer.Token(oidcClient, s.subject(), stepclient.Claims{"email": "info@" + x.name + ".example", "name": x.name, "vendor": x.name}), x)
}

func sans(x wish) stepclient.Claims {
	return stepclient.Claims{"sans": []string{"https://" + x.name + ".example"}}
}

func askACME(w *table, s seat, x wish) (*x509.Certificate, error) {
	w.devices++
	s.acme.CSR = &x509.CertificateRequest{URIs: x.csr().URIs}
	chain, err := s.acme.Certificate(w.maker.Device(w.devices))
	if err != nil {
		return nil, err
	}
	return chain[0], nil
}

// stepSign is what the step client sends.
func (w *table) stepSign(token string, x wish) (*x509.Certificate, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, x.csr(), newTestKey(w.t))
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]any{
		"csr": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})), "ott": token,
		"templateData": map[string]any{"vendor": x.name, "level": x.level, "isCA": true},
	})
	if err != nil {
		return nil, err
	}
	resp, err := w.clients[""].Post(w.http.URL+"/1.0/sign", "application/json", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	var answer struct{ Crt string }
	if err := json.Unmarshal(raw, &answer); err != nil || resp.StatusCode != http.StatusCreated {
		return nil, fmt.Errorf("%d %s", resp.StatusCode, raw)
	}
	block, _ := pem.Decode([]byte(answer.Crt))
	return x509.ParseCertificate(block.Bytes)
}

// testRenewal: the CA's own renewal and re-key are requests that meet the gate again.
func testRenewal(t *testing.T, w *table) {
	ctx := context.Background()
	w.seat("renewing")
	id := w.assess("renewing", 3)
	key := newTestKey(t)
	first, err := w.server.CA.Issue(ctx, ca.Request{Vendor: "renewing", PublicKey: key.Public(), By: "renewing", Way: "api"})
	if err != nil {
		t.Fatal(err)
	}
	for _, rekey := range []bool{false, true} {
		renew := func(vendor string) error {
			request, err := w.server.CA.Renewal(ctx, vendor, first.Record.Serial, rekey)
			if err != nil {
				return err
			}
			request.PublicKey, request.By, request.Way = key.Public(), vendor, "api"
			if rekey {
				request.PublicKey = newTestKey(t).Public()
			}
			_, err = w.server.CA.Issue(ctx, request)
			return err
		}
		name := map[bool]string{false: "renewal: ", true: "re-key: "}[rekey]
		w.wantRefused(name+"another vendor's certificate", ca.CodeUnknownCertificate, func() error { return renew("good") })
		w.must("olga", "POST", "/v1/vendors/renewing/suspend", nil, nil)
		w.wantRefused(name+"vendor suspended", ca.CodeVendorSuspended, func() error { return renew("renewing") })
		w.must("olga", "POST", "/v1/vendors/renewing/resume", nil, nil)
		var until time.Time
		w.change(id, func(a *store.Assessment) { until, a.ValidUntil = a.ValidUntil, time.Now().Add(-time.Minute) })
		w.wantRefused(name+"expired", ca.CodeNoAssessment, func() error { return renew("renewing") })
		w.change(id, func(a *store.Assessment) { a.ValidUntil = until })
		if err := renew("renewing"); err != nil {
			t.Errorf("%sgood: %v", name, err)
		}
	}
	w.must("olga", "POST", "/v1/assessments/"+id+"/withdraw", api.Ending{Reason: "fraud"}, nil)
	w.wantRefused("renewal: withdrawn", ca.CodeNoAssessment, func() error {
		request, err := w.server.CA.Renewal(ctx, "renewing", first.Record.Serial, false)
		if err != nil {
			return err
		}
		request.PublicKey = key.Public()
		_, err = w.server.CA.Issue(ctx, request)
		return err
	})
}

// testNoRenewal: smallstep's own renewal, by the old certificate alone, is not there.
func testNoRenewal(t *testing.T, w *table, s seat) {
	if _, err := askX5C(w, s, wish{name: s.vendor}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/renew", "/1.0/renew", "/rekey", "/1.0/rekey", "/revoke", "/1.0/revoke", "/acme/device/revoke-cert", "/ssh/sign", "/1.0/ssh/sign"} {
		w.wantRefused(path, "404", func() error {
			r := w.do(s.person, "POST", path, map[string]string{})
			return fmt.Errorf("%d", r.status)
		})
	}
}
