package notify

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

func TestDelivers(t *testing.T) {
	d, c := storetest.NewMemory(), &clock{now: noon}
	one, two := newReceiver(t, c), newReceiver(t, c)
	s := newSender(d, c, one, two)
	tell(t, d, "z", "b", "c") // oldest first
	flush(t, s, 6)
	expect(t, one, "z b c")
	expect(t, two, "z b c")
	flush(t, s, 0)
	expect(t, one, "")
	if n := pending(t, d, 9); n != 0 {
		t.Errorf("%d pending", n)
	}
	tell(t, d, "d")
	flush(t, s, 2)
	expect(t, one, "d")
	n := get(t, d, "test.told/d")
	if len(n.Deliveries) != 2 || !n.SettledAt.Equal(noon) || n.Deliveries[0].Tries != 0 || n.Deliveries[0].GivenUp {
		t.Errorf("on record: %+v", n)
	}
}

// TestBatches: more than one batch.
func TestBatches(t *testing.T) {
	d, c := storetest.NewMemory(), &clock{now: noon}
	r := newReceiver(t, c)
	err := d.Update(t.Context(), func(tx store.Tx) error {
		for i := range maxBatch*2 + 1 {
			if _, err := Put(tx, notice(fmt.Sprint(i), "a.b", fmt.Sprintf(`{"a":"%d"}`, i))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	flush(t, newSender(d, c, r), maxBatch*2+1)
}

// TestSchedule follows one event at a webhook that stays away: the waits grow to six
// hours, and after three days it is given up.
func TestSchedule(t *testing.T) {
	d, c := storetest.NewMemory(), &clock{now: noon}
	r := newReceiver(t, c)
	var logged bytes.Buffer
	s := newSender(d, c, r)
	s.Log = slog.New(slog.NewTextHandler(&logged, nil))
	r.status(http.StatusInternalServerError)
	tell(t, d, "a")
	want := []time.Duration{5 * time.Second, 20 * time.Second, 80 * time.Second, 320 * time.Second, 1280 * time.Second, 5120 * time.Second, 20480 * time.Second}
	for len(want) < 18 {
		want = append(want, 6*time.Hour)
	}
	var waits []time.Duration
	for len(waits) < 100 {
		flush(t, s, 0)
		expect(t, r, "a")
		n := get(t, d, "test.told/a")
		if !n.SettledAt.IsZero() {
			break
		}
		wait := n.Deliveries[0].NextTry.Sub(c.Now())
		waits = append(waits, wait)
		c.add(wait - time.Second)
		flush(t, s, 0)
		expect(t, r, "") // too early
		c.add(time.Second)
	}
	if diff := cmp.Diff(want, waits); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got := get(t, d, "test.told/a").Deliveries[0]
	last := c.Now()
	if diff := cmp.Diff(store.NoticeDelivery{Webhook: r.hook.ID(), Tries: 19, Since: noon, LastError: "status 500", DoneAt: last, GivenUp: true}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if lasted := last.Sub(noon); lasted < GiveUpAfter || lasted > GiveUpAfter+maxDelay {
		t.Errorf("given up after %v", lasted)
	}
	c.add(1000 * time.Hour)
	flush(t, s, 0)
	expect(t, r, "")
	if text := logged.String(); strings.Contains(text, "s3cret") || !strings.Contains(text, "given_up=1") || strings.Count(text, "\n") != 19 {
		t.Errorf("log:\n%s", text)
	}
}

func TestDelay(t *testing.T) {
	for failures := 1; failures < 10_000; failures *= 3 {
		least, most := delay(failures, 1), delay(failures, 1+maxJitter)
		if least < firstDelay || least > maxDelay || most != least*5/4 {
			t.Errorf("after %d failures %v to %v", failures, least, most)
		}
	}
	s := &Sender{Store: storetest.NewMemory(), Now: time.Now}
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if x := s.Random(); x < 0 || x >= 1 {
			t.Errorf("random %v", x)
		}
	}
}

// TestComesBack: after an outage everything arrives.
func TestComesBack(t *testing.T) {
	d, c := storetest.NewMemory(), &clock{now: noon}
	r := newReceiver(t, c)
	s := newSender(d, c, r)
	r.status(http.StatusServiceUnavailable)
	tell(t, d, "a", "b")
	for range 4 {
		flush(t, s, 0)
		expect(t, r, "a") // one try stands for both
		c.add(10 * time.Minute)
	}
	r.answers(nil)
	flush(t, s, 2)
	expect(t, r, "a b")
	if got := get(t, d, "test.told/b").Deliveries[0]; got.Tries != 4 || got.LastError != "" || !got.DoneAt.Equal(c.Now()) || got.GivenUp {
		t.Errorf("on record: %+v", got)
	}
}

// TestStatus: what each answer means for the event, and for the one behind it.
func TestStatus(t *testing.T) {
	const day = 24 * time.Hour
	cases := map[string]struct {
		status int
		header []string
		both   bool // tries the second as well
		final  bool
		wait   time.Duration
	}{
		"200":                    {status: 200, both: true, final: true},
		"299":                    {status: 299, both: true, final: true},
		"301":                    {status: 301, header: []string{"Location", "/elsewhere"}, wait: firstDelay},
		"308":                    {status: 308, header: []string{"Location", "/elsewhere"}, wait: firstDelay},
		"304":                    {status: 304, wait: firstDelay},
		"400":                    {status: 400, both: true, wait: firstDelay},
		"401":                    {status: 401, wait: firstDelay},
		"404":                    {status: 404, wait: firstDelay},
		"409":                    {status: 409, both: true, wait: firstDelay},
		"410":                    {status: 410, both: true, final: true},
		"413":                    {status: 413, both: true, wait: firstDelay},
		"422":                    {status: 422, both: true, wait: firstDelay},
		"429":                    {status: 429, wait: firstDelay},
		"429 in a minute":        {status: 429, header: []string{"Retry-After", "60"}, wait: time.Minute},
		"429 in a second":        {status: 429, header: []string{"Retry-After", "1"}, wait: firstDelay},
		"429 in a year":          {status: 429, header: []string{"Retry-After", "31536000"}, wait: day},
		"503 at a time":          {status: 503, header: []string{"Retry-After", "Sun, 01 Mar 2026 13:00:00 GMT"}, wait: time.Hour},
		"503 at a time past":     {status: 503, header: []string{"Retry-After", "Sun, 01 Mar 2026 11:00:00 GMT"}, wait: firstDelay},
		"503 when it likes":      {status: 503, header: []string{"Retry-After", "soon"}, wait: firstDelay},
		"500":                    {status: 500, wait: firstDelay},
		"502":                    {status: 502, wait: firstDelay},
		"599, as nobody does":    {status: 599, wait: firstDelay},
		"200 and a large answer": {status: 200, both: true, final: true, header: []string{"X-Filler", strings.Repeat("x", 9000)}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d, c := storetest.NewMemory(), &clock{now: noon}
			r := newReceiver(t, c)
			r.status(tc.status, tc.header...)
			tell(t, d, "a", "b")
			s := newSender(d, c, r)
			if _, err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			want := "a"
			if tc.both {
				want = "a b"
			}
			expect(t, r, want)
			for _, id := range []string{"test.told/a", "test.told/b"} {
				got := get(t, d, id).Deliveries[0]
				if final := !got.DoneAt.IsZero(); final != tc.final || got.GivenUp != (tc.status == 410) {
					t.Errorf("%+v", got)
				}
				if !tc.final && got.NextTry.Sub(noon) != tc.wait {
					t.Errorf("waits %v, want %v", got.NextTry.Sub(noon), tc.wait)
				}
			}
		})
	}
}

// FuzzRetryAfter: whatever a webhook asks for, the wait is neither negative nor longer
// than a day.
func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "0", "120", "-1", "18446744073709551616", "1e9", "Sun, 01 Mar 2026 13:00:00 GMT", "Sunday, 01-Mar-26 13:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d := retryAfter(s, noon); d < 0 || d > maxRetryAfter {
			t.Errorf("%q: %v", s, d)
		}
	})
}

