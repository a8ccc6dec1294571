package ca

import (
	"bytes"
	"context"
	"crypto"
	"encoding/asn1"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/store"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ocsp"
)

func newBig(n int64) *big.Int { return big.NewInt(n) }

// wire is a request that tests take apart.
type wire struct {
	version    int // 0: left out, as DER wants it
	ids        [][]byte
	nonce      []byte // whole extnValue
	extensions [][]byte
	signature  []byte
}

func (w wire) der(t testing.TB) []byte {
	t.Helper()
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			if w.version != 0 {
				b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { b.AddASN1Int64(int64(w.version)) })
			}
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				for _, id := range w.ids {
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(id) })
				}
			})
			if w.nonce != nil {
				w.extensions = append(w.extensions, extensionDER(t, oidOCSPNonce, false, w.nonce))
			}
			if w.extensions != nil {
				b.AddASN1(explicit(2), func(b *cryptobyte.Builder) {
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(bytes.Join(w.extensions, nil)) })
				})
			}
		})
		b.AddBytes(w.signature)
	})
	der, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func extensionDER(t testing.TB, oid asn1.ObjectIdentifier, critical bool, value []byte) []byte {
	t.Helper()
	der, err := asn1.Marshal(struct {
		ID       asn1.ObjectIdentifier
		Critical bool `asn1:"optional"`
		Value    []byte
	}{oid, critical, value})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func octets(n int) []byte {
	var b cryptobyte.Builder
	b.AddASN1OctetString(bytes.Repeat([]byte{7}, n))
	return b.BytesOrPanic()
}

// idOf is a CertID as the standard tier is asked about it.
func idOf(f *fixture, serial *big.Int, edit func(*certID)) []byte {
	names := f.ca.tiers[0].names[crypto.SHA1]
	id := certID{hash: crypto.SHA1, null: true, nameHash: names[0], keyHash: names[1], serial: serial}
	if edit != nil {
		edit(&id)
	}
	var b cryptobyte.Builder
	id.add(&b)
	return b.BytesOrPanic()
}

// TestOCSPRequests: each breaks one thing of a good request.
func TestOCSPRequests(t *testing.T) {
	f := newFixture(t)
	one := func(edit func(*certID)) wire { return wire{ids: [][]byte{idOf(f, newBig(5), edit)}} }
	good := one(nil)
	with := func(edit func(*wire)) []byte { w := good; edit(&w); return w.der(t) }
	malformed, unauthorized := ocsp.MalformedRequestErrorResponse, ocsp.UnauthorizedErrorResponse
	unknown := asn1.ObjectIdentifier{1, 2, 3}
	for name, c := range map[string]struct {
		request []byte
		want    []byte // nil: an answer
	}{
		"good":                         {good.der(t), nil},
		"no parameters":                {one(func(id *certID) { id.null = false }).der(t), nil},
		"nonce of 1 byte":              {with(func(w *wire) { w.nonce = octets(1) }), nil},
		"nonce of 128 bytes":           {with(func(w *wire) { w.nonce = octets(128) }), nil},
		"nonce of no bytes":            {with(func(w *wire) { w.nonce = octets(0) }), malformed},
		"nonce of 129 bytes":           {with(func(w *wire) { w.nonce = octets(129) }), malformed},
		"nonce not in an octet string": {with(func(w *wire) { w.nonce = []byte{1, 2, 3} }), malformed},
		"nonce with more behind it":    {with(func(w *wire) { w.nonce = append(octets(4), 0) }), malformed},
		"two nonces": {with(func(w *wire) {
			w.nonce, w.extensions = octets(4), [][]byte{extensionDER(t, oidOCSPNonce, false, octets(4))}
		}), malformed},
		"unknown extension":          {with(func(w *wire) { w.extensions = [][]byte{extensionDER(t, unknown, false, []byte{5, 0})} }), nil},
		"unknown critical extension": {with(func(w *wire) { w.extensions = [][]byte{extensionDER(t, unknown, true, []byte{5, 0})} }), malformed},
		"empty extensions":           {with(func(w *wire) { w.extensions = [][]byte{} }), malformed},
		"version 2":                  {with(func(w *wire) { w.version = 1 }), malformed},
		"no certificate":             {with(func(w *wire) { w.ids = nil }), malformed},
		"two certificates":           {with(func(w *wire) { w.ids = append(w.ids[:1:1], idOf(f, newBig(6), nil)) }), nil},
		"two issuers": {with(func(w *wire) {
			names := f.ca.tiers[1].names[crypto.SHA1]
			w.ids = append(w.ids[:1:1], idOf(f, newBig(6), func(id *certID) { id.nameHash, id.keyHash = names[0], names[1] }))
		}), unauthorized},
		"17 certificates": {with(func(w *wire) { w.ids = bytes2(w.ids[0], 17) }), malformed},
		"another name":    {one(func(id *certID) { id.nameHash = strings.Repeat("x", 20) }).der(t), unauthorized},
		"another key":     {one(func(id *certID) { id.keyHash = strings.Repeat("x", 20) }).der(t), unauthorized},
		"short hash":      {one(func(id *certID) { id.keyHash = "x" }).der(t), malformed},
		"unknown hash":    {bytes.Replace(good.der(t), []byte{6, 5, 43, 14, 3, 2, 26}, []byte{6, 5, 43, 14, 3, 2, 25}, 1), malformed},
		"bad parameters": {with(func(w *wire) {
			w.ids = [][]byte{bytes.Replace(w.ids[0], []byte{26, 5, 0}, []byte{26, 4, 0}, 1)}
		}), malformed},
		"signed":      {with(func(w *wire) { w.signature = []byte{0xa0, 2, 0x30, 0} }), nil}, // by whom makes no difference
		"more behind": {append(good.der(t), 0), malformed},
		"cut off":     {good.der(t)[:40], malformed},
		"beyond bounds": {with(func(w *wire) {
			w.extensions = [][]byte{extensionDER(t, unknown, false, make([]byte, maxOCSPRequestBytes))}
		}), malformed},
	} {
		der, err := f.ca.OCSP(t.Context(), c.request)
		if err != nil {
			t.Fatal(err)
		}
		if c.want != nil && !bytes.Equal(der, c.want) {
			t.Errorf("%s: % x", name, der[:min(len(der), 8)])
		}
		if c.want == nil && der[6] != 0 && !bytes.Contains(der[:12], []byte{10, 1, 0}) {
			t.Errorf("%s: % x", name, der[:12])
		}
	}
}

func bytes2(b []byte, n int) (list [][]byte) {
	for range n {
		list = append(list, b)
	}
	return list
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
