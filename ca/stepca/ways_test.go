package stepca

import (
	"context"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/test/stepclient"
	"github.com/smallstep/certificates/authority/provisioner"
)

const audience = "https://ca.example.com/1.0/sign"

// with opens an Authority with OIDC and ACME.
func (f *fixture) with(c Config) *Authority {
	f.t.Helper()
	c.CA, c.Store, c.DNSNames = f.ca, f.store, []string{"ca.example.com", "127.0.0.1"}
	a, err := New(c)
	check(f.t, err)
	f.t.Cleanup(func() { check(f.t, a.Shutdown()) })
	return a
}

// register puts an identity on record.
func (f *fixture) registerIdentity(vendor string, rec store.VendorIdentity, err error) store.VendorIdentity {
	f.t.Helper()
	check(f.t, err)
	rec.Vendor, rec.AddedAt, rec.AddedBy = vendor, time.Now().UTC(), "olga"
	f.update(func(tx store.Tx) error { return store.VendorIdentities.Insert(tx, rec) })
	return rec
}

func (f *fixture) registerKey(vendor string, key crypto.PublicKey) store.VendorIdentity {
	f.t.Helper()
	text, _ := stepclient.PublicJWK(f.t, key)
	rec, err := ParseJWK(text)
	return f.registerIdentity(vendor, rec, err)
}

func (f *fixture) remove(rec store.VendorIdentity) {
	f.t.Helper()
	f.update(func(tx store.Tx) error { return store.VendorIdentities.Delete(tx, rec.ID) })
}

func plainCSR(t testing.TB, name string) *x509.CertificateRequest {
	return parseCSR(t, newCSR(t, newKey(t), x509.CertificateRequest{Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}}))
}

func TestJWK(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", 2)
	f.assess("beta", 2)
	s, key := f.step(), newKey(t)
	_, err := stepSign(s, stepclient.JWKToken(t, key, audience, "x", nil), plainCSR(t, "x"))
	wantRefusal(t, err, ca.CodeProvisioner) // not on record
	rec := f.registerKey("acme", key.Public())
	f.registerKey("beta", newKey(t).Public())

	// Whatever token and CSR say about names, the key is acme's.
	token := stepclient.JWKToken(t, key, audience, "Beta GmbH", stepclient.Claims{"sans": []string{"beta.example", "https://beta.example"}, "vendor": "beta", "email": "bert@beta.example"})
	chain, err := stepSign(s, token, parseCSR(t, greedy(t, f, newKey(t))))
	check(t, err)
	wantPlain(t, f, chain[0], 2)
	if recs := f.certificates(); len(recs) != 1 || recs[0].RequestedBy != rec.ID || recs[0].Vendor != "acme" {
		t.Errorf("on record: %+v", recs)
	}
	for name, token := range map[string]string{
		"used already":           token,
		"signature rewritten":    token[:len(token)-1] + map[bool]string{true: "B", false: "A"}[strings.HasSuffix(token, "A")],
		"another key's":          stepclient.JWKToken(t, newKey(t), audience, "x", stepclient.Claims{"iss": rec.ID}),
		"for another server":     stepclient.JWKToken(t, key, "https://other.example.com/1.0/sign", "x", nil),
		"for every smallstep CA": stepclient.JWKToken(t, key, "step-certificate-authority", "x", nil),
		"for renewal":            stepclient.JWKToken(t, key, "https://ca.example.com/1.0/renew", "x", nil),
		"expired":                stepclient.JWKToken(t, key, audience, "x", stepclient.Claims{"exp": time.Now().Add(-time.Hour).Unix()}),
		"not yet":                stepclient.JWKToken(t, key, audience, "x", stepclient.Claims{"nbf": time.Now().Add(time.Hour).Unix()}),
		"blanks around":          " " + stepclient.JWKToken(t, key, audience, "x", nil),
		"no subject":             stepclient.JWKToken(t, key, audience, "", nil),
	} {
		if _, err := stepSign(s, token, plainCSR(t, "x")); err == nil {
			t.Errorf("%s: issued", name)
		}
	}
	f.suspend("acme")
	_, err = stepSign(s, stepclient.JWKToken(t, key, audience, "x", nil), plainCSR(t, "x"))
	wantRefusal(t, err, ca.CodeVendorSuspended)
	f.remove(rec)
	_, err = stepSign(s, stepclient.JWKToken(t, key, audience, "x", nil), plainCSR(t, "x"))
	wantRefusal(t, err, ca.CodeProvisioner)
	if n := len(f.certificates()); n != 1 {
		t.Errorf("%d certificates", n)
	}
}

