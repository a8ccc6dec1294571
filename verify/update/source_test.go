package update_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/verify/update"
)

// served is a repository over https on loopback.
func served(t *testing.T, handler http.HandlerFunc) update.Web {
	t.Helper()
	s := httptest.NewTLSServer(handler)
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	w, err := update.NewWeb(s.URL+"/tuf/", roots)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (f files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, ok := f[strings.TrimPrefix(r.URL.Path, "/tuf/")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	_, _ = w.Write(body)
}

// TestWeb: over the network all is as in memory, and what a server can do is bounded.
func TestWeb(t *testing.T) {
	ctx := context.Background()
	r := newRepository(t)
	good := served(t, func(w http.ResponseWriter, q *http.Request) { r.files.ServeHTTP(w, q) })
	u := machine(t, func() time.Time { return r.now })
	if _, err := u.Add(ctx, good, false, yes); err != nil {
		t.Fatal(err)
	}
	r.later(time.Hour)
	again, err := u.KnownSource(good.Roots)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := u.Update(ctx, again); err != nil || !got.StatusChanged {
		t.Errorf("%+v %v", got, err)
	}
	r.later(time.Hour)
	endless := func(w http.ResponseWriter, r *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	}
	instead := func(name string, h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, q *http.Request) {
			if strings.Contains(q.URL.Path, name) {
				h(w, q)
				return
			}
			r.files.ServeHTTP(w, q)
		}
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    update.Reason
	}{
		"endless timestamp": {instead("/timestamp.json", endless), update.TooLarge},
		"endless snapshot":  {instead(".snapshot.json", endless), update.TooLarge},
		"endless bundle":    {instead("/targets/", endless), update.TooLarge},
		"endless root":      {instead("/2.root.json", endless), update.TooLarge},
		"redirect away": {instead("/timestamp.json", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://example.com/timestamp.json", http.StatusFound)
		}), update.Unreachable},
		"error": {instead("/timestamp.json", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }), update.Unreachable},
		"body is cut": {instead("/timestamp.json", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("{"))
		}), update.Unreachable},
	} {
		r.later(time.Minute) // what a case before took in does for its own version only
		_, before := held(t, u)
		_, err := u.Update(ctx, served(t, c.handler))
		var e *update.Error
		if !errors.As(err, &e) || e.Reason != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		if _, after := held(t, u); after != before {
			t.Errorf("%s: the status bundle has changed", name)
		}
	}
	strict := good
	strict.Roots = x509.NewCertPool()
	if _, err := u.Update(ctx, strict); err == nil {
		t.Error("a server whose certificate nobody vouches for")
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	var e *update.Error
	if _, err := u.Update(gone, good); !errors.As(err, &e) || e.Reason != update.Unreachable {
		t.Error(err)
	}
	for _, address := range []string{"http://example.com/tuf", "https://user:pass@example.com/", "ftp://example.com", "", "https://example.com/?x=", "https://example.com/#x"} {
		if _, err := update.NewWeb(address, nil); err == nil {
			t.Errorf("%q: accepted", address)
		}
	}
}

// write puts a repository into a folder.
func (f files) write(t *testing.T, dir string) {
	t.Helper()
	for name, body := range f {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFolder: a stick is as good as a server, and cannot lead elsewhere.
func TestFolder(t *testing.T) {
	ctx := context.Background()
	r := newRepository(t)
	stick := t.TempDir()
	r.files.write(t, stick)
	u := machine(t, func() time.Time { return r.now })
	if _, err := u.Add(ctx, update.Folder(stick), false, yes); err != nil {
		t.Fatal(err)
	}
	r.later(time.Hour)
	r.files.write(t, stick)
	known, err := u.KnownSource(nil)
	if err != nil || known.String() != stick {
		t.Fatal(known, err)
	}
	if got, err := u.Update(ctx, known); err != nil || !got.StatusChanged {
		t.Errorf("%+v %v", got, err)
	}
	outside := filepath.Join(t.TempDir(), "timestamp.json")
	stamp := filepath.Join(stick, "timestamp.json")
	for name, make := range map[string]func() error{
		"link to elsewhere": func() error {
			return errors.Join(os.WriteFile(outside, r.files["timestamp.json"], 0o600), os.Symlink(outside, stamp))
		},
		"pipe":   func() error { return syscall.Mkfifo(stamp, 0o600) },
		"folder": func() error { return os.Mkdir(stamp, 0o700) },
	} {
		if err := errors.Join(os.RemoveAll(stamp), make()); err != nil {
			t.Fatal(name, err)
		}
		if _, err := u.Update(ctx, known); err == nil {
			t.Errorf("%s: read", name)
		}
	}
	if err := os.RemoveAll(stick); err != nil {
		t.Fatal(err)
	}
	var e *update.Error
	if _, err := u.Update(ctx, known); !errors.As(err, &e) || e.Reason != update.Unreachable {
		t.Error("the stick is gone:", err)
	}
}

func TestKnownSourceIsStrict(t *testing.T) {
	u := machine(t, time.Now)
	if _, err := u.KnownSource(nil); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if err := os.MkdirAll(u.State, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "{}", "[]", `{"url":"http://example.com"}`, `{"url":"https://example.com","folder":"/x"}`, `{"other":"x"}`} {
		if err := os.WriteFile(filepath.Join(u.State, "source.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := u.KnownSource(nil); err == nil {
			t.Errorf("%q: %s", text, s)
		}
	}
}
