package notify

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// receiver is a webhook that judges what it is sent with Verify.
type receiver struct {
	t      *testing.T
	hook   Webhook
	clock  *clock
	server *httptest.Server

	mu     sync.Mutex
	answer func(w http.ResponseWriter, e Event) // nil: 204
	got    []string                             // the a of each event's data, in the order of arrival, with repetitions
	ids    map[string]string                    // webhook-id of each
}

func newReceiver(t *testing.T, c *clock) *receiver {
	t.Helper()
	r := &receiver{t: t, clock: c, ids: map[string]string{}}
	r.server = httptest.NewTLSServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.server.Close)
	secret, err := ParseSecret(NewSecret())
	if err != nil {
		t.Fatal(err)
	}
	r.hook = Webhook{URL: r.server.URL + "/hook?token=s3cret", Secret: secret}
	return r
}

func (r *receiver) serve(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err == nil {
		err = Verify(r.hook.Secret, req.Header, body, r.clock.Now())
	}
	e, parseErr := ParseEvent(body)
	if err = errors.Join(err, parseErr); err != nil {
		r.t.Error(err)
		return
	}
	if e.ID != req.Header.Get(HeaderID) || req.Method != http.MethodPost || req.Header.Get("Content-Type") != "application/json" || req.URL.RawQuery != "token=s3cret" {
		r.t.Errorf("%s %s %v", req.Method, req.URL, req.Header)
	}
	name, _ := e.Data["a"].(string)
	r.mu.Lock()
	answer := r.answer
	r.got = append(r.got, name)
	if old, ok := r.ids[name]; ok && old != e.ID {
		r.t.Errorf("%s came as %s and as %s", name, old, e.ID)
	}
	r.ids[name] = e.ID
	r.mu.Unlock()
	if answer == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	answer(w, e)
}

func (r *receiver) answers(fn func(http.ResponseWriter, Event)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = fn
}

// status makes the receiver answer with it, and headers in pairs.
func (r *receiver) status(code int, header ...string) {
	r.answers(func(w http.ResponseWriter, _ Event) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	})
}

// take returns what came since the last call.
func (r *receiver) take() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := strings.Join(r.got, " ")
	r.got = nil
	return got
}

// tell queues a notice for each name, a second apart.
func tell(t *testing.T, d Store, names ...string) {
	t.Helper()
	for i, name := range names {
		n := notice("test.told/"+name, "probe.failed", `{"a":"`+name+`"}`)
		n.At = noon.Add(time.Duration(i) * time.Second)
		if isNew, err := putNotice(t, d, n); !isNew || err != nil {
			t.Fatalf("Put = %v, %v", isNew, err)
		}
	}
}

func newSender(d Store, c *clock, receivers ...*receiver) *Sender {
	s := &Sender{Store: d, Now: c.Now, Random: func() float64 { return 0 }}
	for _, r := range receivers {
		s.Webhooks = append(s.Webhooks, r.hook)
		s.Client = r.server.Client() // the test servers share one certificate
	}
	return s
}

func flush(t *testing.T, s *Sender, want int) {
	t.Helper()
	if n, err := s.Flush(t.Context()); n != want || err != nil {
		t.Errorf("Flush = %d, %v; want %d", n, err, want)
	}
}

func expect(t *testing.T, r *receiver, want string) {
	t.Helper()
	if got := r.take(); got != want {
		t.Errorf("received %q, want %q", got, want)
	}
}