// A key removed between the check of a token and the gate counts as removed.
func TestServiceReadsTheRecord(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", 2)
	s, key := f.step(), newKey(t)
	rec := f.registerKey("acme", key.Public())
	options, err := s.authorize(signContext(), stepclient.JWKToken(t, key, audience, "x", nil))
	check(t, err)
	f.remove(rec)
	_, err = s.authority.SignWithContext(signContext(), plainCSR(t, "x"), provisioner.SignOptions{}, options...)
	wantRefusal(t, err, ca.CodeProvisioner)
}

func TestParseJWK(t *testing.T) {
	good, _ := stepclient.PublicJWK(t, newKey(t).Public())
	rec, err := ParseJWK(append([]byte(" "), good...))
	if err != nil || !strings.HasPrefix(rec.ID, jwkPrefix) || rec.Kind != store.IdentityJWK || string(rec.JWK) != string(good) {
		t.Errorf("%+v, %v", rec, err)
	}
	for name, c := range map[string]struct {
		text string
		want ca.Code
	}{
		"empty":     {"", ca.CodeBadRequest},
		"not JSON":  {"x", ca.CodeBadRequest},
		"too long":  {strings.Repeat(" ", maxJWKBytes) + string(good), ca.CodeBadRequest},
		"symmetric": {`{"kty":"oct","k":"c2VjcmV0"}`, ca.CodeKeyAlgorithm},
		"private":   {`{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}`, ca.CodeKeyAlgorithm},
		"P-521":     {`{"kty":"EC","crv":"P-521","x":"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt","y":"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1"}`, ca.CodeKeyCurve},
		"short RSA": {`{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs","e":"AQAB"}`, ca.CodeKeySize},
	} {
		_, err := ParseJWK([]byte(c.text))
		if r := ca.IsRefusal(err); r == nil || r.Code != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// FuzzParseJWK: a refusal with a reason, or a public key whose record reads back as
// itself.
func FuzzParseJWK(f *testing.F) {
	good, _ := stepclient.PublicJWK(f, newKey(f).Public())
	for _, seed := range []string{string(good), `{"kty":"oct","k":"AA"}`, `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`, `{"kty":"EC","crv":"P-256","x":"","y":""}`, "[]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		rec, err := ParseJWK(raw)
		if err != nil {
			if r := ca.IsRefusal(err); r == nil || r.Code == "" || r.Detail == "" {
				t.Fatalf("refused without a reason: %v", err)
			}
			return
		}
		again, err := ParseJWK(rec.JWK)
		if err != nil || again.ID != rec.ID || string(again.JWK) != string(rec.JWK) || strings.Contains(string(rec.JWK), `"d"`) {
			t.Fatalf("read back as %+v, %v", again, err)
		}
	})
}

func TestOIDC(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", 2)
	f.assess("beta", 2)
	issuer, other := stepclient.NewIssuer(t), stepclient.NewIssuer(t)
	s := f.with(Config{OIDC: []Issuer{
		{Name: "ci", Issuer: issuer.URL, ClientID: "hallmark", Roots: issuer.Roots},
		{Name: "other", Issuer: other.URL, ClientID: "hallmark", Roots: other.Roots},
	}})
	sign := func(token string) error { _, err := stepSign(s, token, plainCSR(t, "x")); return err }
	const subject = "repo:acme/tool:ref:refs/heads/main"
	wantRefusal(t, sign(issuer.Token("hallmark", subject, nil)), ca.CodeProvisioner) // not on record
	rec, err := OIDCIdentity(issuer.URL, subject)
	rec = f.registerIdentity("acme", rec, err)

	token := issuer.Token("hallmark", subject, stepclient.Claims{"email": "bert@beta.example", "name": "Beta GmbH", "preferred_username": "bert", "groups": []string{"beta"}})
	chain, err := stepSign(s, token, parseCSR(t, greedy(t, f, newKey(t))))
	check(t, err)
	wantPlain(t, f, chain[0], 2)

	for name, token := range map[string]string{
		"used already":                token,
		"another subject":             issuer.Token("hallmark", subject+"2", nil),
		"the subject in other case":   issuer.Token("hallmark", strings.ToUpper(subject), nil),
		"a template for a subject":    issuer.Token("hallmark", "{{ .Token.sub }}", nil),
		"another issuer's":            other.Token("hallmark", subject, nil),
		"another issuer's key":        other.Token("hallmark", subject, stepclient.Claims{"iss": issuer.URL}),
		"for another client":          issuer.Token("somebody", subject, nil),
		"for another party":           issuer.Token("hallmark", subject, stepclient.Claims{"azp": "somebody"}),
		"expired":                     issuer.Token("hallmark", subject, stepclient.Claims{"exp": time.Now().Add(-time.Hour).Unix()}),
		"only an email":               issuer.Token("hallmark", "", stepclient.Claims{"email": "alice@acme.example"}),
		"an issuer nobody configured": issuer.Token("hallmark", subject, stepclient.Claims{"iss": "https://elsewhere.example.com"}),
	} {
		if err := sign(token); err == nil {
			t.Errorf("%s: issued", name)
		}
	}
	f.suspend("acme")
	wantRefusal(t, sign(issuer.Token("hallmark", subject, nil)), ca.CodeVendorSuspended)
	f.remove(rec)
	wantRefusal(t, sign(issuer.Token("hallmark", subject, nil)), ca.CodeProvisioner)
	if n := len(f.certificates()); n != 1 {
		t.Errorf("%d certificates", n)
	}
}

// The issuer's keys are read when they are needed, again when they do not fit, and not
// for every token that somebody makes up.
func TestOIDCKeysChange(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", 2)
	issuer := stepclient.NewIssuer(t)
	now := time.Now()
	s := f.with(Config{Now: func() time.Time { return now }, OIDC: []Issuer{{Name: "ci", Issuer: issuer.URL, ClientID: "hallmark", Roots: issuer.Roots}}})
	rec, err := OIDCIdentity(issuer.URL, "build")
	f.registerIdentity("acme", rec, err)
	sign := func() error {
		_, err := stepSign(s, issuer.Token("hallmark", "build", nil), plainCSR(t, "x"))
		return err
	}
	if issuer.Reads() != 0 {
		t.Error("asked before anybody needed it")
	}
	check(t, sign())
	check(t, sign())
	if n := issuer.Reads(); n != 1 {
		t.Errorf("keys read %d times for two tokens", n)
	}
	issuer.Rotate("second")
	for range 5 {
		if err := sign(); err == nil {
			t.Error("a key that has not been read yet")
		}
	}
	if n := issuer.Reads(); n != 1 {
		t.Errorf("keys read %d times within a moment", n)
	}
	now = now.Add(issuerPause)
	check(t, sign())
	now = now.Add(issuerAge)
	check(t, sign())
	if n := issuer.Reads(); n != 3 {
		t.Errorf("keys read %d times, want 3", n)
	}
}

// devices is an Authority with ACME behind a TLS server, as clients see it.
func (f *fixture) devices(maker *stepclient.Manufacturer, a *Authority) *httptest.Server {
	f.t.Helper()
	if a == nil {
		a = f.with(Config{ACME: &ACME{AttestationRoots: maker.PEM}})
	}
	server := httptest.NewTLSServer(a.Handler())
	f.t.Cleanup(server.Close)
	return server
}

func (f *fixture) acmeKey(vendor, person string) store.ACMEKey {
	f.t.Helper()
	key := NewACMEKey(vendor, person, "olga", time.Now())
	f.update(func(tx store.Tx) error { return store.ACMEKeys.Insert(tx, key) })
	return key
}

// wantProblem fails unless an ACME server gave this refusal.
func wantProblem(t testing.TB, err error, text string) {
	t.Helper()
	var p *stepclient.Problem
	if !errors.As(err, &p) || p.Status >= 500 || !strings.Contains(p.Error(), text) {
		t.Errorf("%v, want a problem with %q", err, text)
	}
}

func TestACME(t *testing.T) {
	f := newFixture(t)
	maker := stepclient.NewManufacturer(t)
	server := f.devices(maker, nil)
	client := stepclient.NewACME(t, server.Client(), server.URL+ACMEDirectory)
	wantProblem(t, client.Register("", nil), "externalAccountRequired")
	key := f.acmeKey("acme", "alice")
	wantProblem(t, client.Register("nobody", key.Secret), "unauthorized")
	check(t, client.Register(key.ID, key.Secret))
	wantProblem(t, stepclient.NewACME(t, server.Client(), server.URL+ACMEDirectory).Register(key.ID, key.Secret), "unauthorized")

	_, err := client.Certificate(maker.Device(1))
	wantProblem(t, err, string(ca.CodeNoAssessment))
	f.assess("acme", 2)
	device := maker.Device(2)
	chain, err := client.Certificate(device)
	check(t, err)
	wantPlain(t, f, chain[0], 2)
	recs := f.certificates()
	if len(recs) != 1 || recs[0].RequestedBy != "acme-"+key.ID || len(chain) != 2 || !device.Key.PublicKey.Equal(chain[0].PublicKey) {
		t.Errorf("on record: %+v, chain of %d", recs, len(chain))
	}
	f.view(func(r store.Reader) error {
		intent, err := store.Intents.Get(r, recs[0].Serial)
		if err != nil || intent.Way != wayACME {
			t.Errorf("way %q, %v", intent.Way, err)
		}
		return nil
	})
	// The account is there after a restart, and so is whom it speaks for.
	f.assess("beta", 2)
	again := f.with(Config{ACME: &ACME{AttestationRoots: maker.PEM}})
	server.Config.Handler = again.Handler()
	_, err = client.Certificate(maker.Device(3))
	wantProblem(t, err, "badNonce") // nonces do not survive, and RFC 8555 §6.5 has the client try again
	chain, err = client.Certificate(maker.Device(3))
	check(t, err)
	wantPlain(t, f, chain[0], 2)
}

func TestACMERefusals(t *testing.T) {
	maker, stranger := stepclient.NewManufacturer(t), stepclient.NewManufacturer(t)
	f := newFixture(t)
	f.assess("acme", 2)
	server := f.devices(maker, nil)
	account := func(key store.ACMEKey) *stepclient.ACME {
		client := stepclient.NewACME(t, server.Client(), server.URL+ACMEDirectory)
		check(t, client.Register(key.ID, key.Secret))
		return client
	}
	client := account(f.acmeKey("acme", ""))
	for _, c := range []struct {
		name string
		ask  func() error
		want string
	}{
		{"hardware of an unknown maker", func() error { _, err := client.Certificate(stranger.Device(1)); return err }, "badAttestationStatement"},
		{"another device's number", func() error { d := maker.Device(1); _, err := client.CertificateFor(d, "2", d.Key); return err }, "badAttestationStatement"},
		{"a key from outside", func() error { _, err := client.CertificateFor(maker.Device(1), "1", newKey(t)); return err }, "unauthorized"},
	} {
		wantProblem(t, c.ask(), c.want)
		if len(f.certificates()) != 0 {
			t.Fatalf("%s: issued", c.name)
		}
	}
	// What the request asks for beyond the key is dropped, or refused.
	client.CSR = &x509.CertificateRequest{DNSNames: []string{"beta.example"}, EmailAddresses: []string{"bert@beta.example"}}
	chain, err := client.Certificate(maker.Device(4))
	check(t, err)
	wantPlain(t, f, chain[0], 2)
	client.CSR = nil

	key := f.acmeKey("acme", "alice")
	alices := account(key)
	f.disable("alice")
	_, err = alices.Certificate(maker.Device(5))
	wantProblem(t, err, "unauthorized")
	late := f.acmeKey("acme", "alice")
	wantProblem(t, stepclient.NewACME(t, server.Client(), server.URL+ACMEDirectory).Register(late.ID, late.Secret), "unauthorized")
	expired := NewACMEKey("acme", "", "olga", time.Now().Add(-ACMEKeyValidity))
	f.update(func(tx store.Tx) error { return store.ACMEKeys.Insert(tx, expired) })
	wantProblem(t, stepclient.NewACME(t, server.Client(), server.URL+ACMEDirectory).Register(expired.ID, expired.Secret), "unauthorized")

	f.suspend("acme")
	_, err = client.Certificate(maker.Device(6))
	wantProblem(t, err, string(ca.CodeVendorSuspended))
	f.update(func(tx store.Tx) error { // the key that bound the account is taken back
		var ids []string
		for k, err := range store.ACMEKeys.By(tx, "vendor", "acme") {
			if err != nil {
				return err
			}
			ids = append(ids, k.ID)
		}
		for _, id := range ids {
			if err := store.ACMEKeys.Delete(tx, id); err != nil {
				return err
			}
		}
		return nil
	})
	_, err = client.Certificate(maker.Device(7))
	wantProblem(t, err, "unauthorized")
	if n := len(f.certificates()); n != 1 {
		t.Errorf("%d certificates", n)
	}
}

// Revocation and change of key are not offered; nor is another provisioner.
func TestACMERoutes(t *testing.T) {
	f := newFixture(t)
	server := f.devices(stepclient.NewManufacturer(t), nil)
	for path, want := range map[string]int{
		ACMEDirectory: 200, "/acme/device/new-nonce": 204, "/acme/other/directory": 404, "/acme/hallmark/directory": 404, "/acme/device/revoke-cert": 404, "/acme/": 404,
	} {
		resp, err := server.Client().Get(server.URL + path)
		check(t, err)
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("GET %s: %d", path, resp.StatusCode)
		}
	}
	for _, path := range []string{"/acme/device/revoke-cert", "/acme/device/account/x/key-change"} {
		resp, err := server.Client().Post(server.URL+path, "application/jose+json", strings.NewReader("{}"))
		check(t, err)
		resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("POST %s: %d", path, resp.StatusCode)
		}
	}
	without := httptest.NewRecorder()
	f.step().Handler().ServeHTTP(without, httptest.NewRequest("GET", ACMEDirectory, nil))
	if without.Code != http.StatusNotFound {
		t.Errorf("ACME without configuration: %d", without.Code)
	}
}