// TestRedirectIsNotFollowed: the signed event goes to the address that was configured
// and to no other.
func TestRedirectIsNotFollowed(t *testing.T) {
	d, c := storetest.NewMemory(), &clock{now: noon}
	r, other := newReceiver(t, c), newReceiver(t, c)
	for _, code := range []int{301, 302, 303, 307, 308} {
		r.status(code, "Location", other.server.URL)
		tell(t, d, fmt.Sprint(code))
		s := newSender(d, c, r)
		s.Client.CheckRedirect = nil
		flush(t, s, 0)
		expect(t, other, "")
		c.add(time.Second)
	}
}

// TestBadAnswers: answers that are too large or never end are no reason to wait or to
// read on.
func TestBadAnswers(t *testing.T) {
	cases := map[string]struct {
		answer    func(http.ResponseWriter, Event)
		delivered bool
	}{
		"endless body": {func(w http.ResponseWriter, _ Event) {
			for {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		}, true},
		"large header": {func(w http.ResponseWriter, _ Event) { w.Header().Set("X", strings.Repeat("x", 1<<20)) }, false},
		"hangs up":     {func(http.ResponseWriter, Event) { panic(http.ErrAbortHandler) }, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d, c := storetest.NewMemory(), &clock{now: noon}
			r := newReceiver(t, c)
			r.answers(tc.answer)
			tell(t, d, "a")
			s := newSender(d, c, r)
			own := client(nil) // with the bounds of our own
			own.Transport.(*http.Transport).TLSClientConfig.RootCAs = r.server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
			s.Client = own
			want := 0
			if tc.delivered {
				want = 1
			}
			flush(t, s, want)
		})
	}
}

