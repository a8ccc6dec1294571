package server

import (
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/timesource"
	"github.com/prometheus/client_golang/prometheus"
)

// watch shows what time sources think of the clock; without any, there is nothing to see.
func (m *metrics) watch(clock *timesource.Monitor) {
	if clock == nil {
		return
	}
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "hallmark_clock_trusted", Help: "1 while timestamps are given, 0 while time sources say that the clock is wrong."}, func() float64 {
			if clock.Trusted() != nil {
				return 0
			}
			return 1
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "hallmark_time_sources_agreeing", Help: "Time sources that agreed with the clock when they were asked last."}, func() float64 {
			return float64(clock.Verdict().Agreeing())
		}),
	)
}

// clockState is nil without time sources.
func (s *Server) clockState() *api.ClockState {
	if s.Clock == nil {
		return nil
	}
	v := s.Clock.Verdict()
	state := &api.ClockState{State: string(v.State), Quorum: v.Quorum, AskedAt: v.At, Sources: []api.TimeSource{}}
	for _, a := range v.Sources {
		source := api.TimeSource{Source: a.Source, Verdict: a.Verdict, OffsetMS: a.Answer.Offset.Milliseconds()}
		if a.Err != nil {
			source.Error = a.Err.Error()
		}
		state.Sources = append(state.Sources, source)
	}
	return state
}
