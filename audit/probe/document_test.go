package probe

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"testing"
	"time"
)

func TestDocumentDigest(t *testing.T) {
	// Larger than what fits into one buffer of anybody.
	text := bytes.Repeat([]byte("policy\n"), 100_000)
	sum := sha256.Sum256(text)
	s, r := start(t, pages(map[string][]byte{"/policy": text, "/empty": nil}))
	w := map[string]string{"url": s.URL + "/policy", "sha256": hex.EncodeToString(sum[:])}
	want(t, r.Run(t.Context(), "document-digest", w, ""), Passed, "700000 bytes")
	want(t, r.Run(t.Context(), "document-digest", with(w, "sha256", hex.EncodeToString(make([]byte, 32))), ""), Failed, "the document has SHA-256 "+w["sha256"])
	want(t, r.Run(t.Context(), "document-digest", with(w, "url", s.URL+"/empty"), ""), Failed, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
	want(t, r.Run(t.Context(), "document-digest", with(w, "url", s.URL+"/gone"), ""), Failed, "nothing is there any more")
}

// TestFetching: what the network may do to a probe is never taken for an answer. The
// four kinds that fetch one thing are treated alike.
func TestFetching(t *testing.T) {
	elsewhere, _ := start(t, func(http.ResponseWriter, *http.Request) { t.Error("followed a redirect") })
	s, r := start(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/gone":
			w.WriteHeader(http.StatusGone)
		case "/forbidden":
			w.WriteHeader(http.StatusForbidden)
		case "/broken":
			w.WriteHeader(http.StatusBadGateway)
		case "/away":
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		case "/slow":
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte("x"))
				w.(http.Flusher).Flush()
				time.Sleep(10 * time.Millisecond)
			}
		case "/cut":
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("x"))
		case "/endless":
			for {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		}
	})
	r.Outbound.MaxBytes = 1 << 18
	hasty := *r
	hasty.Outbound.Timeout = 300 * time.Millisecond
	for kind, w := range goodParameters(t) {
		if kind == "git-branch" {
			continue // it has TestGitBranchOutbound
		}
		for path, c := range map[string]struct {
			outcome Outcome
			detail  string
		}{
			"/gone":      {Failed, "status 410"},
			"/forbidden": {Unknown, "status 403"},
			"/broken":    {Unknown, "status 502"},
			"/away":      {Unknown, "redirect to another host"},
			"/slow":      {Unknown, "could not look"},
			"/cut":       {Unknown, "unexpected EOF"},
			"/endless":   {Unknown, "response too large"},
		} {
			t.Run(kind+path, func(t *testing.T) {
				runner := r
				if path == "/slow" {
					runner = &hasty
				}
				want(t, runner.Run(t.Context(), kind, with(w, "url", s.URL+path), ""), c.outcome, c.detail)
			})
		}
		want(t, r.Run(t.Context(), kind, with(w, "url", "https://127.0.0.1:1/"), ""), Unknown, "could not look")
	}
}
