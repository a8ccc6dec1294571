package stepca

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/test/stepclient"
)

// longKey is an RSA public key that nobody can sign with, and that takes long to verify
// with.
func longKey(t testing.TB) *rsa.PublicKey {
	t.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), maxRSABits+8))
	check(t, err)
	n.SetBit(n, maxRSABits+7, 1).SetBit(n, 0, 1)
	return &rsa.PublicKey{N: n, E: 65537}
}

// longCSR is a request for certification of such a key. The library verifies what it has
// signed, so the key is put in afterwards.
func longCSR(t testing.TB) []byte {
	t.Helper()
	spki, err := x509.MarshalPKIXPublicKey(longKey(t))
	check(t, err)
	type info struct {
		Version    int
		Subject    asn1.RawValue
		Key        asn1.RawValue
		Attributes asn1.RawValue `asn1:"tag:0"`
	}
	name, err := asn1.Marshal(pkix.Name{CommonName: "x"}.ToRDNSequence())
	check(t, err)
	der, err := asn1.Marshal(struct {
		Info      info
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{
		info{0, asn1.RawValue{FullBytes: name}, asn1.RawValue{FullBytes: spki}, asn1.RawValue{Class: 2, Tag: 0, IsCompound: true}},
		pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, Parameters: asn1.NullRawValue},
		asn1.BitString{Bytes: bytes.Repeat([]byte{7}, (maxRSABits+8)/8), BitLength: maxRSABits + 8},
	})
	check(t, err)
	if _, err := x509.ParseCertificateRequest(der); err != nil {
		t.Fatal(err)
	}
	return der
}

func longCertificate(t testing.TB) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour),
	}, &x509.Certificate{Subject: pkix.Name{CommonName: "y"}}, longKey(t), newKey(t))
	check(t, err)
	cert, err := x509.ParseCertificate(der)
	check(t, err)
	return cert
}

// wantLong fails unless an answer refuses because of the size of a key, which is before
// anything was verified with it.
func wantLong(t testing.TB, name string, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Code < 400 || w.Code >= 500 || !strings.Contains(w.Body.String(), "RSA key of 8200 bits") {
		t.Errorf("%s: %d %s", name, w.Code, w.Body)
	}
}

// Anybody may send a request for certification and a token with a chain: no signature is
// verified with a key that keeps a core busy for seconds.
func TestSignRefusesLongKeys(t *testing.T) {
	f := newFixture(t)
	s := f.step()
	alice := f.enrol("alice")
	post := func(csr []byte, token string) *httptest.ResponseRecorder {
		body, err := json.Marshal(map[string]string{"csr": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})), "ott": token})
		check(t, err)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest("POST", "/1.0/sign", bytes.NewReader(body)))
		return w
	}
	wantLong(t, "CSR", post(longCSR(t), "x"))

	good := newCSR(t, newKey(t), x509.CertificateRequest{Subject: pkix.Name{CommonName: "x"}})
	parts := strings.Split(token(t, alice, "x"), ".")
	header, err := base64.RawURLEncoding.DecodeString(parts[0])
	check(t, err)
	var fields map[string]any
	check(t, json.Unmarshal(header, &fields))
	fields["x5c"] = append(fields["x5c"].([]any), base64.StdEncoding.EncodeToString(longCertificate(t).Raw))
	header, err = json.Marshal(fields)
	check(t, err)
	if _, err := s.authorize(signContext(), base64.RawURLEncoding.EncodeToString(header)+"."+parts[1]+"."+parts[2]); err == nil || !strings.Contains(err.Error(), "RSA key of 8200 bits") {
		t.Errorf("chain: %v", err)
	}
	if w := post(good, base64.RawURLEncoding.EncodeToString(header)+"."+parts[1]+"."+parts[2]); w.Code != 401 {
		t.Errorf("chain: %d %s", w.Code, w.Body)
	}
}

// The same of ACME: the account's key, the key to be certified, and those of a chain that
// attests.
func TestACMERefusesLongKeys(t *testing.T) {
	f := newFixture(t)
	a := f.with(Config{ACME: &ACME{AttestationRoots: stepclient.NewManufacturer(t).PEM}})
	b64 := base64.RawURLEncoding.EncodeToString
	post := func(path string, header map[string]any, payload any) *httptest.ResponseRecorder {
		protected, err := json.Marshal(header)
		check(t, err)
		text, err := json.Marshal(payload)
		check(t, err)
		body, err := json.Marshal(map[string]string{"protected": b64(protected), "payload": b64(text), "signature": b64(bytes.Repeat([]byte{7}, (maxRSABits+8)/8))})
		check(t, err)
		w := httptest.NewRecorder()
		a.Handler().ServeHTTP(w, httptest.NewRequest("POST", path, bytes.NewReader(body)))
		return w
	}
	key := longKey(t)
	jwk := map[string]any{"kty": "RSA", "n": b64(key.N.Bytes()), "e": "AQAB"}
	wantLong(t, "account", post("/acme/device/new-account", map[string]any{"alg": "RS256", "jwk": jwk, "nonce": a.acme.nonces.create(), "url": "https://example.com/acme/device/new-account"}, map[string]any{}))

	known := map[string]any{"alg": "RS256", "kid": "https://example.com/acme/device/account/x"}
	wantLong(t, "finalize", post("/acme/device/order/x/finalize", known, map[string]any{"csr": b64(longCSR(t))}))
	wantLong(t, "finalize, and more", post("/acme/device/order/x/finalize", known, map[string]any{"attObj": 5, "csr": b64(longCSR(t))}))
	object, err := cbor.Marshal(map[string]any{"fmt": "step", "attStmt": map[string]any{"x5c": [][]byte{longCertificate(t).Raw}}})
	check(t, err)
	wantLong(t, "attestation", post("/acme/device/challenge/x/y", known, map[string]any{"attObj": b64(object)}))
	wantLong(t, "attestation, and more", post("/acme/device/challenge/x/y", known, map[string]any{"csr": 5, "attObj": b64(object)}))
}

// FuzzKeySize: whatever is sent, the only thing said about it is that a key is too long.
func FuzzKeySize(f *testing.F) {
	b64 := base64.RawURLEncoding.EncodeToString
	long := longKey(f)
	jwk := `{"alg":"RS256","jwk":{"kty":"RSA","n":"` + b64(long.N.Bytes()) + `","e":"AQAB"}}`
	refused := []byte(`{"protected":"` + b64([]byte(jwk)) + `","payload":"","signature":"AA"}`)
	if acmeSize(refused) == nil {
		f.Fatal("the seed is not refused")
	}
	for _, seed := range [][]byte{
		refused, []byte(`{"payload":"` + b64([]byte(`{"csr":"`+b64(longCSR(f))+`"}`)) + `","protected":"e30","signature":"AA"}`),
		[]byte(b64([]byte(`{"x5c":["`+base64.StdEncoding.EncodeToString(longCertificate(f).Raw)+`"]}`)) + ".e30.AA"), []byte("e30.e30.AA"), nil,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, err := range []error{acmeSize(raw), tokenSize(string(raw)), objectSize(string(raw)), requestSize(string(raw))} {
			if r := ca.IsRefusal(err); err != nil && (r == nil || r.Code != ca.CodeKeySize) {
				t.Fatal(err)
			}
		}
	})
}
