package mirror

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest/repository"
	"github.com/hallmark-pki/hallmark/outbound"
)

func TestPull(t *testing.T) {
	h := newHost(t)
	r := opened(t, t.TempDir(), repository.Options{})
	now := time.Now()
	p := &Puller{Into: r, Policy: h.policy(), Own: []string{"https://ca.example.com/att/"}, Now: func() time.Time { return now }}
	pull := func(want int, addresses ...string) {
		t.Helper()
		if n, err := p.Pull(ctx, "acme", hexOf("a"), addresses); err != nil || n != want {
			t.Errorf("%d new lines, want %d, %v", n, want, err)
		}
	}
	pull(0, "https://ca.example.com/att/acme") // ours, which does not answer here
	pull(0, h.URL)
	if n := h.asked(); n != 1 {
		t.Errorf("%d requests", n)
	}
	h.puts(t, "a", envelope(t, "1", "a"), envelope(t, "2", "b"), []byte("nonsense"))
	pull(0, h.URL) // was asked a moment ago
	if n := h.asked(); n != 0 {
		t.Errorf("asked again at once: %d requests", n)
	}
	now = now.Add(pullAgain)
	pull(1, h.URL, h.URL)
	if n := h.asked(); n != 1 {
		t.Errorf("%d requests for one address", n)
	}
	if got := get(t, r, "a"); len(got) != 1 || got[0] != string(envelope(t, "1", "a")) {
		t.Errorf("%q", got)
	}
	now = now.Add(pullAgain)
	pull(0, h.URL)
}

func TestPullRefused(t *testing.T) {
	good := newHost(t)
	good.puts(t, "a", envelope(t, "1", "a"))
	private := good.policy()
	private.AllowPrivate = false
	away := newHost(t)
	away.answers(func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, good.URL+r.URL.Path, http.StatusFound)
		return true
	})
	for name, c := range map[string]struct {
		policy outbound.Policy
		from   string
		quota  repository.Quota
		want   string
	}{
		"address on this machine": {private, good.URL, repository.Quota{}, outbound.ErrAddress.Error()},
		"not https":               {good.policy(), strings.Replace(good.URL, "https", "http", 1), repository.Quota{}, outbound.ErrURL.Error()},
		"redirect":                {away.policy(), away.URL, repository.Quota{}, outbound.ErrRedirect.Error()},
		"quota":                   {good.policy(), good.URL, repository.Quota{MaxBytes: 10}, "quota of vendor acme"},
		"another root":            {outbound.Policy{AllowPrivate: true}, good.URL, repository.Quota{}, "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			r := opened(t, t.TempDir(), repository.Options{Quota: func(string) repository.Quota { return c.quota }})
			p := &Puller{Into: r, Policy: c.policy}
			n, err := p.Pull(ctx, "acme", hexOf("a"), []string{c.from})
			if err == nil || n != 0 || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%d new lines, %v, want %q", n, err, c.want)
			}
			if got := get(t, r, "a"); got != nil {
				t.Errorf("filed %q", got)
			}
		})
	}
}

// TestPullBounds: so many addresses, so many at once, and what one address refuses does
// not hide another's evidence.
func TestPullBounds(t *testing.T) {
	h := newHost(t)
	h.puts(t, "a", envelope(t, "1", "a"))
	r := opened(t, t.TempDir(), repository.Options{})
	p := &Puller{Into: r, Policy: h.policy()}
	var addresses []string
	for i := range maxAddresses - 1 {
		addresses = append(addresses, fmt.Sprintf("%s/none/%d", h.URL, i))
	}
	addresses = append(addresses, h.URL, h.URL+"/beyond")
	addresses[0] = "https://[::1]:1/refused"
	n, err := p.Pull(ctx, "acme", hexOf("a"), addresses)
	if n != 1 || err == nil || !strings.Contains(err.Error(), "[::1]:1") {
		t.Errorf("%d new lines, %v", n, err)
	}
	if n := h.asked(); n != maxAddresses-1 {
		t.Errorf("%d requests", n)
	}

	blocked, release := make(chan struct{}), make(chan struct{})
	h.answers(func(http.ResponseWriter, *http.Request) bool { blocked <- struct{}{}; <-release; return false })
	done := make(chan error)
	full := func(what, vendor string) {
		t.Helper()
		if _, err := p.Pull(ctx, vendor, hexOf("one more"), []string{h.URL}); !errors.Is(err, ErrBusy) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range maxPulls {
		vendor := fmt.Sprintf("vendor-%d", i/maxVendorPulls)
		go func() {
			_, err := p.Pull(ctx, vendor, hexOf(fmt.Sprint(i)), []string{h.URL})
			done <- err
		}()
		if <-blocked; i == maxVendorPulls-1 {
			full("one more of a vendor", vendor)
		}
	}
	full("one more", "acme")
	close(release)
	for range maxPulls {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
