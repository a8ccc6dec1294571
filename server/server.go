// Package server answers over HTTP: the API under /v1 for people with a client
// certificate, and the public endpoints that certificates and signatures point to
// (CRL, OCSP, issuer certificates, timestamps, attestations, the log).
//
// # Two listeners
//
// The API speaks TLS 1.3 and knows people by client certificates of the operator
// CA, which signs nothing else. The public endpoints are plain HTTP, as RFC 5280
// §4.2.1.13 clients expect; everything they serve is signed. The API listener
// serves them too, because attestation repositories are named by https URLs.
//
// # Who may do what
//
// Each API route names the roles that may use it, in one table (routes.go). A
// route without roles is refused for everybody, and so is a path without a route.
// What a vendor sees of lists and single records is narrowed to that vendor.
package server

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/hallmark-pki/hallmark/attest/repository"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/audit/evidence"
	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/ca/stepca"
	"github.com/hallmark-pki/hallmark/ledger"
	"github.com/hallmark-pki/hallmark/ledger/queue"
	"github.com/hallmark-pki/hallmark/rebuild"
	"github.com/hallmark-pki/hallmark/server/coalesce"
	"github.com/hallmark-pki/hallmark/sign"
	"github.com/hallmark-pki/hallmark/sign/confirm"
	"github.com/hallmark-pki/hallmark/sign/release"
	"github.com/hallmark-pki/hallmark/sign/workload"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/timesource"
)

// Store is the part of a store driver that the server uses.
type Store interface {
	View(ctx context.Context, fn func(store.Reader) error) error
	Update(ctx context.Context, fn func(store.Tx) error) error
}

// Operator issues the certificates of the API's TLS connections.
type Operator interface {
	// IssueClient returns a client certificate for person with key pub.
	IssueClient(ctx context.Context, pub crypto.PublicKey, person store.Person, validity time.Duration) (*x509.Certificate, error)
	// GetServerCertificate returns the API's own certificate; see tls.Config.
	GetServerCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// OperatorRoot returns the CA certificate of servers and clients.
	OperatorRoot() *x509.Certificate
}

// Config is what a Server is made of. All fields are required but Version, Step, ACMEDirectory, Clock, Release and Machines.
type Config struct {
	Name       string // of the CA, for people
	Version    string
	APIURL     string // https URL under which clients reach the API
	Store      Store
	CA         *ca.CA
	Operator   Operator
	Register   *audit.Register
	Catalogue  *audit.Catalogue
	Repository *repository.Repository
	Ledger     *ledger.Log
	LedgerKey  string          // C2SP verifier key of the ledger
	Queue      *queue.Queue    // logs what transactions have put into it
	Evidence   *evidence.Store // files that assessments name
	Signing    *sign.Service
	Rebuilds   *rebuild.Queue      // jobs of rebuilders
	Confirm    *confirm.Reconciler // settles provisional signatures
	Step       http.Handler        // smallstep-compatible API under /1.0, and ACME under /acme; nil leaves them out
	Log        *slog.Logger
	Now        func() time.Time

	ACMEDirectory string // URL of Step's ACME directory; "" without

	// Clock says what time sources think of the clock; nil: there are none.
	Clock *timesource.Monitor

	// Release keeps signing policies; Signing must have been made with one on the same
	// store. nil: one that evaluates no rules in CEL.
	Release *release.Service
	// Machines knows build systems by their tokens; nil: tokens are refused.
	Machines *workload.Verifier
}

// Server answers requests. It is safe for concurrent use.
type Server struct {
	Config
	metrics *metrics
	api     huma.API
	apiMux  *http.ServeMux
	probing sync.Map // ids of assessments whose probes somebody has asked to run
	clients store.Memo[store.ClientCertificate]
	people  store.Memo[store.Person]
	uploads seats // of files that are being taken in, to be signed

	summaries summaries
	fresh     freshness

	probeTimeout time.Duration
}

