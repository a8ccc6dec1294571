package mirror

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/attest/repository"
	"github.com/hallmark-pki/hallmark/outbound"
)

var ctx = context.Background()

func hexOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func envelope(t testing.TB, note string, artifacts ...string) []byte {
	t.Helper()
	var subjects []attest.Subject
	for _, a := range artifacts {
		subjects = append(subjects, attest.Subject{Name: a, Digest: map[string]string{"sha256": hexOf(a)}})
	}
	s, err := attest.NewStatement(subjects, "https://example.com/note/v1", map[string]string{"note": note})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := attest.SignStatement(ctx, s, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// host is a vendor's static host: a plain file server over a folder, with https.
type host struct {
	*httptest.Server
	dir string

	mu       sync.Mutex
	requests int
	fault    func(http.ResponseWriter, *http.Request) bool // answers instead
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{dir: t.TempDir()}
	files := http.FileServer(http.Dir(h.dir))
	h.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.requests++
		fault := h.fault
		h.mu.Unlock()
		if fault == nil || !fault(w, r) {
			files.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(h.Close)
	return h
}

// asked says how many requests there were since the last call.
func (h *host) asked() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.requests
	h.requests = 0
	return n
}

func (h *host) answers(fault func(http.ResponseWriter, *http.Request) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fault = fault
}

func (h *host) path(artifact string) string {
	d := hexOf(artifact)
	return filepath.Join(h.dir, "sha256", d[:2], d+".jsonl")
}

// puts writes a file of the layout as anybody might.
func (h *host) puts(t *testing.T, artifact string, lines ...[]byte) Artifact {
	t.Helper()
	raw := append(bytes.Join(lines, []byte("\n")), '\n')
	if err := os.MkdirAll(filepath.Dir(h.path(artifact)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.path(artifact), raw, 0o644); err != nil {
		t.Fatal(err)
	}
	return Artifact{hexOf(artifact), int64(len(raw))}
}

// policy lets tests reach their hosts, which are on this machine.
func (h *host) policy() outbound.Policy {
	roots := x509.NewCertPool()
	roots.AddCert(h.Certificate())
	return outbound.Policy{RootCAs: roots, AllowPrivate: true}
}

func opened(t testing.TB, dir string, o repository.Options) *repository.Repository {
	t.Helper()
	r, err := repository.OpenWith(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func get(t *testing.T, r *repository.Repository, artifact string) []string {
	t.Helper()
	lines, err := r.Get(ctx, "acme", hexOf(artifact))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, l := range lines {
		out = append(out, string(l))
	}
	return out
}

func listOf(all ...Artifact) iter.Seq2[Artifact, error] {
	return func(yield func(Artifact, error) bool) {
		for _, a := range all {
			if !yield(a, nil) {
				return
			}
		}
	}
}
