package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/ledger"
	"github.com/hallmark-pki/hallmark/ledger/monitor"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
)

// aLog opens a log of the one test key with an entry for each reason.
func aLog(t *testing.T, reasons ...string) (*ledger.Log, string) {
	t.Helper()
	s, vkey, err := ledger.NewSigner("log.example.com/test", ed25519.NewKeyFromSeed(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(t.Context(), ledger.Options{Dir: t.TempDir(), Signer: s, VKey: vkey})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, reason := range reasons {
		if _, _, err := l.Append(t.Context(), receipt.Entry{
			Type: receipt.AssessmentWithdrawn, At: at, Effective: at, Reason: reason, Assessment: strings.Repeat("12", 32), AuditorSPKI: strings.Repeat("ab", 32),
			Vendor: "https://vendor.example.com", Framework: "https://slsa.dev/spec/v0.1", Track: "\x1b[2Jbuild", Level: 3,
		}); err != nil {
			t.Fatal(err)
		}
	}
	return l, vkey
}

// TestMonitorConflict: a fork ends with exit code 3 and the evidence, also while following.
func TestMonitorConflict(t *testing.T) {
	first, vkey := aLog(t, "a", "b")
	second, _ := aLog(t, "a", "c", "d")
	var served atomic.Pointer[ledger.Log]
	served.Store(first)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { served.Load().Handler().ServeHTTP(w, r) }))
	defer srv.Close()
	state := filepath.Join(t.TempDir(), "state")
	monitorLog := func(want int, flags ...string) (stdout, stderr string) {
		t.Helper()
		var out, errs bytes.Buffer
		args := append([]string{"hallmark", "ledger", "monitor", "--url", srv.URL, "--key", vkey, "--state", state}, flags...)
		if code := run(t.Context(), args, strings.NewReader(""), &out, &errs); code != want {
			t.Fatalf("exit code %d, want %d\n%s%s", code, want, out.String(), errs.String())
		}
		return out.String(), errs.String()
	}
	out, _ := monitorLog(exitOK, "--auditor", strings.Repeat("AB", 32))
	if strings.Count(out, "assessment.withdrawn") != 2 || !strings.Contains(out, `since 2026-03-01T12:00:00Z: "b"`) || strings.Contains(out, "\x1b") {
		t.Errorf("printed %q", out)
	}
	seen, err := first.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	now, err := second.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	served.Store(second)
	for _, flags := range [][]string{nil, {"--follow", "1h"}} {
		out, errs := monitorLog(exitConflict, flags...)
		if !strings.Contains(out, string(seen)) || !strings.Contains(out, string(now)) || !strings.Contains(errs, "log forked: its 3 entries do not contain the 2") {
			t.Errorf("printed\n%s%s", out, errs)
		}
	}
	out, _ = monitorLog(exitConflict, "--json")
	var c struct {
		Event, Kind, Seen, Served string
		Proof                     [][]byte
	}
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		t.Fatal(err)
	}
	if c.Event != "conflict" || c.Kind != "forked" || c.Seen != string(seen) || c.Served != string(now) || len(c.Proof) != 2 {
		t.Errorf("%+v", c)
	}
}

// TestMonitorFollows: it goes on after a log that cannot be read, and ends with the
// outcome of its last look.
func TestMonitorFollows(t *testing.T) {
	l, vkey := aLog(t, "a")
	for name, answers := range map[string][]bool{"bad-then-good": {false, true}, "good-then-bad": {true, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			var looks atomic.Int32
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				look := int(looks.Load())
				if r.URL.Path == "/checkpoint" {
					look = int(looks.Add(1))
				}
				switch {
				case look > len(answers):
					cancel()
				case answers[look-1]:
					l.Handler().ServeHTTP(w, r)
				default:
					w.WriteHeader(http.StatusBadGateway)
				}
			}))
			defer srv.Close()
			w := &watching{env: &env{stdout: io.Discard, stderr: io.Discard}}
			f, err := monitor.New(monitor.Options{URL: srv.URL, Key: vkey, State: filepath.Join(t.TempDir(), "state")})
			if err != nil {
				t.Fatal(err)
			}
			err = w.follow(ctx, f, 10*time.Millisecond)
			if isGood := answers[len(answers)-1]; (err == nil) != isGood {
				t.Errorf("ended with %v", err)
			}
		})
	}
}