// New checks c and returns a server that does not listen yet.
func New(c Config) (*Server, error) {
	for name, missing := range map[string]bool{
		"Store": c.Store == nil, "CA": c.CA == nil, "Operator": c.Operator == nil, "Register": c.Register == nil,
		"Catalogue": c.Catalogue == nil, "Repository": c.Repository == nil, "Ledger": c.Ledger == nil,
		"Queue": c.Queue == nil, "Evidence": c.Evidence == nil, "Signing": c.Signing == nil, "Rebuilds": c.Rebuilds == nil, "Confirm": c.Confirm == nil, "Log": c.Log == nil, "Now": c.Now == nil,
		"APIURL": c.APIURL == "", "Name": c.Name == "",
	} {
		if missing {
			return nil, errors.New("server: Config." + name + " is missing")
		}
	}
	if c.Release == nil {
		var err error
		if c.Release, err = release.New(release.Config{Store: c.Store, Now: c.Now, Factors: []release.SecondFactor{release.SSH{}}}); err != nil {
			return nil, err
		}
	}
	s := &Server{Config: c, metrics: newMetrics(), apiMux: http.NewServeMux(), probeTimeout: probeTimeout}
	s.metrics.watch(c.Clock)
	s.metrics.registry.MustRegister(s.rebuildGauges(), s.confirmGauges())
	s.api = newAPI(s.apiMux, c.Name, c.Version)
	for _, r := range s.routes() {
		r.register(s, r)
	}
	s.publicRoutes(s.apiMux)
	s.apiMux.Handle("GET /metrics", s.allow(s.metrics.handler(), readers...))
	if c.Step != nil {
		for _, pattern := range stepca.Patterns() {
			s.apiMux.Handle(pattern, c.Step)
		}
	}
	return s, nil
}

// API returns the handler of the TLS listener.
func (s *Server) API() http.Handler { return withRoom(s.instrument("api", slog.LevelInfo, s.apiMux)) }

// Public returns the handler of the plain HTTP listener.
func (s *Server) Public() http.Handler {
	mux := http.NewServeMux()
	s.publicRoutes(mux)
	return s.instrument("public", slog.LevelDebug, mux)
}

// TLS returns the configuration of the API listener.
func (s *Server) TLS() *tls.Config {
	clients := x509.NewCertPool()
	clients.AddCert(s.Operator.OperatorRoot())
	return &tls.Config{
		MinVersion:     tls.VersionTLS13,
		GetCertificate: s.Operator.GetServerCertificate,
		ClientAuth:     tls.VerifyClientCertIfGiven,
		ClientCAs:      clients,
	}
}

// Serve answers on both listeners until ctx ends, then lets requests under way
// finish for at most shutdownTimeout. It closes the listeners.
func (s *Server) Serve(ctx context.Context, apiListener, publicListener net.Listener) error {
	apiServer := s.httpServer(s.API())
	apiServer.TLSConfig = s.TLS()
	apiServer.RegisterOnShutdown(s.Rebuilds.EndWaits)
	publicServer := s.httpServer(s.Public())

	failed := make(chan error, 2)
	go func() { failed <- apiServer.ServeTLS(coalesce.Listen(apiListener), "", "") }()
	go func() { failed <- publicServer.Serve(publicListener) }()

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	return errors.Join(err, apiServer.Shutdown(stop), publicServer.Shutdown(stop))
}

func (s *Server) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           atMost(maxInFlight, boundBodies(h)),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		// Over HTTP/2, WriteTimeout ends no write to the connection: it queues a frame behind it.
		HTTP2:          &http.HTTP2Config{WriteByteTimeout: writeTimeout},
		MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:       slog.NewLogLogger(s.Log.Handler(), slog.LevelWarn),
	}
}

// boundBodies cuts request bodies off: evidence is streamed to disk and may be large,
// everything else is held in memory.
func boundBodies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		bound := int64(maxBodyBytes)
		if r.Method == http.MethodPut { // there is one such route
			bound = evidence.MaxBytes
		}
		http.MaxBytesHandler(next, bound).ServeHTTP(w, r) // of a copy: the server looks at r.Body for Expect
	})
}

// flush has the log take what a transaction has queued. What fails waits for the next
// time, and the status says so; the change itself is durable.
func (s *Server) flush(ctx context.Context) {
	if _, err := s.Queue.Flush(context.WithoutCancel(ctx)); err != nil {
		s.Log.WarnContext(ctx, "entries wait for the log", "error", err)
	}
}

// atMost answers 503 to requests beyond n at once.
func atMost(n int, next http.Handler) http.Handler {
	slots := make(chan struct{}, n)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
			next.ServeHTTP(w, r)
		default:
			w.Header().Set("Retry-After", "1")
			http.Error(w, "too many requests at once", http.StatusServiceUnavailable)
		}
	})
}
