package ca

import (
	"bytes"
	"context"
	"crypto/x509"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/store"
	"golang.org/x/crypto/ocsp"
)

// TestOCSPOfOthers: who asks about another CA's certificate is told so, even if the name
// or the key is ours, or the other half of the request is.
func TestOCSPOfOthers(t *testing.T) {
	f := newFixture(t)
	ours, other := f.ca.tiers[0].issuer.cert, f.ca.tiers[1].issuer.cert
	ask := func(edit func(issuer *x509.Certificate)) []byte {
		issuer := *ours
		edit(&issuer)
		request, err := ocsp.CreateRequest(&x509.Certificate{SerialNumber: big.NewInt(5)}, &issuer, nil)
		if err != nil {
			t.Fatal(err)
		}
		return request
	}
	both := writeTemp(t, nil)
	wantOpenSSL(t, nil, "ocsp", "-no_nonce", "-reqout", both, "-issuer", writePEM(t, "CERTIFICATE", ours.Raw), "-serial", "5",
		"-issuer", writePEM(t, "CERTIFICATE", other.Raw), "-serial", "6")
	for name, c := range map[string]struct {
		request []byte
		refused bool
	}{
		"ours":         {ask(func(*x509.Certificate) {}), false},
		"another name": {ask(func(c *x509.Certificate) { c.RawSubject = other.RawSubject }), true},
		"another key":  {ask(func(c *x509.Certificate) { c.RawSubjectPublicKeyInfo = other.RawSubjectPublicKeyInfo }), true},
		"two issuers":  {readTemp(t, both), true},
	} {
		der, err := f.ca.OCSP(t.Context(), c.request)
		if err != nil || bytes.Equal(der, ocsp.UnauthorizedErrorResponse) != c.refused || bytes.Equal(der, ocsp.MalformedRequestErrorResponse) {
			t.Errorf("%s: % x, %v", name, der[:min(len(der), 8)], err)
		}
	}
}

// TestOpenSSLAsksWithNonces over HTTP, by POST, under both policies, and by GET.
func TestOpenSSLAsksWithNonces(t *testing.T) {
	f := newFixtureAt(t, time.Now(), newMemory())
	f.assess("acme", "slsa-v0.1", "slsa", 2, year)
	good, bad := f.issue("acme"), f.issue("acme")
	if err := f.ca.Revoke(t.Context(), bad.Record.Serial, store.Revocation{Reason: ReasonKeyCompromise}); err != nil {
		t.Fatal(err)
	}
	tier, root := writePEM(t, "CERTIFICATE", good.Chain[0].Raw), writePEM(t, "CERTIFICATE", hierarchy(t).root.Raw)
	echoing, err := Open(context.Background(), Config{Hierarchy: hierarchy(t), Passphrase: passphrase, Store: f.store, Now: f.clock.Now, OCSPNonce: OCSPNonceEcho})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		ca   *CA
		want string // of openssl, about the nonce
	}{"echo": {echoing, ""}, "ignore": {f.ca, "WARNING: no nonce in response"}} {
		mux := http.NewServeMux()
		mux.Handle("/ocsp", c.ca.OCSPHandler())
		mux.Handle("/ocsp/", c.ca.OCSPHandler())
		server := httptest.NewServer(mux)
		defer server.Close()
		for i, issued := range []Issued{good, bad, good} {
			leaf := writePEM(t, "CERTIFICATE", issued.Certificate.Raw)
			out, err := openssl(t, "ocsp", "-nonce", "-issuer", tier, "-cert", leaf, "-url", server.URL+"/ocsp", "-CAfile", root, "-verify_other", tier)
			status := []string{": good", ": revoked"}[i%2]
			if err != nil || !strings.Contains(out, "Response verify OK") || !strings.Contains(out, status) || strings.Contains(out, "no nonce") != (c.want != "") {
				t.Errorf("%s: %v\n%s", name, err, out)
			}
		}
		query := writeTemp(t, nil)
		both := []string{"-cert", writePEM(t, "CERTIFICATE", good.Certificate.Raw), "-cert", writePEM(t, "CERTIFICATE", bad.Certificate.Raw)}
		wantOpenSSL(t, nil, append([]string{"ocsp", "-issuer", tier, "-nonce", "-reqout", query}, both...)...)
		resp, err := http.Get(server.URL + getPath(readTemp(t, query)))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		wantOpenSSL(t, []string{"Response verify OK", ": good", ": revoked"},
			append([]string{"ocsp", "-respin", writeTemp(t, answer), "-issuer", tier, "-CAfile", root, "-verify_other", tier, "-no_nonce"}, both...)...)
	}
	if _, err := Open(context.Background(), Config{Hierarchy: hierarchy(t), Store: f.store, OCSPNonce: "maybe"}); err == nil {
		t.Error("an unknown policy is accepted")
	}
}
