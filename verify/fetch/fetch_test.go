package fetch

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/outbound"
	"github.com/hallmark-pki/hallmark/verify"
)

// server starts an https server on loopback and a Client that may talk to it.
func server(t *testing.T, h http.HandlerFunc) (*httptest.Server, *Client) {
	t.Helper()
	s := httptest.NewTLSServer(h)
	t.Cleanup(s.Close)
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	c := New(pool)
	c.policy.AllowPrivate = true
	return s, c
}

func TestFetch(t *testing.T) {
	s, c := server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" || r.Header.Get("Accept-Encoding") != "" {
			t.Errorf("headers %v", r.Header)
		}
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/here", http.StatusFound)
		case "/here":
			_, _ = w.Write([]byte("body"))
		case "/broken":
			w.WriteHeader(http.StatusInternalServerError)
		default:
			http.NotFound(w, r)
		}
	})
	for path, want := range map[string]string{"/here": "body", "/moved": "body"} {
		if got, err := c.Fetch(context.Background(), s.URL+path); err != nil || string(got) != want {
			t.Errorf("%s: %q %v", path, got, err)
		}
	}
	if _, err := c.Fetch(context.Background(), s.URL+"/nothing"); !errors.Is(err, verify.ErrNotFound) {
		t.Error(err)
	}
	if _, err := c.Fetch(context.Background(), s.URL+"/broken"); err == nil || errors.Is(err, verify.ErrNotFound) {
		t.Error(err)
	}
}

func TestRefusedURLs(t *testing.T) {
	c := New(nil)
	for _, u := range []string{
		"http://example.com/", "ftp://example.com/", "file:///etc/passwd", "example.com", "https://", "https:opaque", "://",
		"https://user@example.com/", "https://user:password@example.com/", "https://@example.com/", "https://example.com/#f",
		"https://example.com/" + strings.Repeat("x", maxURL),
	} {
		if _, err := c.Fetch(context.Background(), u); !errors.Is(err, ErrURL) {
			t.Errorf("%.60s: %v", u, err)
		}
	}
}

// TestPrivateAddresses: the address that is dialled decides, whatever name led to it.
func TestPrivateAddresses(t *testing.T) {
	reached := false
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer s.Close()
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := New(pool)
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "127.1.2.3", "0.0.0.0", "169.254.169.254", "10.0.0.1"} {
		_, err := c.Fetch(context.Background(), "https://"+host+":"+port+"/")
		var unresolved *net.DNSError // a machine may not know the name localhost
		if err == nil || !errors.Is(err, ErrAddress) && !(host == "localhost" && errors.As(err, &unresolved)) {
			t.Errorf("%s: %v", host, err)
		}
	}
	if reached {
		t.Error("the server was reached")
	}
}

func TestRedirects(t *testing.T) {
	other, _ := server(t, func(http.ResponseWriter, *http.Request) { t.Error("the other host was reached") })
	n := 0
	s, c := server(t, func(w http.ResponseWriter, r *http.Request) {
		n++
		switch r.URL.Path {
		case "/off":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case "/plain":
			http.Redirect(w, r, "http://"+r.Host+"/", http.StatusFound)
		case "/user":
			http.Redirect(w, r, "https://u:p@"+r.Host+"/", http.StatusFound)
		default:
			http.Redirect(w, r, "/again", http.StatusFound)
		}
	})
	for _, path := range []string{"/off", "/plain", "/user", "/loop"} {
		if _, err := c.Fetch(context.Background(), s.URL+path); !errors.Is(err, ErrRedirect) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if n > 4+outbound.MaxRedirects {
		t.Errorf("%d requests", n)
	}
}

// TestUserAgent: servers can tell who asks, and nothing more about him.
func TestUserAgent(t *testing.T) {
	s, c := server(t, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.UserAgent())) })
	if got, err := c.Fetch(context.Background(), s.URL); err != nil || string(got) != "hallmark-fetch" {
		t.Errorf("%q %v", got, err)
	}
}

func TestBounds(t *testing.T) {
	s, c := server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-r.Context().Done()
			panic(http.ErrAbortHandler) // says nothing: an answer could still be there before the client has gone
		}
		for range maxBody>>16 + 1 {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	})
	if _, err := c.Fetch(context.Background(), s.URL); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if _, err := c.Fetch(ctx, s.URL+"/slow"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
