package main

import (
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/test/timeserver"
	"github.com/rogpeppe/go-internal/testscript"
)

// startTimeServer NAME OFFSET starts an NTP server that is off, and sets $NAME to its URI.
func startTimeServer(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: timeserver NAME OFFSET")
	}
	offset, err := time.ParseDuration(args[1])
	ts.Check(err)
	s, err := timeserver.Start(time.Now, offset, nil)
	ts.Check(err)
	ts.Defer(func() { s.Close() })
	ts.Setenv(args[0], s.URI)
}

func TestClockLine(t *testing.T) {
	agrees := api.TimeSource{Source: "ntp://a:123", Verdict: "agrees", OffsetMS: -12}
	silent := api.TimeSource{Source: "ntp://b:123", Verdict: "silent", Error: "ask ntp://b:123: timeout"}
	for want, c := range map[string]api.ClockState{
		"clock        right; ntp://a:123 agrees (-12 ms)":                                               {State: "right", Quorum: true, Sources: []api.TimeSource{agrees}},
		"clock        wrong: nothing is timestamped, no quorum of the time sources; ntp://b:123 silent": {State: "wrong", Sources: []api.TimeSource{silent}},
	} {
		if got := clockLine(c); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
