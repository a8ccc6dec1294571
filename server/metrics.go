package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/hallmark-pki/hallmark/store"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are counters for Prometheus, and gauges that Gauge sets. Labels hold only what the server itself
// names (listener, route pattern, status class), never what a client sends.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	issued   prometheus.Counter
	refused  *prometheus.CounterVec
	signed   prometheus.Counter

	assessments *prometheus.GaugeVec // by state
	expiring    *prometheus.GaugeVec // by days
	probes      prometheus.Gauge
	ledger      prometheus.Gauge
	notices     prometheus.Gauge
	pending     prometheus.Gauge // requests for certificates
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hallmark_http_requests_total", Help: "Requests answered."}, []string{"listener", "route", "status"}),
		seconds:  prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "hallmark_http_request_seconds", Help: "Time to answer.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 8)}, []string{"listener", "route"}),
		issued:   prometheus.NewCounter(prometheus.CounterOpts{Name: "hallmark_certificates_issued_total", Help: "Code-signing certificates issued."}),
		refused:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hallmark_refusals_total", Help: "Requests refused by a gate."}, []string{"gate"}),
		signed:   prometheus.NewCounter(prometheus.CounterOpts{Name: "hallmark_signatures_total", Help: "Signatures made."}),
	}
	m.assessments = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "hallmark_assessments", Help: "Assessments on record, by state."}, []string{"state"})
	m.expiring = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "hallmark_assessments_expiring", Help: "Assessments in force or in review that end within so many days."}, []string{"days"})
	m.probes = prometheus.NewGauge(prometheus.GaugeOpts{Name: "hallmark_probes_failing", Help: "Probes that fail, of assessments in force."})
	m.ledger = prometheus.NewGauge(prometheus.GaugeOpts{Name: "hallmark_ledger_pending", Help: "Entries on record that wait for the transparency log."})
	m.notices = prometheus.NewGauge(prometheus.GaugeOpts{Name: "hallmark_notices_pending", Help: "Webhooks that have not been delivered."})
	m.pending = prometheus.NewGauge(prometheus.GaugeOpts{Name: "hallmark_certificate_requests_pending", Help: "Requests for certificates that wait for an officer."})
	m.registry.MustRegister(m.assessments, m.expiring, m.probes, m.ledger, m.notices, m.pending, m.requests, m.seconds, m.issued, m.refused, m.signed,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Gauge sets the gauges by what is on record now. They stand until the next call, so
// somebody calls it now and then: reading them costs a scrape nothing.
func (s *Server) Gauge(ctx context.Context) error {
	var f figures
	err := s.Store.View(ctx, func(r store.Reader) error {
		var err error
		f, err = s.count(r)
		return err
	})
	if err != nil {
		return fmt.Errorf("set gauges: %w", err)
	}
	for _, state := range assessmentStates {
		s.metrics.assessments.WithLabelValues(state).Set(float64(f.assessments[state]))
	}
	for _, days := range expiringDays {
		s.metrics.expiring.WithLabelValues(strconv.Itoa(days)).Set(float64(f.expiring[days]))
	}
	s.metrics.probes.Set(float64(len(f.probes)))
	s.metrics.ledger.Set(float64(f.ledger))
	s.metrics.notices.Set(float64(f.notices))
	s.metrics.pending.Set(float64(f.requests))
	return nil
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// instrument counts, times and logs requests at a level, and turns a panic into a 500:
// one broken request must not end the process. What the public fetches is counted; a line
// for each would cost a revocation answer more than the answer.
func (s *Server) instrument(listener string, level slog.Level, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := s.Now()
		rec := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			if cause := recover(); cause != nil {
				s.Log.ErrorContext(r.Context(), "request panicked", "route", r.Pattern, "panic", cause)
				http.Error(rec, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
			}
			route := r.Pattern
			if route == "" {
				route = "none"
			}
			took := s.Now().Sub(start)
			s.metrics.requests.WithLabelValues(listener, route, strconv.Itoa(rec.status)).Inc()
			s.metrics.seconds.WithLabelValues(listener, route).Observe(took.Seconds())
			s.Log.LogAttrs(r.Context(), level, "request", slog.String("listener", listener), slog.String("route", route), slog.Int("status", rec.status),
				slog.Int64("duration_ms", took.Milliseconds()), slog.String("remote", r.RemoteAddr))
		}()
		next.ServeHTTP(rec, r)
	})
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader remembers the status.
func (r *statusRecorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
