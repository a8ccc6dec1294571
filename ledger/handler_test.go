package ledger

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/client"
)

func TestHandler(t *testing.T) {
	l := open(t, options(t, t.TempDir()))
	const n = 300
	appendAll(t, l, n)
	srv := httptest.NewServer(http.StripPrefix("/log", l.Handler()))
	defer srv.Close()
	read := func(path string) (int, http.Header, []byte) {
		t.Helper()
		resp, err := http.Get(srv.URL + "/log" + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, resp.Header, body
	}
	_, header, raw := read("/checkpoint")
	cp, err := receipt.ParseCheckpoint(raw, verifier(t))
	if err != nil || cp.Size != n || header.Get("Cache-Control") != "no-cache" {
		t.Fatalf("checkpoint %+v, %v, %v", cp, err, header)
	}
	for path, size := range map[string]int{"/tile/0/000": 256 * 32, "/tile/0/001.p/44": 44 * 32, "/tile/1/000.p/1": 32, "/tile/entries/000": 0, "/tile/entries/001.p/44": 0} {
		status, header, body := read(path)
		if status != 200 || size > 0 && len(body) != size || len(body) == 0 {
			t.Errorf("%s: status %d, %d bytes", path, status, len(body))
		}
		if header.Get("Content-Type") != "application/octet-stream" || !strings.Contains(header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: headers %v", path, header)
		}
	}
	for _, path := range []string{"", "/", "/.state/treeState", "/.lock", "/tile", "/tile/", "/tile/0", "/tile/0/", "/tile/0/1", "/tile/00/000", "/tile/0/000.p/0",
		"/tile/0/000.p/256", "/tile/0/000/", "/tile/0/x000/000", "/tile/entries/../../.lock", "/tile/entries/%2e%2e/checkpoint", "/tile/64/000", "/tile/-1/000", "/tile/data/000"} {
		if status, _, _ := read(path); status != 404 {
			t.Errorf("%s: status %d, want 404", path, status)
		}
	}
	resp, err := http.Post(srv.URL+"/log/checkpoint", "text/plain", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 405 {
		t.Errorf("POST: status %d", resp.StatusCode)
	}
	tiles := func(_ context.Context, level, index uint64, p uint8) ([]byte, error) {
		name := published(fmt.Sprintf("tile/%d/%03d", level, index)).path
		if p > 0 {
			name += fmt.Sprintf(".p/%d", p)
		}
		status, _, body := read("/" + name)
		if status != 200 {
			return nil, fs.ErrNotExist
		}
		return body, nil
	}
	builder, err := client.NewProofBuilder(t.Context(), cp.Size, tiles)
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range l.Entries(t.Context(), 290) {
		if err != nil {
			t.Fatal(err)
		}
		path, err := builder.InclusionProof(t.Context(), e.Index)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := e.Entry.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if err := proof.VerifyInclusion(rfc6962.DefaultHasher, e.Index, cp.Size, rfc6962.DefaultHasher.HashLeaf(leaf), path, cp.Hash); err != nil {
			t.Errorf("entry %d: %v", e.Index, err)
		}
	}
}
