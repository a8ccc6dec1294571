package probe

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/outbound"
)

// instant is when the tests take place.
var instant = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// start serves https on loopback, and returns a Runner that may talk to it.
func start(t *testing.T, h http.HandlerFunc) (*httptest.Server, *Runner) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // cut connections are what is tested
	s.StartTLS()
	t.Cleanup(s.Close)
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return s, &Runner{
		Outbound: outbound.Policy{AllowPrivate: true, RootCAs: pool},
		RootsPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}),
		Now:      func() time.Time { return instant },
		Scratch:  t.TempDir(),
	}
}

// pages serves fixed bodies by path.
func pages(bodies map[string][]byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if body, ok := bodies[r.URL.Path]; ok {
			_, _ = w.Write(body)
			return
		}
		http.NotFound(w, r)
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func publicPEM(t testing.TB, key crypto.PublicKey) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// want checks a result: its outcome and a part of its detail.
func want(t *testing.T, got Result, outcome Outcome, part string) {
	t.Helper()
	if got.Outcome != outcome || !strings.Contains(got.Detail, part) {
		t.Errorf("%s: %s\nwant %s: …%s…", got.Outcome, got.Detail, outcome, part)
	}
	if got.Detail == "" || got.Detail != clip(got.Detail) {
		t.Errorf("detail %q", got.Detail)
	}
}

// with returns parameters with one of them changed; an empty value takes it away.
func with(base map[string]string, name, value string) map[string]string {
	out := map[string]string{}
	for k, v := range base {
		out[k] = v
	}
	if out[name] = value; value == "" {
		delete(out, name)
	}
	return out
}
