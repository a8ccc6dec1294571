package probe

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestGitBranchOutbound: the rules of package outbound hold for git.
func TestGitBranchOutbound(t *testing.T) {
	f := newForge(t)
	s, r := start(t, f.ServeHTTP)
	w := f.parameters(s.URL, f.commit("alice", "one"))
	f.push()
	want(t, r.Run(t.Context(), "git-branch", w, ""), Passed, "")

	t.Run("private", func(t *testing.T) {
		strict := *r
		strict.Outbound.AllowPrivate = false
		f.intercept(func(http.ResponseWriter, *http.Request) bool { t.Error("the server was reached"); return false })
		want(t, strict.Run(t.Context(), "git-branch", w, ""), Unknown, "address is not on the public internet")
	})
	t.Run("authority", func(t *testing.T) {
		_, other := start(t, f.ServeHTTP) // other roots: httptest has one certificate, so take none
		other.RootsPEM = nil
		want(t, other.Run(t.Context(), "git-branch", w, ""), Unknown, "RootsPEM is empty")
		other.Outbound.RootCAs = nil
		f.intercept(func(http.ResponseWriter, *http.Request) bool { t.Error("the server was reached"); return false })
		want(t, other.Run(t.Context(), "git-branch", w, ""), Unknown, "could not look")
	})
	t.Run("redirect", func(t *testing.T) {
		elsewhere, _ := start(t, func(http.ResponseWriter, *http.Request) { t.Error("followed a redirect") })
		f.intercept(func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, elsewhere.URL+r.URL.String(), http.StatusMovedPermanently)
			return true
		})
		want(t, r.Run(t.Context(), "git-branch", w, ""), Unknown, "could not look")
		// Nor one on the same host: the repository is where the auditor saw it.
		f.intercept(func(w http.ResponseWriter, r *http.Request) bool {
			if path, moved := strings.CutPrefix(r.URL.Path, "/moved"); moved {
				r.URL.Path = path
				return false
			}
			http.Redirect(w, r, "/moved"+r.URL.String(), http.StatusMovedPermanently)
			return true
		})
		want(t, r.Run(t.Context(), "git-branch", w, ""), Unknown, "could not look")
	})
	t.Run("password", func(t *testing.T) {
		f.intercept(func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("WWW-Authenticate", `Basic realm="tell me"`)
			w.WriteHeader(http.StatusUnauthorized)
			return true
		})
		want(t, r.Run(t.Context(), "git-branch", w, ""), Unknown, "could not look")
	})
	t.Run("gone", func(t *testing.T) {
		f.intercept(nil)
		want(t, r.Run(t.Context(), "git-branch", with(w, "url", s.URL+"/other.git"), ""), Unknown, "not found")
	})
}

// TestGitBranchBounds: so do its bounds on size and time.
func TestGitBranchBounds(t *testing.T) {
	f := newForge(t)
	s, r := start(t, f.ServeHTTP)
	w := f.parameters(s.URL, f.commit("alice", "one"))
	f.push()
	t.Run("oversize", func(t *testing.T) {
		small := *r
		small.Outbound.MaxBytes = 1 << 20
		f.intercept(endless)
		want(t, small.Run(t.Context(), "git-branch", w, ""), Unknown, "response too large")
	})
	t.Run("slow", func(t *testing.T) {
		hasty := *r
		hasty.Outbound.Timeout = 500 * time.Millisecond
		f.intercept(dripping)
		begun := time.Now()
		want(t, hasty.Run(t.Context(), "git-branch", w, ""), Unknown, "gave up after 500ms")
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("took %s", took)
		}
	})
	t.Run("stopped", func(t *testing.T) {
		f.intercept(dripping)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		want(t, r.Run(ctx, "git-branch", w, ""), Unknown, "stopped")
	})
}

// endless begins like a list of branches and never ends.
func endless(w http.ResponseWriter, _ *http.Request) bool {
	w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
	_, _ = io.WriteString(w, "001e# service=git-upload-pack\n0000")
	line := strings.Repeat("a", 40) + " refs/heads/" + strings.Repeat("x", 900) + "\n"
	line = fmt.Sprintf("%04x%s", len(line)+4, line)
	for {
		if _, err := io.WriteString(w, line); err != nil {
			return true
		}
	}
}

// dripping sends a byte now and then.
func dripping(w http.ResponseWriter, r *http.Request) bool {
	w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
	for r.Context().Err() == nil {
		_, _ = io.WriteString(w, "0")
		w.(http.Flusher).Flush()
		time.Sleep(20 * time.Millisecond)
	}
	return true
}

// TestGitBranchRebinding: the name resolves to an address that may be asked, and from
// the second connection on to another.
func TestGitBranchRebinding(t *testing.T) {
	f := newForge(t)
	s, r := start(t, f.ServeHTTP)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	w := f.parameters("https://example.com:"+u.Port(), f.commit("alice", "one"))
	f.push()
	r.Outbound.AllowPrivate, r.Outbound.Allow = false, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	var asked atomic.Int32
	var first atomic.Bool
	r.Outbound.Resolver = func(_ context.Context, host string) ([]netip.Addr, error) {
		if host != "example.com" {
			t.Errorf("asked for %s", host)
		}
		if asked.Add(1) == 1 || first.Load() {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		}
		return []netip.Addr{netip.MustParseAddr("127.0.0.2")}, nil
	}
	want(t, r.Run(t.Context(), "git-branch", w, ""), Unknown, "127.0.0.2")
	if asked.Load() != 2 {
		t.Errorf("asked %d times", asked.Load())
	}
	first.Store(true)
	want(t, r.Run(t.Context(), "git-branch", w, ""), Passed, "")
}
