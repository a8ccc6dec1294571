package ca

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	hocsp "github.com/hallmark-pki/hallmark/ca/ocsp"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
	"golang.org/x/crypto/ocsp"
)

func askOCSP(t testing.TB, f *fixture, serial *big.Int) []byte {
	t.Helper()
	issuer := f.ca.tiers[0].issuer.cert
	leaf := *issuer
	leaf.SerialNumber = serial
	der, err := ocsp.CreateRequest(&leaf, issuer, &ocsp.RequestOptions{Hash: crypto.SHA1})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestOCSPHandler(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 1, year)
	issued := f.issue("acme")
	tier := issued.Chain[0]
	request := askOCSP(t, f, issued.Certificate.SerialNumber)
	handler := http.NewServeMux() // must not clean slashes of base64 away
	handler.Handle("/ocsp", f.ca.OCSPHandler())
	handler.Handle("/ocsp/", f.ca.OCSPHandler())
	encoded := url.PathEscape(base64.StdEncoding.EncodeToString(request))
	ask := func(method, path string, body []byte) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(method, path, bytes.NewReader(body)))
		return w
	}
	status := func(w *httptest.ResponseRecorder) int {
		t.Helper()
		resp, err := ocsp.ParseResponseForCert(w.Body.Bytes(), issued.Certificate, tier)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Certificate == nil || resp.Certificate.ExtKeyUsage[0] != 9 || w.Header().Get("Content-Type") != "application/ocsp-response" {
			t.Errorf("responder %v, %v", resp.Certificate, w.Header())
		}
		if resp.NextUpdate.Sub(resp.ThisUpdate) != ocspValidity {
			t.Errorf("from %s until %s", resp.ThisUpdate, resp.NextUpdate)
		}
		return resp.Status
	}
	if got := status(ask("POST", "/ocsp", request)); got != ocsp.Good {
		t.Errorf("POST: status %d", got)
	}
	if got := status(ask("GET", "/ocsp/"+encoded, nil)); got != ocsp.Good {
		t.Errorf("GET: status %d", got)
	}
	for n := range int64(40) { // some of these have two slashes in a row
		der := askOCSP(t, f, new(big.Int).Lsh(big.NewInt(0xfffffff), uint(n)))
		w := ask("GET", "/ocsp/"+url.PathEscape(base64.StdEncoding.EncodeToString(der)), nil)
		if resp, err := ocsp.ParseResponse(w.Body.Bytes(), tier); err != nil || resp.Status != ocsp.Unknown {
			t.Errorf("GET %d: %v", n, err)
		}
	}
	back := noon.Add(-time.Hour)
	if err := f.ca.Revoke(t.Context(), issued.Record.Serial, store.Revocation{Reason: ReasonKeyCompromise, RevocationDate: back}); err != nil {
		t.Fatal(err)
	}
	w := ask("POST", "/ocsp", request)
	if got := status(w); got != ocsp.Revoked {
		t.Errorf("after revocation: status %d", got)
	}
	resp, err := ocsp.ParseResponse(w.Body.Bytes(), tier)
	if err != nil || !resp.RevokedAt.Equal(back) || resp.RevocationReason != ReasonKeyCompromise {
		t.Errorf("%+v, %v", resp, err)
	}
	if w := ask("PUT", "/ocsp", request); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("PUT: %d", w.Code)
	}
	for name, w := range map[string]*httptest.ResponseRecorder{
		"garbage": ask("POST", "/ocsp", []byte("x")), "nothing": ask("POST", "/ocsp", nil), "1 MB": ask("POST", "/ocsp", make([]byte, 1<<20)),
		"no request": ask("GET", "/ocsp", nil), "not base64": ask("GET", "/ocsp/!!", nil), "half an escape": ask("GET", "/ocsp/AA%3D", nil),
	} {
		if !bytes.Equal(w.Body.Bytes(), ocsp.MalformedRequestErrorResponse) {
			t.Errorf("%s: % x", name, w.Body.Bytes())
		}
	}
}

