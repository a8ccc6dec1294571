package timesource

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/test/timeserver"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// clock stands still between steps, so that answers take no time.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }

func (c *clock) step(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.t = c.t.Add(d) }

// serveNTP starts a server whose clock stands at noon, and off.
func serveNTP(t *testing.T, off time.Duration, change ...func([]byte) []byte) *timeserver.Server {
	t.Helper()
	damage := func(p []byte) []byte { return p }
	if len(change) > 0 {
		damage = change[0]
	}
	s, err := timeserver.Start(func() time.Time { return noon }, off, damage)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func monitor(t *testing.T, c *clock, sources ...*timeserver.Server) *Monitor {
	t.Helper()
	var uris []string
	for _, s := range sources {
		uris = append(uris, s.URI)
	}
	m, err := New(c.now, slog.New(slog.DiscardHandler), uris...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestQuorum(t *testing.T) {
	const right, edge, beyond, silent = 0, MaxOffset, MaxOffset + 50*time.Millisecond, -1
	for _, c := range []struct {
		name    string
		offsets []time.Duration
		state   State
		quorum  bool
	}{
		{"one, right", []time.Duration{right}, Right, true},
		{"one, just right", []time.Duration{edge}, Right, true},
		{"one, wrong", []time.Duration{beyond}, Wrong, true},
		{"one, wrong the other way", []time.Duration{-time.Hour}, Wrong, true},
		{"one, silent", []time.Duration{silent}, Unknown, false},
		{"a liar among three", []time.Duration{right, time.Hour, right}, Right, true},
		{"two of three say it is wrong", []time.Duration{right, time.Hour, time.Minute}, Wrong, true},
		{"one of three answers", []time.Duration{right, silent, silent}, Unknown, false},
		{"one of three answers, a liar", []time.Duration{time.Hour, silent, silent}, Unknown, false},
		{"a liar, one silent, one right", []time.Duration{time.Hour, silent, right}, Unknown, false},
		{"two of three answer", []time.Duration{right, right, silent}, Right, true},
		{"half of two", []time.Duration{right, time.Hour}, Unknown, false},
		{"all silent", []time.Duration{silent, silent, silent}, Unknown, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var sources []*timeserver.Server
			for _, off := range c.offsets {
				s := serveNTP(t, off)
				s.Busy.Store(off == silent)
				sources = append(sources, s)
			}
			m := monitor(t, &clock{t: noon}, sources...)
			v := m.Check(t.Context())
			if v.State != c.state || v.Quorum != c.quorum || !v.At.Equal(noon) || len(v.Sources) != len(sources) {
				t.Errorf("%+v, want %s, quorum %v", v, c.state, c.quorum)
			}
			if err := m.Trusted(); (err != nil) != (c.state == Wrong) {
				t.Errorf("trusted: %v", err)
			}
		})
	}
}

// TestWrongStaysWrong: silence clears nobody, and condemns nobody.
func TestWrongStaysWrong(t *testing.T) {
	c, s := &clock{t: noon}, serveNTP(t, 0)
	m := monitor(t, c, s)
	want := func(state State, quorum bool) {
		t.Helper()
		if v := m.Check(t.Context()); v.State != state || v.Quorum != quorum {
			t.Errorf("%+v, want %s, quorum %v", v, state, quorum)
		}
	}
	if m.Verdict().State != Unknown || m.Trusted() != nil {
		t.Errorf("before anybody was asked: %+v", m.Verdict())
	}
	want(Right, true)
	s.Busy.Store(true)
	want(Right, false)
	s.Busy.Store(false)
	c.step(-time.Minute)
	want(Wrong, true)
	s.Busy.Store(true)
	want(Wrong, false)
	if err := m.Trusted(); err == nil || !strings.Contains(err.Error(), "0 of 1 time sources agree") {
		t.Errorf("trusted: %v", err)
	}
	c.step(time.Minute)
	want(Wrong, false)
	s.Busy.Store(false)
	want(Right, true)
	if err := m.Trusted(); err != nil {
		t.Error(err)
	}
}

// TestAnswersThatDoNotCount: what a source says counts only when it can be held to it.
func TestAnswersThatDoNotCount(t *testing.T) {
	set := func(offset int, value byte) func([]byte) []byte {
		return func(p []byte) []byte { p[offset] = value; return p }
	}
	for _, c := range []struct {
		name    string
		change  func([]byte) []byte
		verdict string
	}{
		{"good", nil, disagrees},
		{"not synchronised", set(0, 3<<6|4<<3|4), silent},
		{"kiss of death", set(1, 0), silent},
		{"stratum 16", set(1, 16), silent},
		{"a client's packet", set(0, 4<<3|3), silent},
		{"answer to another question", set(24, 0xff), silent},
		{"cut off", func(p []byte) []byte { return p[:40] }, silent},
		{"empty", func([]byte) []byte { return nil }, silent},
		{"says it may be off by seconds", set(9, 5), unsure},
		{"off by less than it may be wrong", func(p []byte) []byte {
			binary.BigEndian.PutUint32(p[4:], 65536*4/10)
			binary.BigEndian.PutUint32(p[8:], 65536*2/10)
			return p
		}, unsure},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := serveNTP(t, MaxOffset+300*time.Millisecond)
			if c.change != nil {
				s = serveNTP(t, MaxOffset+300*time.Millisecond, c.change)
			}
			v := monitor(t, &clock{t: noon}, s).Check(t.Context())
			if got := v.Sources[0]; got.Verdict != c.verdict || (got.Err != nil) != (c.verdict == silent) {
				t.Errorf("%+v, want %s", got, c.verdict)
			}
		})
	}
}

// TestStopping: a round that is cut off by the server's end says nothing.
func TestStopping(t *testing.T) {
	s := serveNTP(t, time.Hour)
	m := monitor(t, &clock{t: noon}, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if v := m.Check(ctx); v.State != Unknown || len(v.Sources) != 0 {
		t.Errorf("%+v", v)
	}
	m.Run(ctx) // returns
}

func TestParse(t *testing.T) {
	for uri, want := range map[string]string{
		"ntp://time.example.com":      "ntp://time.example.com:123",
		"ntp://time.example.com:1123": "ntp://time.example.com:1123",
		"ntp://[2001:db8::1]":         "ntp://[2001:db8::1]:123",
	} {
		if s, err := Parse(uri); err != nil || s.Name() != want {
			t.Errorf("%s: %v, %v", uri, s, err)
		}
	}
	for _, uri := range []string{
		"", "time.example.com", "ntp://", "ntp://:123", "ntp://h:0", "ntp://h:65536", "ntp://h:x", "https://h", "ntp://u@h",
		"ntp://h/p", "ntp://h?q", "ntp://h?", "ntp://h#f", "ntp:h", "ntp://h\n", "ntp://" + strings.Repeat("h", maxURI),
	} {
		if s, err := Parse(uri); err == nil || s != nil {
			t.Errorf("%q: %v", uri, s)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	for name, uris := range map[string][]string{
		"none": nil, "too many": make([]string, maxSources+1), "twice": {"ntp://h", "ntp://h:123"}, "no URI": {"h"},
	} {
		if m, err := New(time.Now, log, uris...); err == nil || m != nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestSilentError(t *testing.T) {
	s := serveNTP(t, 0)
	s.Dead.Store(true)
	source, err := Parse(s.URI)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := source.Ask(ctx, time.Now); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), s.URI) {
		t.Errorf("%v", err)
	}
}
