package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hallmark-pki/hallmark/ledger"
	"github.com/hallmark-pki/hallmark/ledger/monitor"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
)

// openTestLog opens a new log of the one test key.
func openTestLog(t *testing.T, witnesses ...ledger.Witness) (*ledger.Log, string) {
	t.Helper()
	s, vkey, err := ledger.NewSigner("log.example.com/test", ed25519.NewKeyFromSeed(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(t.Context(), ledger.Options{Dir: t.TempDir(), Signer: s, VKey: vkey, Witnesses: witnesses})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return l, vkey
}

// aLog has an entry for each reason.
func aLog(t *testing.T, reasons ...string) (*ledger.Log, string) {
	t.Helper()
	l, vkey := openTestLog(t)
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

// monitoring runs 'ledger monitor' on a served log, with a state file of its own.
func monitoring(t *testing.T, l *ledger.Log, key string) func(want int, flags ...string) string {
	t.Helper()
	srv := httptest.NewServer(l.Handler())
	t.Cleanup(srv.Close)
	state := filepath.Join(t.TempDir(), "state")
	return func(want int, flags ...string) string {
		t.Helper()
		out, _ := hallmark(t, want, append([]string{"ledger", "monitor", "--url", srv.URL, "--key", key, "--state", state}, flags...)...)
		return out
	}
}

func typesIn(out string) (types []string) {
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); len(fields) > 3 && strings.Contains(fields[2], ".") && fields[0] != "FINDING" {
			types = append(types, fields[2])
		}
	}
	return types
}

// TestMonitorFilters: every type of entry is found by what it is about, an auditor by
// the key and by the name that the log has for them.
func TestMonitorFilters(t *testing.T) {
	l, key := openTestLog(t)
	entries := oneOfEach()
	if _, err := l.AppendAll(t.Context(), entries); err != nil {
		t.Fatal(err)
	}
	var all, ofVendor, ofAuditor []string
	for _, e := range entries {
		all = append(all, e.Type)
		if e.Vendor != "" {
			ofVendor = append(ofVendor, e.Type)
		}
		// The log tells whose the key is only in its second entry, and no key of a
		// certificate that was revoked or held.
		if e.Commitment == "" && e.Type != receipt.CertificateRevoked && e.Type != receipt.CertificateHeld && e.Type != receipt.OfficerEnrolled {
			ofAuditor = append(ofAuditor, e.Type)
		}
	}
	for name, c := range map[string]struct {
		flags []string
		want  []string
	}{
		"all":                   {nil, all},
		"the vendor":            {[]string{"--vendor", "https://vendor.example.com"}, ofVendor},
		"another vendor":        {[]string{"--vendor", "https://other.example.com"}, nil},
		"the auditor's name":    {[]string{"--auditor", sixtyFour("e")}, ofAuditor},
		"the auditor's key":     {[]string{"--auditor", sixtyFour("a")}, ofAuditor[1:]},
		"the second's key":      {[]string{"--auditor", sixtyFour("B")}, slices.DeleteFunc(slices.Clone(ofAuditor), func(s string) bool { return strings.HasPrefix(s, "auditor.") })},
		"another auditor":       {[]string{"--auditor", sixtyFour("9")}, nil},
		"a vendor, an auditor":  {[]string{"--vendor", "https://other.example.com", "--auditor", sixtyFour("e")}, ofAuditor},
		"the vendor, and other": {[]string{"--vendor", "https://vendor.example.com", "--auditor", sixtyFour("9")}, ofVendor},
	} {
		t.Run(name, func(t *testing.T) {
			out := monitoring(t, l, key)(exitOK, c.flags...)
			if d := cmp.Diff(c.want, typesIn(out)); d != "" {
				t.Errorf("%s\n%s", d, out)
			}
			if want := fmt.Sprintf("has %d entries, %d new, %d shown\n", len(all), len(all), len(c.want)); !strings.HasSuffix(out, want) {
				t.Errorf("ends not with %q:\n%s", want, out)
			}
		})
	}
}

// TestMonitorFindings: a certificate that the log does not justify is shown to everybody,
// once, and ends the run with a code of its own.
func TestMonitorFindings(t *testing.T) {
	l, key := openTestLog(t)
	look := monitoring(t, l, key)
	entries := oneOfEach()
	accepted, certificate, withdrawn := entries[4], entries[5], entries[11]
	if _, err := l.AppendAll(t.Context(), []receipt.Entry{accepted, certificate}); err != nil {
		t.Fatal(err)
	}
	look(exitOK)
	certificate.Serial = "0a1c"
	if _, err := l.AppendAll(t.Context(), []receipt.Entry{withdrawn, certificate}); err != nil {
		t.Fatal(err)
	}
	out := look(exitFinding, "--vendor", "https://other.example.com")
	want := "FINDING in entry 3: certificate 0a1c of https://vendor.example.com relies on assessment " + sixtyFour("1") +
		", which is not in force since entry 2, assessment.withdrawn\nverified: log.example.com/test has 4 entries, 2 new, 0 shown, 1 FINDINGS\n"
	if out != want {
		t.Errorf("printed\n%swant\n%s", out, want)
	}
	look(exitOK)

	certificate.Serial, certificate.Assessments = "0a1d", []string{sixtyFour("2")}
	if _, err := l.AppendAll(t.Context(), []receipt.Entry{certificate}); err != nil {
		t.Fatal(err)
	}
	events := func(out string) (all []map[string]any) {
		t.Helper()
		for line := range strings.Lines(out) {
			var event map[string]any
			if err := json.Unmarshal([]byte(line), &event); err != nil {
				t.Fatal(err)
			}
			delete(event, "entry")
			delete(event, "checkpoint")
			all = append(all, event)
		}
		return all
	}
	never := map[string]any{"event": "finding", "index": 4.0, "problem": "not-accepted", "assessment": sixtyFour("2")}
	if d := cmp.Diff([]map[string]any{
		{"event": "entry", "index": 4.0}, never, {"event": "verified", "origin": "log.example.com/test", "size": 5.0, "new": 1.0, "shown": 1.0, "findings": 1.0},
	}, events(look(exitFinding, "--json"))); d != "" {
		t.Error(d)
	}
	// From the beginning, by somebody else: all findings there are.
	if d := cmp.Diff([]map[string]any{
		{"event": "finding", "index": 3.0, "problem": "ended", "assessment": sixtyFour("1"), "by": "assessment.withdrawn", "by_index": 2.0}, never,
		{"event": "verified", "origin": "log.example.com/test", "size": 5.0, "new": 5.0, "shown": 0.0, "findings": 2.0},
	}, events(monitoring(t, l, key)(exitFinding, "--json", "--vendor", "https://other.example.com"))); d != "" {
		t.Error(d)
	}
}

// TestMonitorFollowsAfterFinding: a finding does not end the watch, and is not forgotten
// when it ends.
func TestMonitorFollowsAfterFinding(t *testing.T) {
	l, key := openTestLog(t)
	if _, err := l.AppendAll(t.Context(), oneOfEach()[5:6]); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var looks atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/checkpoint" && looks.Add(1) == 3 {
			cancel()
		}
		l.Handler().ServeHTTP(w, r)
	}))
	defer srv.Close()
	f, err := monitor.New(monitor.Options{URL: srv.URL, Key: key, State: filepath.Join(t.TempDir(), "state")})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := &watching{env: &env{stdout: &out, stderr: io.Discard}}
	if err := w.follow(ctx, f, 10*time.Millisecond); !errors.Is(err, exitWith(exitFinding)) || strings.Count(out.String(), "FINDING in") != 1 || looks.Load() < 3 {
		t.Errorf("%v after %d looks\n%s", err, looks.Load(), &out)
	}
}

// TestMonitorWitness: a log that its witnesses have not cosigned is not followed.
func TestMonitorWitness(t *testing.T) {
	witness, vkey := signsAll(t)
	cosigned, key := openTestLog(t, witness)
	plain, _ := openTestLog(t)
	monitoring(t, cosigned, key)(exitOK, "--witness", vkey, "--quorum", "1")
	monitoring(t, plain, key)(exitRefused, "--witness", vkey)
	monitoring(t, plain, key)(exitUsage, "--witness", vkey, "--quorum", "2")
	if !ends(errors.New("other")) || ends(fmt.Errorf("x: %w", monitor.ErrNotCosigned)) {
		t.Error("a checkpoint that is not cosigned ends the watch")
	}
}