func TestConfigIsChecked(t *testing.T) {
	f := newFixture(t)
	roots := stepclient.NewManufacturer(t).PEM
	good := Issuer{Name: "ci", Issuer: "https://ci.example.com", ClientID: "hallmark"}
	for name, c := range map[string]Config{
		"no client id":       {OIDC: []Issuer{{Name: "ci", Issuer: good.Issuer}}},
		"no name":            {OIDC: []Issuer{{Issuer: good.Issuer, ClientID: "x"}}},
		"issuer without TLS": {OIDC: []Issuer{{Name: "ci", Issuer: "http://ci.example.com", ClientID: "x"}}},
		"issuer twice":       {OIDC: []Issuer{good, {Name: "b", Issuer: good.Issuer, ClientID: "x"}}},
		"name twice":         {OIDC: []Issuer{good, {Name: "ci", Issuer: "https://b.example.com", ClientID: "x"}}},
		"name of X5C":        {OIDC: []Issuer{{Name: x5cName, Issuer: good.Issuer, ClientID: "x"}}},
		"name of a key":      {OIDC: []Issuer{{Name: "jwk-x", Issuer: good.Issuer, ClientID: "x"}}},
		"name of ACME":       {OIDC: []Issuer{{Name: acmeName, Issuer: good.Issuer, ClientID: "x"}}, ACME: &ACME{AttestationRoots: roots}},
		"no roots":           {ACME: &ACME{}},
		"roots no PEM":       {ACME: &ACME{AttestationRoots: []byte("x")}},
		"format tpm":         {ACME: &ACME{AttestationRoots: roots, Formats: []string{"tpm"}}},
	} {
		c.CA, c.Store, c.DNSNames = f.ca, f.store, []string{"ca.example.com"}
		if a, err := New(c); err == nil {
			a.Shutdown()
			t.Errorf("%s: accepted", name)
		}
	}
}

