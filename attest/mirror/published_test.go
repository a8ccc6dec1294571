package mirror

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/attest/repository"
)

// TestPublished: our own address is read from the folder that it serves, and no other
// vendor's; others are asked each time; and one that cannot be read hides nothing.
func TestPublished(t *testing.T) {
	h := newHost(t)
	h.puts(t, "a", envelope(t, "1", "a"), envelope(t, "2", "b"), []byte("nonsense"), envelope(t, "3", "a"))
	here := opened(t, t.TempDir(), repository.Options{})
	for vendor, note := range map[string]string{"acme": "3", "other": "4"} {
		if _, err := here.Put(ctx, vendor, envelope(t, note, "a")); err != nil {
			t.Fatal(err)
		}
	}
	r := &Reader{Here: here, Own: []string{"https://ca.example.com/att/"}, Policy: h.policy()}
	const own = "https://ca.example.com/att/acme"
	for name, c := range map[string]struct {
		addresses []string
		digest    string
		want      string // notes
		err       string
	}{
		"ours":                {[]string{own}, "a", "3", ""},
		"ours with a slash":   {[]string{own + "/"}, "a", "3", ""},
		"another vendor's":    {[]string{"https://ca.example.com/att/other"}, "a", "4", ""},
		"theirs":              {[]string{h.URL}, "a", "13", ""},
		"both, each once":     {[]string{h.URL, own}, "a", "13", ""},
		"nothing":             {[]string{h.URL, own}, "x", "", ""},
		"no address":          {nil, "a", "", ""},
		"one does not answer": {[]string{"https://[::1]:1/x", own}, "a", "3", "[::1]:1"},
		"no vendor":           {[]string{"https://ca.example.com/att/"}, "a", "", "ca.example.com"},
		"out of the folder":   {[]string{"https://ca.example.com/att/../x"}, "a", "", "ca.example.com"},
	} {
		lines, err := r.Published(ctx, hexOf(c.digest), c.addresses)
		var got string
		for _, line := range lines {
			for _, note := range "1234" {
				if string(line) == string(envelope(t, string(note), "a")) {
					got += string(note)
				}
			}
		}
		if got != c.want || len(lines) != len(c.want) || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %q of %d lines, %v", name, got, len(lines), err)
		}
	}
	if n := h.asked(); n != 3 {
		t.Errorf("%d requests", n)
	}
	r.NoFetch = true
	if lines, err := r.Published(ctx, hexOf("a"), []string{h.URL, own}); len(lines) != 1 || !errors.Is(err, ErrNoFetch) {
		t.Errorf("%d lines, %v", len(lines), err)
	}
}

// TestPublishedBusy: so many looks at others' hosts at once.
func TestPublishedBusy(t *testing.T) {
	h := newHost(t)
	r := &Reader{Here: opened(t, t.TempDir(), repository.Options{}), Policy: h.policy()}
	blocked, release := make(chan struct{}), make(chan struct{})
	h.answers(func(http.ResponseWriter, *http.Request) bool { blocked <- struct{}{}; <-release; return false })
	done := make(chan error)
	for range maxPulls {
		go func() {
			_, err := r.Published(ctx, hexOf("a"), []string{h.URL})
			done <- err
		}()
	}
	for range maxPulls {
		<-blocked
	}
	if _, err := r.Published(ctx, hexOf("a"), []string{h.URL}); !errors.Is(err, ErrBusy) {
		t.Errorf("one more: %v", err)
	}
	close(release)
	for range maxPulls {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
