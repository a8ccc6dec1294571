package outbound

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// child is an HTTP client as another program would have it: it knows the proxy's URL
// and nothing of our rules.
func child(t *testing.T, p Policy, x *Proxy) *http.Client {
	t.Helper()
	at, err := url.Parse(x.URL())
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyURL(at), TLSClientConfig: &tls.Config{RootCAs: p.RootCAs}, DisableKeepAlives: true,
	}}
}

func proxy(t *testing.T, p Policy, hosts ...string) *Proxy {
	t.Helper()
	x, err := p.Proxy(hosts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return x
}

func page(c *http.Client, address string) (string, error) {
	r, err := c.Get(address)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	raw, err := io.ReadAll(r.Body)
	return string(raw), err
}

// echo reads everything first: HTTP/1 does not promise both directions at once.
func echo(w http.ResponseWriter, r *http.Request) {
	if raw, err := io.ReadAll(r.Body); err == nil {
		_, _ = w.Write(raw)
	}
}

func TestProxy(t *testing.T) {
	s, p := start(t, echo)
	p.MaxBytes = 16 << 20 // three times a megabyte and back, and TLS
	x := proxy(t, p, s.Listener.Addr().String())
	c := child(t, p, x)
	text := strings.Repeat("0123456789", 100_000)
	for range 3 {
		r, err := c.Post(s.URL, "text/plain", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || string(got) != text {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	}
	if err := x.Err(); err != nil {
		t.Error(err)
	}
}

func TestProxyTargets(t *testing.T) {
	s, p := start(t, echo)
	other, _ := start(t, func(http.ResponseWriter, *http.Request) { t.Error("a host that was not named was reached") })
	x := proxy(t, p, s.Listener.Addr().String())
	if _, err := page(child(t, p, x), other.URL); err == nil || !errors.Is(x.Err(), ErrTarget) {
		t.Errorf("%v, %v", err, x.Err())
	}
	for _, bad := range [][]string{nil, {""}, {":443"}, {"a:b:c:d"[:0]}} {
		if x, err := p.Proxy(bad...); !errors.Is(err, ErrTarget) {
			t.Errorf("%q: %v", bad, err)
			if x != nil {
				x.Close()
			}
		}
	}
	for host, want := range map[string]string{
		"example.com": "example.com:443", "EXAMPLE.com:8443": "example.com:8443", "[::1]": "[::1]:443", "[::1]:80": "[::1]:80", "::1": "[::1]:443",
	} {
		if got, err := targetOf(host); got != want || err != nil {
			t.Errorf("%s: %s %v", host, got, err)
		}
	}
}

// TestProxyPassword: another user of this machine gets nothing out of it.
func TestProxyPassword(t *testing.T) {
	s, p := start(t, echo)
	x := proxy(t, p, s.Listener.Addr().String())
	for _, user := range []*url.Userinfo{nil, url.User(proxyUser), url.UserPassword(proxyUser, "guess")} {
		at, err := url.Parse(x.URL())
		if err != nil {
			t.Fatal(err)
		}
		at.User = user
		c := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(at), DisableKeepAlives: true}}
		if _, err := page(c, s.URL); err == nil || !strings.Contains(err.Error(), http.StatusText(http.StatusProxyAuthRequired)) {
			t.Errorf("%v: %v", user, err)
		}
	}
}

// TestProxyMethods: it is no proxy for plain http.
func TestProxyMethods(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("plain http was passed on") }))
	defer plain.Close()
	p := Policy{AllowPrivate: true}
	x := proxy(t, p, plain.Listener.Addr().String())
	r, err := child(t, p, x).Get(plain.URL)
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusMethodNotAllowed {
		t.Error(r.Status)
	}
}

func TestProxyAddresses(t *testing.T) {
	s, p := start(t, func(http.ResponseWriter, *http.Request) { t.Error("the server was reached") })
	p.AllowPrivate = false
	x := proxy(t, p, s.Listener.Addr().String())
	if _, err := page(child(t, p, x), s.URL); err == nil || !errors.Is(x.Err(), ErrAddress) {
		t.Errorf("%v, %v", err, x.Err())
	}
}

func TestProxyRebinding(t *testing.T) {
	s, p := start(t, echo)
	var asked atomic.Int32
	p.AllowPrivate, p.Allow, p.Resolver = false, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, rebinding(&asked)
	address := named(t, s, "/")
	x := proxy(t, p, strings.TrimSuffix(strings.TrimPrefix(address, "https://"), "/"))
	c := child(t, p, x)
	if _, err := page(c, address); err != nil {
		t.Fatal(err)
	}
	if _, err := page(c, address); err == nil || !errors.Is(x.Err(), ErrAddress) {
		t.Errorf("%v, %v", err, x.Err())
	}
}

func TestProxyBounds(t *testing.T) {
	s, p := start(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-r.Context().Done()
			return
		}
		for {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	})
	p.MaxBytes = 1 << 20
	x := proxy(t, p, s.Listener.Addr().String())
	if got, err := page(child(t, p, x), s.URL); err == nil || !errors.Is(x.Err(), ErrTooLarge) || len(got) > 1<<20 {
		t.Errorf("%d bytes, %v, %v", len(got), err, x.Err())
	}
	if _, err := page(child(t, p, x), s.URL); err == nil {
		t.Error("what is used up came back")
	}
	p.Timeout = 100 * time.Millisecond
	x = proxy(t, p, s.Listener.Addr().String())
	if _, err := page(child(t, p, x), s.URL+"/slow"); err == nil || !errors.Is(x.Err(), os.ErrDeadlineExceeded) {
		t.Errorf("%v, %v", err, x.Err())
	}
}

// TestProxyClose: nothing goes on after Close, and Close does not wait for the far end.
func TestProxyClose(t *testing.T) {
	arrived := make(chan struct{})
	s, p := start(t, func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	})
	x := proxy(t, p, s.Listener.Addr().String())
	c, done := child(t, p, x), make(chan error)
	go func() {
		_, err := page(c, s.URL)
		done <- err
	}()
	<-arrived
	if err := x.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err == nil {
		t.Error("the exchange went on")
	}
	if _, err := page(c, s.URL); err == nil {
		t.Error("the proxy answers after Close")
	}
}