// TestOneEventIsRefused: an event that a webhook will never take does not keep it from
// the others.
func TestOneEventIsRefused(t *testing.T) {
	d, c := storetest.NewMemory(), &clock{now: noon}
	r := newReceiver(t, c)
	r.answers(func(w http.ResponseWriter, e Event) {
		if e.Data["a"] == "bad" {
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	s := newSender(d, c, r)
	tell(t, d, "bad", "b", "c")
	flush(t, s, 2)
	expect(t, r, "bad b c")
	c.add(firstDelay)
	tell(t, d, "d")
	flush(t, s, 1)
	expect(t, r, "bad d")
}

// TestAway: a webhook that is away is asked once for all that waits, and others get
// everything.
func TestAway(t *testing.T) {
	d, c := storetest.NewMemory(), &clock{now: noon}
	away, here := newReceiver(t, c), newReceiver(t, c)
	s := newSender(d, c, away, here)
	away.server.Close()
	var names []string
	for i := range 50 {
		names = append(names, fmt.Sprintf("n%02d", i))
	}
	tell(t, d, names...)
	flush(t, s, 50)
	expect(t, here, strings.Join(names, " "))
	for _, name := range names {
		n := get(t, d, "test.told/"+name)
		i := slices.IndexFunc(n.Deliveries, func(d store.NoticeDelivery) bool { return d.Webhook == away.hook.ID() })
		if i < 0 || n.Deliveries[i].Tries != 1 || !strings.Contains(n.Deliveries[i].LastError, "connection refused") || len(n.Deliveries) != 2 || !n.SettledAt.IsZero() {
			t.Fatalf("on record: %+v", n)
		}
	}
}

func TestTypesOfAWebhook(t *testing.T) {
	d, c := storetest.NewMemory(), &clock{now: noon}
	r := newReceiver(t, c)
	r.hook.Types = []string{"certificate.revoked"}
	tell(t, d, "a") // probe.failed
	if isNew, err := putNotice(t, d, notice("x", "certificate.revoked", `{"a":"x"}`)); !isNew || err != nil {
		t.Fatal(isNew, err)
	}
	flush(t, newSender(d, c, r), 1)
	expect(t, r, "x")
	if n := get(t, d, "test.told/a"); len(n.Deliveries) != 0 || n.SettledAt.IsZero() {
		t.Errorf("on record: %+v", n)
	}
}

// TestRotation: while a secret changes, a receiver with either takes the request.
func TestRotation(t *testing.T) {
	d, c := storetest.NewMemory(), &clock{now: noon}
	r := newReceiver(t, c)
	s := newSender(d, c, r)
	s.Webhooks[0].Previous, s.Webhooks[0].Secret = r.hook.Secret, bytes.Repeat([]byte{1}, 32)
	tell(t, d, "a")
	flush(t, s, 1)
	r.hook.Secret = s.Webhooks[0].Secret
	tell(t, d, "b")
	flush(t, s, 1)
	expect(t, r, "a b") // and the receiver judged each
}

// TestSettled: notices that no webhook waits for leave the list.
func TestSettled(t *testing.T) {
	d, c := storetest.NewMemory(), &clock{now: noon}
	gone, stays := newReceiver(t, c), newReceiver(t, c)
	gone.status(http.StatusNotFound)
	tell(t, d, "a")
	flush(t, newSender(d, c, gone, stays), 1)
	if n := pending(t, d, 9); n != 1 {
		t.Errorf("%d pending while one waits", n)
	}
	flush(t, newSender(d, c, stays), 0) // the other is gone from the configuration
	if n := pending(t, d, 9); n != 0 {
		t.Errorf("%d pending", n)
	}
	tell(t, d, "b")
	none := newSender(d, c)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	done := make(chan error)
	go func() { done <- none.Run(ctx, time.Millisecond) }()
	for pending(t, d, 9) > 0 {
		if ctx.Err() != nil {
			t.Fatal("never settled")
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	// A webhook that is new is not told of what is past.
	stays.take()
	flush(t, newSender(d, c, stays), 0)
	expect(t, stays, "")
}
