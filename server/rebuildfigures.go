package server

import (
	"context"

	"github.com/hallmark-pki/hallmark/rebuild"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/prometheus/client_golang/prometheus"
)

// rebuildGauges are read at each scrape: how long the oldest job waits is of no use when
// it is an hour old, and the figures come from counts and not from jobs.
type rebuildGauges struct {
	server *Server
	jobs   *prometheus.Desc
	oldest *prometheus.Desc
	stuck  *prometheus.Desc
}

func (s *Server) rebuildGauges() rebuildGauges {
	return rebuildGauges{
		server: s,
		jobs:   prometheus.NewDesc("hallmark_rebuild_jobs", "Rebuild jobs on record, by state.", []string{"state"}, nil),
		oldest: prometheus.NewDesc("hallmark_rebuild_oldest_seconds", "How long the oldest rebuild job that is not over has been waiting.", nil, nil),
		stuck:  prometheus.NewDesc("hallmark_rebuild_stuck", "Rebuild jobs that have been waiting for more than a day.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (g rebuildGauges) Describe(out chan<- *prometheus.Desc) {
	out <- g.jobs
	out <- g.oldest
	out <- g.stuck
}

// Collect implements prometheus.Collector.
func (g rebuildGauges) Collect(out chan<- prometheus.Metric) {
	f, err := g.server.countRebuilds(context.Background())
	if err != nil {
		out <- prometheus.NewInvalidMetric(g.jobs, err)
		return
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(g.jobs, float64(f.Queued), store.RebuildQueued)
	gauge(g.jobs, float64(f.Claimed), store.RebuildClaimed)
	gauge(g.jobs, float64(f.Done), store.RebuildDone)
	gauge(g.jobs, float64(f.Failed), store.RebuildFailed)
	gauge(g.stuck, float64(f.Stuck))
	age := 0.0
	if !f.Oldest.IsZero() {
		age = max(0, g.server.Now().Sub(f.Oldest).Seconds())
	}
	gauge(g.oldest, age)
}

func (s *Server) countRebuilds(ctx context.Context) (f rebuild.Figures, err error) {
	err = s.Store.View(ctx, func(r store.Reader) (err error) {
		f, err = rebuild.Count(r, s.Now())
		return err
	})
	return f, err
}

func apiRebuildFigures(f rebuild.Figures) api.RebuildFigures {
	return api.RebuildFigures{Queued: f.Queued, Claimed: f.Claimed, Done: f.Done, Failed: f.Failed, Stuck: f.Stuck, Oldest: f.Oldest}
}
