package server

import (
	"context"

	"github.com/hallmark-pki/hallmark/sign/confirm"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/prometheus/client_golang/prometheus"
)

// confirmGauges are the numbers of provisional signatures, read when they are asked for:
// one that is overdue is news within the minute.
type confirmGauges struct {
	server                       *Server
	open, held, overdue, revoked *prometheus.Desc
}

func (s *Server) confirmGauges() confirmGauges {
	return confirmGauges{
		server:  s,
		open:    prometheus.NewDesc("hallmark_signatures_provisional", "Signatures that are not settled yet, held ones included.", nil, nil),
		held:    prometheus.NewDesc("hallmark_signatures_held", "Signatures whose revocation waits for people.", nil, nil),
		overdue: prometheus.NewDesc("hallmark_signatures_overdue", "Signatures that should have been confirmed or revoked by now.", nil, nil),
		revoked: prometheus.NewDesc("hallmark_signatures_revoked_automatically", "Signatures revoked without a human, ever.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (g confirmGauges) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{g.open, g.held, g.overdue, g.revoked} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (g confirmGauges) Collect(out chan<- prometheus.Metric) {
	var f confirm.Figures
	err := g.server.Store.View(context.Background(), func(r store.Reader) (err error) {
		f, err = confirm.Count(r, g.server.Now())
		return err
	})
	if err != nil {
		out <- prometheus.NewInvalidMetric(g.open, err)
		return
	}
	for d, v := range map[*prometheus.Desc]int{g.open: f.Open, g.held: f.Held, g.overdue: f.Overdue, g.revoked: f.Revoked} {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v))
	}
}
