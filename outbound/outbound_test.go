package outbound

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// start serves https on loopback, and returns a policy that may talk to it.
func start(t *testing.T, h http.HandlerFunc) (*httptest.Server, Policy) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // cut handshakes are what is tested
	s.StartTLS()
	t.Cleanup(s.Close)
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return s, Policy{AllowPrivate: true, RootCAs: pool, Timeout: 20 * time.Second}
}

// named is the server's URL with the name that its certificate is good for.
func named(t *testing.T, s *httptest.Server, path string) string {
	t.Helper()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return "https://example.com:" + u.Port() + path
}

func TestGetAndPost(t *testing.T) {
	s, p := start(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" || r.Header.Get("Accept-Encoding") != "" {
			t.Errorf("headers %v", r.Header)
		}
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/agent", http.StatusFound)
		case "/agent":
			_, _ = io.WriteString(w, r.UserAgent())
		case "/echo":
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, r.Header.Get("Content-Type")+" ")
			_, _ = io.Copy(w, r.Body)
		default:
			http.NotFound(w, r)
		}
	})
	for _, path := range []string{"/agent", "/moved"} {
		if got, err := Get(t.Context(), p, s.URL+path); err != nil || string(got) != "hallmark" {
			t.Errorf("%s: %q %v", path, got, err)
		}
	}
	if got, err := Post(t.Context(), p, s.URL+"/echo", "text/plain", []byte("body")); err != nil || string(got) != "text/plain body" {
		t.Errorf("%q %v", got, err)
	}
	var status *StatusError
	if _, err := Get(t.Context(), p, s.URL+"/nothing"); !errors.As(err, &status) || status.Code != http.StatusNotFound {
		t.Error(err)
	}
	// A GET whose answer is not the document is no success.
	if _, err := Get(t.Context(), p, s.URL+"/echo"); !errors.As(err, &status) || status.Code != http.StatusAccepted {
		t.Error(err)
	}
}

// TestUnknownAuthority: without the server's root there is no answer.
func TestUnknownAuthority(t *testing.T) {
	s, p := start(t, func(http.ResponseWriter, *http.Request) { t.Error("the handler was reached") })
	p.RootCAs = x509.NewCertPool()
	var unknown x509.UnknownAuthorityError
	if _, err := Get(t.Context(), p, s.URL); !errors.As(err, &unknown) {
		t.Error(err)
	}
}

func TestURLs(t *testing.T) {
	for _, u := range []string{"https://example.com", "https://example.com:8443/a?b=c", "https://[2606:4700::1111]/", "https://example.com/%20"} {
		if err := CheckURL(u); err != nil {
			t.Errorf("%s: %v", u, err)
		}
	}
	p := Policy{AllowPrivate: true}
	for _, u := range []string{
		"", "http://example.com/", "ftp://example.com/", "file:///etc/passwd", "example.com", "https://", "https:opaque", "://", "//example.com/",
		"https://user@example.com/", "https://user:password@example.com/", "https://@example.com/", "https://example.com/#f",
		"https://example.com/ ", "https://example.com/\n", "https://exämple.com/", "https://example.com/" + strings.Repeat("x", MaxURL),
	} {
		if err := CheckURL(u); !errors.Is(err, ErrURL) {
			t.Errorf("%.60q: %v", u, err)
		}
		if _, err := Get(t.Context(), p, u); !errors.Is(err, ErrURL) {
			t.Errorf("get %.60q: %v", u, err)
		}
	}
	// The client itself judges too, for who uses it without CheckURL.
	for _, u := range []string{"http://example.com/", "https://user@example.com/"} {
		if _, err := Client(p).Post(u, "text/plain", strings.NewReader("x")); !errors.Is(err, ErrURL) {
			t.Errorf("client, %s: %v", u, err)
		}
	}
}

// TestPrivateAddresses: the address that is dialled decides, whatever name led to it.
func TestPrivateAddresses(t *testing.T) {
	var reached atomic.Bool
	s, p := start(t, func(http.ResponseWriter, *http.Request) { reached.Store(true) })
	p.AllowPrivate = false
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "127.1.2.3", "0.0.0.0", "169.254.169.254", "10.0.0.1", "192.168.1.1", "[fe80::1%25lo]"} {
		if _, err := Get(t.Context(), p, "https://"+host+":"+port+"/"); !errors.Is(err, ErrAddress) {
			t.Errorf("%s: %v", host, err)
		}
	}
	p.Resolver = func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::ffff:10.0.0.1")}, nil
	}
	if _, err := Get(t.Context(), p, named(t, s, "/")); !errors.Is(err, ErrAddress) {
		t.Error(err)
	}
	if reached.Load() {
		t.Error("the server was reached")
	}
}

// rebinding answers with an address that may be reached, and from the second question
// on with one that may not.
func rebinding(asked *atomic.Int32) func(context.Context, string) ([]netip.Addr, error) {
	return func(context.Context, string) ([]netip.Addr, error) {
		if asked.Add(1) == 1 {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		}
		return []netip.Addr{netip.MustParseAddr("127.0.0.2")}, nil
	}
}

func TestRebinding(t *testing.T) {
	s, p := start(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "body") })
	var asked atomic.Int32
	p.AllowPrivate, p.Allow, p.Resolver = false, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, rebinding(&asked)
	if got, err := Get(t.Context(), p, named(t, s, "/")); err != nil || string(got) != "body" {
		t.Fatalf("%q %v", got, err)
	}
	if _, err := Get(t.Context(), p, named(t, s, "/")); !errors.Is(err, ErrAddress) {
		t.Error(err)
	}
	if asked.Load() != 2 {
		t.Errorf("asked %d times: the check and the connection did not use one answer", asked.Load())
	}
}

