package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/timesource"
)

// watchClock makes the monitor of the clock, if time sources are configured, and returns
// what the CA asks before each timestamp.
func (in *instance) watchClock() (trusted func() error, err error) {
	if len(in.config.TimeSources) == 0 {
		return nil, nil
	}
	if in.clock, err = timesource.New(time.Now, in.log, in.config.TimeSources...); err != nil {
		return nil, fmt.Errorf("%s: time_sources: %w", instanceConfig, err)
	}
	return in.clock.Trusted, nil
}

// askTime compares the clock with the time sources before anything is served.
func (in *instance) askTime(ctx context.Context) {
	if in.clock != nil {
		in.clock.Check(ctx)
	}
}

// keepTime does so again and again.
func (in *instance) keepTime(ctx context.Context) {
	if in.clock != nil {
		in.clock.Run(ctx)
	}
}

// clockLine says in a line what time sources think of the CA's clock.
func clockLine(c api.ClockState) string {
	text := c.State
	if c.State == string(timesource.Wrong) {
		text += ": nothing is timestamped"
	}
	if !c.Quorum {
		text += ", no quorum of the time sources"
	}
	var sources []string
	for _, s := range c.Sources {
		said := s.Verdict
		if s.Error == "" {
			said += fmt.Sprintf(" (%+d ms)", s.OffsetMS)
		}
		sources = append(sources, printable(s.Source)+" "+said)
	}
	return "clock        " + text + "; " + strings.Join(sources, ", ")
}