// /provisioners shows who can ask and how, and neither templates, nor their marker, nor
// whose a key is.
func TestProvisioners(t *testing.T) {
	f := newFixture(t)
	a := f.with(Config{OIDC: []Issuer{{Name: "ci", Issuer: "https://ci.example.com", ClientID: "hallmark"}}, ACME: &ACME{AttestationRoots: stepclient.NewManufacturer(t).PEM}})
	for range listPage + 2 {
		f.registerKey("acme", newKey(t).Public())
	}
	names, cursor := map[string]bool{}, ""
	for {
		w := httptest.NewRecorder()
		a.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/1.0/provisioners?cursor="+cursor, nil))
		if text := w.Body.String(); strings.Contains(text, a.marker) || strings.Contains(text, "acme.example") {
			t.Fatal(text)
		}
		var page struct {
			Provisioners []struct{ Type, Name string }
			NextCursor   string
		}
		check(t, json.Unmarshal(w.Body.Bytes(), &page))
		for _, p := range page.Provisioners {
			if names[p.Name] {
				t.Errorf("%s twice", p.Name)
			}
			names[p.Name] = true
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	if len(names) != listPage+5 || !names["hallmark"] || !names["ci"] || !names["device"] {
		t.Errorf("%d provisioners", len(names))
	}
}

func TestNonces(t *testing.T) {
	n := newNonces()
	first := n.create()
	if n.use("") || !n.use(first) || n.use(first) {
		t.Error("a nonce is good once")
	}
	old := n.create()
	for range maxNonces {
		n.create()
	}
	if n.use(old) || len(n.out) != maxNonces {
		t.Errorf("%d nonces are held", len(n.out))
	}
}

func signContext() context.Context {
	return provisioner.NewContextWithMethod(context.Background(), provisioner.SignMethod)
}
