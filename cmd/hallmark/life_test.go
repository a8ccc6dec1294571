package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hallmark-pki/hallmark/notify"
	"github.com/rogpeppe/go-internal/testscript"
)

// told is what the webhook of a script has received.
type told struct {
	mu     sync.Mutex
	events []string // "type state", in the order of arrival
}

type toldKey struct{}

// receiveNotices starts a receiver, which takes what is signed and refuses the rest, and
// names it in ./ca/config.yaml.
func receiveNotices(ts *testscript.TestScript, neg bool, args []string) {
	secret := notify.NewSecret()
	raw, err := notify.ParseSecret(secret)
	ts.Check(err)
	got := ts.Value(toldKey{}).(*told)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, notify.MaxBodyBytes+1))
		if err == nil {
			err = notify.Verify(raw, r.Header, body, time.Now())
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		event, err := notify.ParseEvent(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		got.mu.Lock()
		defer got.mu.Unlock()
		got.events = append(got.events, fmt.Sprint(event.Type, " ", event.Data["state"]))
	}))
	ts.Defer(srv.Close)
	ts.Check(os.WriteFile(ts.MkAbs("ca/hook.secret"), []byte(secret+"\n"), 0o600))
	config, err := os.OpenFile(ts.MkAbs("ca/config.yaml"), os.O_APPEND|os.O_WRONLY, 0)
	ts.Check(err)
	_, err = fmt.Fprintf(config, "webhooks:\n- url: %s\n  secret_file: hook.secret\n", srv.URL)
	ts.Check(err)
	ts.Check(config.Close())
}

// wasTold EVENT waits until the webhook has received it, and then wants it once.
func wasTold(ts *testscript.TestScript, neg bool, args []string) {
	got := ts.Value(toldKey{}).(*told)
	want := strings.Join(args, " ")
	var events []string
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		got.mu.Lock()
		events = append([]string(nil), got.events...)
		got.mu.Unlock()
		switch n := strings.Count("\n"+strings.Join(events, "\n")+"\n", "\n"+want+"\n"); {
		case n == 1:
			return
		case n > 1:
			ts.Fatalf("told %d times of %q", n, want)
		}
	}
	ts.Fatalf("not told of %q, but of %q", want, events)
}

// restartCA stops the server in order and starts it again.
func restartCA(ts *testscript.TestScript, neg bool, args []string) {
	ca := ts.Value(runningKey{}).(*runningCA)
	ca.stop(ts, os.Interrupt)
	ca.serve(ts)
}

// soon SECONDS sets $soon to that time from now, RFC 3339.
func soon(ts *testscript.TestScript, neg bool, args []string) {
	seconds, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Setenv("soon", time.Now().UTC().Add(time.Duration(seconds)*time.Second).Format(time.RFC3339))
}

// waitUntil TIME waits until an RFC 3339 time is past.
func waitUntil(ts *testscript.TestScript, neg bool, args []string) {
	at, err := time.Parse(time.RFC3339, args[0])
	ts.Check(err)
	time.Sleep(time.Until(at.Add(time.Second)))
}
