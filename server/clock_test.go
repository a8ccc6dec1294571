package server

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/test/timeserver"
	"github.com/hallmark-pki/hallmark/timesource"
)

// TestWrongClock: what time sources say is seen in the status and in the metrics, and a
// clock that they call wrong stamps nothing.
func TestWrongClock(t *testing.T) {
	w := newWorld(t)
	frozen := time.Now()
	source, err := timeserver.Start(func() time.Time { return frozen }, time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { source.Close() })
	clock, err := timesource.New(func() time.Time { return frozen }, slog.New(slog.DiscardHandler), source.URI)
	if err != nil {
		t.Fatal(err)
	}
	hierarchy, err := openShared()
	if err != nil {
		t.Fatal(err)
	}
	config := w.server.Config
	config.Clock = clock
	if config.CA, err = ca.Open(t.Context(), ca.Config{Hierarchy: hierarchy, Store: w.store, ClockTrusted: clock.Trusted}); err != nil {
		t.Fatal(err)
	}
	s, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	want := func(state string, quorum bool, verdict string, stamped bool, metrics ...string) {
		t.Helper()
		clock.Check(t.Context())
		status, err := s.status(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		c := status.Body.Clock
		if c == nil || c.State != state || c.Quorum != quorum || len(c.Sources) != 1 || c.Sources[0].Verdict != verdict ||
			c.Sources[0].Source != source.URI || (c.Sources[0].Error != "") != (verdict == "silent") {
			t.Errorf("%+v, want %s, %v, %s", c, state, quorum, verdict)
		}
		rec := httptest.NewRecorder()
		s.metrics.handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
		for _, m := range metrics {
			if !strings.Contains(rec.Body.String(), "\n"+m+"\n") {
				t.Errorf("metrics do not say %q", m)
			}
		}
		if err := stamp(t, s); (err == nil) != stamped || err != nil && !strings.Contains(err.Error(), "clock cannot be trusted") {
			t.Errorf("timestamp: %v, want %v", err, stamped)
		}
	}
	want("wrong", true, "disagrees", false, "hallmark_clock_trusted 0", "hallmark_time_sources_agreeing 0")
	source.Busy.Store(true)
	want("wrong", false, "silent", false, "hallmark_clock_trusted 0")
	source.Busy.Store(false)
	source.Offset.Store(int64(100 * time.Millisecond))
	want("right", true, "agrees", true, "hallmark_clock_trusted 1", "hallmark_time_sources_agreeing 1")

	status, err := w.server.status(t.Context(), nil)
	if err != nil || status.Body.Clock != nil {
		t.Errorf("without sources: %+v, %v", status.Body.Clock, err)
	}
}

// stamp asks the public endpoint for a timestamp; the error is what the answer says.
func stamp(t *testing.T, s *Server) error {
	t.Helper()
	digest := sha256.Sum256([]byte("content"))
	request, err := (&timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: digest[:]}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest("POST", "/tsa", bytes.NewReader(request))
	req.Header.Set("Content-Type", "application/timestamp-query")
	rec := httptest.NewRecorder()
	s.Public().ServeHTTP(rec, req)
	_, err = timestamp.ParseResponse(rec.Body.Bytes())
	return err
}