func TestOCSPUnknown(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 3, year)
	elevated := f.issue("acme") // asked of the standard tier below
	for name, serial := range map[string]*big.Int{
		"never issued": big.NewInt(1234), "zero": big.NewInt(0), "negative": big.NewInt(-5), "another tier's": elevated.Certificate.SerialNumber,
	} {
		der, err := f.ca.OCSP(t.Context(), askOCSP(t, f, serial))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := ocsp.ParseResponse(der, f.ca.tiers[0].issuer.cert)
		if err != nil || resp.Status != ocsp.Unknown {
			t.Errorf("%s: %+v, %v", name, resp, err)
		}
	}
	stranger := *hierarchy(t).operator
	req, err := ocsp.CreateRequest(&stranger, &stranger, nil)
	if err != nil {
		t.Fatal(err)
	}
	if der, err := f.ca.OCSP(t.Context(), req); err != nil || !bytes.Equal(der, ocsp.UnauthorizedErrorResponse) {
		t.Errorf("another CA: % x, %v", der, err)
	}
}

// A store that fails makes an answer that says so, never "good".
func TestOCSPWithoutAStore(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 1, year)
	issued := f.issue("acme")
	if err := f.store.Close(); err != nil {
		t.Fatal(err)
	}
	der, err := f.ca.OCSP(t.Context(), askOCSP(t, f, issued.Certificate.SerialNumber))
	if !errors.Is(err, store.ErrClosed) || !bytes.Equal(der, ocsp.InternalErrorErrorResponse) {
		t.Errorf("% x, %v", der, err)
	}
}

func TestOCSPResponderIsRenewed(t *testing.T) {
	f := newFixture(t)
	responder := func() *ocsp.Response {
		t.Helper()
		der, err := f.ca.OCSP(t.Context(), askOCSP(t, f, big.NewInt(1)))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := ocsp.ParseResponse(der, f.ca.tiers[0].issuer.cert)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	first := responder()
	if second := responder(); second.Certificate.SerialNumber.Cmp(first.Certificate.SerialNumber) != 0 {
		t.Error("a responder for every answer")
	}
	f.clock.Add(20 * 24 * time.Hour)
	if third := responder(); third.Certificate.SerialNumber.Cmp(first.Certificate.SerialNumber) == 0 {
		t.Error("not renewed")
	}
	f.view(func(r store.Reader) error {
		_, err := store.Intents.Get(r, SerialKey(first.Certificate.SerialNumber))
		return err
	})
}

func TestOCSPResponderNeedsItsIntent(t *testing.T) {
	d := storetest.NewMemory()
	f := newFixtureAt(t, noon, d)
	c := f.open(storetest.FailAt(d, 1))
	hook(c, func([]byte) { t.Error("signed without an intent on record") })
	der, err := c.OCSP(t.Context(), askOCSP(t, f, big.NewInt(1)))
	if !errors.Is(err, storetest.ErrInjected) || !bytes.Equal(der, ocsp.InternalErrorErrorResponse) {
		t.Errorf("% x, %v", der, err)
	}
}

// FuzzOCSP: every request gets an answer; a successful one is signed for the serial
// number asked about, and nothing that was not issued is good.
func FuzzOCSP(f *testing.F) {
	fix := newFixture(f)
	f.Add(askOCSP(f, fix, big.NewInt(1234)))
	f.Add(askOCSP(f, fix, new(big.Int).Lsh(big.NewInt(1), 158)))
	f.Add(ocsp.MalformedRequestErrorResponse)
	f.Fuzz(func(t *testing.T, raw []byte) {
		der, err := fix.ca.OCSP(context.Background(), raw)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(der, ocsp.MalformedRequestErrorResponse) || bytes.Equal(der, ocsp.UnauthorizedErrorResponse) {
			return
		}
		req, err := hocsp.ParseRequest(raw)
		if err != nil {
			t.Fatal("answered what cannot be read")
		}
		if theirs, err := ocsp.ParseRequest(raw); err == nil && theirs.SerialNumber.Cmp(req.IDs[0].Serial) != 0 {
			t.Fatalf("read as %x, by another reader as %x", req.IDs[0].Serial, theirs.SerialNumber)
		}
		for _, id := range req.IDs {
			resp, err := ocsp.ParseResponseForCert(der, &x509.Certificate{SerialNumber: id.Serial}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if resp.SerialNumber.Cmp(id.Serial) != 0 || resp.Status != ocsp.Unknown {
				t.Fatalf("%+v", resp)
			}
		}
	})
}
