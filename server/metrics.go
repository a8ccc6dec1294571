package server

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are counters for Prometheus. Labels hold only what the server itself
// names (listener, route pattern, status class), never what a client sends.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	issued   prometheus.Counter
	refused  *prometheus.CounterVec
	signed   prometheus.Counter
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
	m.registry.MustRegister(m.requests, m.seconds, m.issued, m.refused, m.signed,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// instrument counts, times and logs requests, and turns a panic into a 500: one
// broken request must not end the process.
func (s *Server) instrument(listener string, next http.Handler) http.Handler {
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
			s.Log.InfoContext(r.Context(), "request", "listener", listener, "route", route, "status", rec.status,
				"duration_ms", took.Milliseconds(), "remote", r.RemoteAddr)
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
