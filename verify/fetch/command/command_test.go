package command

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/outbound"
	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/child"
)

// TestMain is the program itself when the variable says so, with a fetcher that may
// reach this machine.
func TestMain(m *testing.M) {
	roots := os.Getenv("HALLMARK_FETCH_ROOTS")
	switch roots {
	case "":
		os.Exit(m.Run())
	case "none":
		os.Exit(Run(context.Background(), os.Args, "test", os.Stdin, os.Stdout, os.Stderr))
	}
	pool := x509.NewCertPool()
	raw, err := os.ReadFile(roots)
	if err != nil || !pool.AppendCertsFromPEM(raw) {
		panic(fmt.Sprint("no roots: ", err))
	}
	p := program{stdout: os.Stdout, stderr: os.Stderr, fetcher: loopback{outbound.Policy{AllowPrivate: true, RootCAs: pool}}}
	os.Exit(p.run(context.Background(), os.Args))
}

// loopback follows addresses as verify/fetch does, but for where they lead.
type loopback struct{ policy outbound.Policy }

func (l loopback) Fetch(ctx context.Context, address string) ([]byte, error) {
	body, err := outbound.Get(ctx, l.policy, address)
	var status *outbound.StatusError
	if errors.As(err, &status) && status.Code == http.StatusNotFound {
		return nil, verify.ErrNotFound
	}
	return body, err
}

// asChild is a path that is this program, the way a Fetcher starts it.
func asChild(t *testing.T, roots string) child.Fetcher {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), child.Name)
	text := fmt.Sprintf("#!/bin/sh\nHALLMARK_FETCH_ROOTS='%s' GORACE=atexit_sleep_ms=10 exec '%s' \"$@\"\n", roots, self)
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return child.Fetcher{Program: path}
}

// TestAsChild: both sides of the protocol, over TLS.
func TestAsChild(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/here":
			_, _ = w.Write([]byte("{}\n{}\n"))
		case "/empty":
		case "/large":
			for range 5 << 4 {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		case "/broken":
			w.WriteHeader(http.StatusInternalServerError)
		case "/cut":
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("half"))
		default:
			http.NotFound(w, r)
		}
	}))
	defer s.Close()
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	f := asChild(t, roots)
	for path, want := range map[string]string{"/here": "{}\n{}\n", "/empty": ""} {
		if got, err := f.Fetch(context.Background(), s.URL+path); err != nil || string(got) != want {
			t.Errorf("%s: %q %v", path, got, err)
		}
	}
	if _, err := f.Fetch(context.Background(), s.URL+"/nothing"); !errors.Is(err, verify.ErrNotFound) {
		t.Error(err)
	}
	for path, want := range map[string]string{"/broken": "status 500", "/large": "response too large", "/cut": "unexpected EOF"} {
		if got, err := f.Fetch(context.Background(), s.URL+path); err == nil || errors.Is(err, verify.ErrNotFound) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q %v", path, got, err)
		}
	}
	// The real program does not get there: this machine is not on the public internet.
	_, err := asChild(t, "none").Fetch(context.Background(), s.URL+"/here")
	if err == nil || !strings.Contains(err.Error(), "not on the public internet") {
		t.Error(err)
	}
}

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{nil, wrongUsage, "no command named"},
		{[]string{"nonsense"}, wrongUsage, "no command \"nonsense\""},
		{[]string{"--nonsense"}, wrongUsage, "nonsense"},
		{[]string{"evidence"}, wrongUsage, "takes one URL"},
		{[]string{"evidence", "a", "b"}, wrongUsage, "takes one URL"},
		{[]string{"evidence", "--nonsense"}, wrongUsage, "nonsense"},
		{[]string{"evidence", "http://example.com/"}, failed, "fetched nothing"},
		{[]string{"--help"}, 0, ""},
		{[]string{"evidence", "--help"}, 0, ""},
	} {
		var out, complaint bytes.Buffer
		p := program{stdout: &out, stderr: &complaint, fetcher: refusing{}}
		if code := p.run(context.Background(), append([]string{child.Name}, c.args...)); code != c.code || !strings.Contains(complaint.String(), c.says) {
			t.Errorf("%v: %d %s", c.args, code, complaint.String())
		}
		if c.code == 0 && !strings.Contains(out.String(), "evidence") {
			t.Errorf("%v: %s", c.args, out.String())
		}
	}
}

type refusing struct{}

func (refusing) Fetch(context.Context, string) ([]byte, error) {
	return nil, errors.New("fetched\nnothing")
}

// TestLostOutput: half a body is not a body.
func TestLostOutput(t *testing.T) {
	var complaint bytes.Buffer
	p := program{stdout: full{}, stderr: &complaint, fetcher: fixed("x")}
	if code := p.run(context.Background(), []string{child.Name, "evidence", "https://example.com/"}); code != failed || !strings.Contains(complaint.String(), "no space left") {
		t.Error(code, complaint.String())
	}
}

type fixed string

func (f fixed) Fetch(context.Context, string) ([]byte, error) { return []byte(f), nil }

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }
