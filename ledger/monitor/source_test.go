package monitor

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/outbound"
)

func TestNewRefuses(t *testing.T) {
	_, vkey := keys(t, 1)
	good := Options{URL: "https://ca.example/log", Key: vkey, State: "state"}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Options){
		"no-url":      func(o *Options) { o.URL = "" },
		"file-url":    func(o *Options) { o.URL = "file:///log" },
		"no-host":     func(o *Options) { o.URL = "https:///log" },
		"credentials": func(o *Options) { o.URL = "https://a:b@ca.example/log" },
		"query":       func(o *Options) { o.URL += "?x=1" },
		"fragment":    func(o *Options) { o.URL += "#x" },
		"long-url":    func(o *Options) { o.URL += strings.Repeat("x", maxURL) },
		"no-key":      func(o *Options) { o.Key = "" },
		"bad-key":     func(o *Options) { o.Key = strings.Replace(o.Key, "+", "-", 1) },
		"no-state":    func(o *Options) { o.State = "" },
		"negative":    func(o *Options) { o.Timeout = -1 },
	} {
		o := good
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// endless writes until the client has had enough.
func endless(w http.ResponseWriter, _ *http.Request) {
	chunk := make([]byte, 1<<16)
	for {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

func TestEndlessBody(t *testing.T) {
	l := openLog(t, t.TempDir(), 1)
	extend(t, l, 0)
	for _, prefix := range []string{"/checkpoint", "/tile/0/", "/tile/entries/"} {
		w := newWatch(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, prefix) {
				endless(rw, r)
				return
			}
			l.Handler().ServeHTTP(rw, r)
		}))
		w.refuses(ErrUnreachable)
		w.refuses(outbound.ErrTooLarge) // and not because time ran out
	}
}

// A server that never answers, and one that sends a byte now and then.
func TestSlowServer(t *testing.T) {
	for name, drips := range map[string]bool{"silent": false, "drips": true} {
		t.Run(name, func(t *testing.T) {
			w := newWatch(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				tick := time.NewTicker(10 * time.Millisecond)
				defer tick.Stop()
				for {
					select {
					case <-r.Context().Done():
						return
					case <-tick.C:
						if drips {
							rw.Write([]byte("x"))
							rw.(http.Flusher).Flush()
						}
					}
				}
			}))
			s, err := newSource(w.source.base.String(), 200*time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			w.source = s
			begun := time.Now()
			w.refuses(ErrUnreachable)
			if took := time.Since(begun); took > 4*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

func TestRedirects(t *testing.T) {
	l := openLog(t, t.TempDir(), 1)
	extend(t, l, 0)
	var strayed atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		strayed.Store(true)
		l.Handler().ServeHTTP(w, r)
	}))
	defer elsewhere.Close()
	w := newWatch(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, elsewhere.URL+r.URL.Path, http.StatusFound)
	}))
	w.refuses(ErrUnreachable)
	if strayed.Load() {
		t.Error("followed a redirect to another host")
	}
	w.place.serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, "/log"+r.URL.Path, http.StatusFound)
	}))
	w.refuses(ErrUnreachable)
	w.place.serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if path, ok := strings.CutPrefix(r.URL.Path, "/moved"); ok {
			r.URL.Path = path
			l.Handler().ServeHTTP(rw, r)
			return
		}
		http.Redirect(rw, r, "/log/moved"+r.URL.Path, http.StatusFound)
	}))
	w.sees(0, 0)
}
