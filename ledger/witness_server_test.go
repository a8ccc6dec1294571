package ledger

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/hallmark-pki/hallmark/ledger/receipt"
	fnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

// witness is a server of c2sp.org/tlog-witness for one log, written from that text.
type witness struct {
	vkey   string
	signer note.Signer
	log    note.Verifier
	url    string

	mu     sync.Mutex
	seen   receipt.Checkpoint
	asked  int
	answer http.Handler // instead of its own, if not nil
}

func newWitness(t *testing.T, name string, seed byte) *witness {
	t.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32))
	w := &witness{vkey: witnessKey(t, name, key.Public().(ed25519.PublicKey)), log: verifier(t)}
	// The hash in a private key's text is not looked at, only its form.
	s, err := fnote.NewSignerForCosignatureV1(fmt.Sprintf("PRIVATE+KEY+%s+00000000+%s", name, base64.StdEncoding.EncodeToString(append([]byte{4}, key.Seed()...))))
	if err != nil {
		t.Fatal(err)
	}
	w.signer = s
	srv := httptest.NewServer(w)
	t.Cleanup(srv.Close)
	w.url = srv.URL
	return w
}

// witnessKey is the verifier key that the library makes of a public key.
func witnessKey(t *testing.T, name string, public ed25519.PublicKey) string {
	t.Helper()
	plain, err := note.NewEd25519VerifierKey(name, public)
	if err != nil {
		t.Fatal(err)
	}
	vkey, err := fnote.VKeyToCosignatureV1(plain)
	if err != nil {
		t.Fatal(err)
	}
	return vkey
}

func (w *witness) config() Witness { return Witness{Key: w.vkey, URL: w.url} }

func (w *witness) verifier(t *testing.T) note.Verifier {
	t.Helper()
	v, err := receipt.NewWitness(w.vkey)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// answers has h answer from now on; nil, the witness itself.
func (w *witness) answers(h http.Handler) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer, w.asked = h, 0
}

func (w *witness) has() (asked int, size uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked, w.seen.Size
}

func (w *witness) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	if w.answer != nil {
		w.answer.ServeHTTP(rw, r)
		return
	}
	if r.Method != http.MethodPost || r.URL.Path != "/add-checkpoint" {
		http.NotFound(rw, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	head, raw, ok := bytes.Cut(body, []byte("\n\n"))
	if err != nil || !ok {
		http.Error(rw, "malformed", http.StatusBadRequest)
		return
	}
	if status, text := w.judge(strings.Split(string(head), "\n"), raw); status != http.StatusOK {
		if status == http.StatusConflict {
			rw.Header().Set("Content-Type", "text/x.tlog.size")
		}
		rw.WriteHeader(status)
		io.WriteString(rw, text)
		return
	}
	io.WriteString(rw, w.cosign(raw))
}

// judge checks a request and moves on to its checkpoint, or says why not.
func (w *witness) judge(head []string, raw []byte) (status int, text string) {
	var old uint64
	if _, err := fmt.Sscanf(head[0], "old %d", &old); err != nil {
		return http.StatusBadRequest, err.Error()
	}
	var path [][]byte
	for _, line := range head[1:] {
		h, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			return http.StatusBadRequest, err.Error()
		}
		path = append(path, h)
	}
	cp, err := receipt.ParseCheckpoint(raw, w.log)
	switch {
	case err != nil:
		return http.StatusForbidden, err.Error()
	case old > cp.Size:
		return http.StatusBadRequest, "old size above the checkpoint's"
	case old != w.seen.Size:
		return http.StatusConflict, fmt.Sprintln(w.seen.Size)
	case old == cp.Size && old > 0 && !bytes.Equal(cp.Hash, w.seen.Hash):
		return http.StatusConflict, fmt.Sprintln(w.seen.Size)
	case old == 0 && len(path) > 0:
		return http.StatusUnprocessableEntity, "a proof from nothing"
	case old > 0:
		if err := proof.VerifyConsistency(rfc6962.DefaultHasher, old, cp.Size, path, w.seen.Hash, cp.Hash); err != nil {
			return http.StatusUnprocessableEntity, err.Error()
		}
	}
	w.seen = cp
	return http.StatusOK, ""
}

// cosign returns the witness's signature line.
func (w *witness) cosign(raw []byte) string {
	n, err := note.Open(raw, note.VerifierList(w.log))
	if err != nil {
		panic(err) // it was opened just now
	}
	signed, err := note.Sign(&note.Note{Text: n.Text}, w.signer)
	if err != nil {
		panic(err)
	}
	return string(bytes.TrimPrefix(signed, []byte(n.Text+"\n")))
}