func TestResolver(t *testing.T) {
	s, p := start(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "body") })
	broken := errors.New("no such host")
	p.Resolver = func(context.Context, string) ([]netip.Addr, error) { return nil, broken }
	if _, err := Get(t.Context(), p, named(t, s, "/")); !errors.Is(err, broken) {
		t.Error(err)
	}
	p.Resolver = func(context.Context, string) ([]netip.Addr, error) { return nil, nil }
	if _, err := Get(t.Context(), p, named(t, s, "/")); err == nil {
		t.Error("a name without address led somewhere")
	}
	// The addresses are tried in turn.
	p.AllowPrivate, p.Allow = false, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	p.Resolver = func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("127.0.0.1")}, nil
	}
	if got, err := Get(t.Context(), p, named(t, s, "/")); err != nil || string(got) != "body" {
		t.Errorf("%q %v", got, err)
	}
}

func TestRedirects(t *testing.T) {
	other, _ := start(t, func(http.ResponseWriter, *http.Request) { t.Error("the other host was reached") })
	var n atomic.Int32
	s, p := start(t, func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		switch r.URL.Path {
		case "/off":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case "/plain":
			http.Redirect(w, r, "http://"+r.Host+"/", http.StatusFound)
		case "/user":
			http.Redirect(w, r, "https://u:p@"+r.Host+"/", http.StatusFound)
		case "/post":
			http.Redirect(w, r, "/body", http.StatusTemporaryRedirect)
		default:
			http.Redirect(w, r, "/again", http.StatusFound)
		}
	})
	for _, path := range []string{"/off", "/plain", "/user", "/loop"} {
		if _, err := Get(t.Context(), p, s.URL+path); !errors.Is(err, ErrRedirect) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := Post(t.Context(), p, s.URL+"/post", "text/plain", nil); !errors.Is(err, ErrRedirect) {
		t.Error(err)
	}
	if n.Load() > 5+MaxRedirects {
		t.Errorf("%d requests", n.Load())
	}
}

func TestBounds(t *testing.T) {
	const most = 1 << 16
	s, p := start(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			<-r.Context().Done()
			panic(http.ErrAbortHandler) // says nothing: an answer could still be there before the client has gone
		case "/drips":
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte("x"))
				w.(http.Flusher).Flush()
				time.Sleep(10 * time.Millisecond)
			}
		case "/header":
			w.Header().Set("X", strings.Repeat("x", maxHeader))
		case "/exact":
			_, _ = w.Write(make([]byte, most))
		case "/one-more":
			_, _ = w.Write(make([]byte, most+1))
		default:
			for {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		}
	})
	p.MaxBytes = most
	for _, path := range []string{"/", "/one-more"} {
		if body, err := Get(t.Context(), p, s.URL+path); !errors.Is(err, ErrTooLarge) || body != nil {
			t.Errorf("%s: %d bytes, %v", path, len(body), err)
		}
	}
	if body, err := Get(t.Context(), p, s.URL+"/exact"); err != nil || len(body) != most {
		t.Errorf("%d bytes, %v", len(body), err)
	}
	if _, err := Get(t.Context(), p, s.URL+"/header"); err == nil {
		t.Error("an endless header was read")
	}
	p.Timeout, p.MaxBytes = 100*time.Millisecond, 0
	for _, path := range []string{"/slow", "/drips"} {
		if _, err := Get(t.Context(), p, s.URL+path); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestNoEnvironmentProxy: a proxy would dial for us what the policy forbids.
func TestNoEnvironmentProxy(t *testing.T) {
	s, p := start(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "body") })
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://127.0.0.1:1")
	}
	p.Resolver = func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
	if _, err := Get(t.Context(), p, named(t, s, "/")); err != nil {
		t.Error(err)
	}
}

func TestReadAll(t *testing.T) {
	for size, good := range map[int]bool{0: true, 9: true, 10: true, 11: false, 5000: false} {
		got, err := ReadAll(bytes.NewReader(make([]byte, size)), 10)
		if good != (err == nil) || good && len(got) != size || !good && !errors.Is(err, ErrTooLarge) || len(got) > 10 {
			t.Errorf("%d: %d bytes, %v", size, len(got), err)
		}
	}
}

// FuzzCheckURL: what passes has one reading: the same text makes the same request, to
// https, without credentials.
func FuzzCheckURL(f *testing.F) {
	for _, s := range []string{
		"https://example.com/a?b#c", "https://example.com:443/a%2fb", "https://[::1]/", "https://a@b/", "https:\\\\example.com", "https://example.com\\@b/",
		"https://example.com:port/", "HTTPS://EXAMPLE.COM", "https:///", "https://%41/", "https://a?b", "https://[fe80::1%25en0]:8080/",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if CheckURL(s) != nil {
			return
		}
		r, err := http.NewRequest(http.MethodGet, s, nil)
		if err != nil {
			return // net/http may be stricter
		}
		if r.URL.Scheme != "https" || r.URL.User != nil || r.URL.Hostname() == "" || len(s) > MaxURL {
			t.Fatalf("%q became %v", s, r.URL)
		}
		again, err := url.Parse(r.URL.String())
		if err != nil || again.Host != r.URL.Host || CheckURL(r.URL.String()) != nil {
			t.Fatalf("%q is printed as %q: %v", s, r.URL, err)
		}
	})
}
