package server

import (
	"encoding/hex"
	"io"
	"mime"
	"net/http"
	"strings"
)

// publicRoutes are what certificates, signatures and log clients point to. All of
// it is signed content, so it needs no identity and no secrecy.
func (s *Server) publicRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /crl/{file}", s.crl)
	mux.HandleFunc("GET /crl/{issuer}/{file}", s.crl)
	mux.HandleFunc("GET /ca/{file}", s.issuer)
	mux.HandleFunc("GET "+repositoryPath+"{name...}", s.repositoryFile)
	mux.HandleFunc("POST /tsa", s.timestamp)
	mux.Handle("/ocsp", s.CA.OCSPHandler())
	mux.Handle("/ocsp/", s.CA.OCSPHandler())
	mux.Handle("GET /att/", http.StripPrefix("/att/", s.evidenceFiles()))
	mux.Handle("GET /log/", http.StripPrefix("/log", s.Ledger.Handler()))
}

func (s *Server) healthz(w http.ResponseWriter, r *http.Request) {
	if err := s.Store.View(r.Context(), noRead); err != nil {
		http.Error(w, "store: not available", http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, "ok\n")
}

// crl serves a list under the name that certificates' distribution points give it.
func (s *Server) crl(w http.ResponseWriter, r *http.Request) {
	name, ok := strings.CutSuffix(r.PathValue("file"), ".crl")
	if !ok {
		http.NotFound(w, r)
		return
	}
	if issuer := r.PathValue("issuer"); issuer != "" {
		name = issuer + "/" + name
	}
	der, err := s.CA.CRL(r.Context(), name)
	s.serveDER(w, r, "application/pkix-crl", der, err) // RFC 5280 §4.2.1.13
}

func (s *Server) issuer(w http.ResponseWriter, r *http.Request) {
	name, ok := strings.CutSuffix(r.PathValue("file"), ".cer")
	if !ok {
		http.NotFound(w, r)
		return
	}
	cert, err := s.CA.Certificate(name)
	if err != nil {
		s.serveDER(w, r, "", nil, err)
		return
	}
	s.serveDER(w, r, "application/pkix-cert", cert.Raw, nil) // RFC 5280 §4.2.2.1
}

func (s *Server) timestamp(w http.ResponseWriter, r *http.Request) {
	if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != "application/timestamp-query" { // RFC 3161 §3.4
		http.Error(w, "want Content-Type: application/timestamp-query", http.StatusUnsupportedMediaType)
		return
	}
	request, ok := readBody(w, r, maxTimestampBytes)
	if !ok {
		return
	}
	der, err := s.CA.Timestamp(r.Context(), request)
	if err != nil && len(der) > 0 { // a client of RFC 3161 understands the refusal in der, and no HTTP status
		s.Log.ErrorContext(r.Context(), "timestamp failed", "error", err)
		err = nil
	}
	s.serveDER(w, r, "application/timestamp-reply", der, err)
}

func readBody(w http.ResponseWriter, r *http.Request, maxBytes int64) ([]byte, bool) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBytes))
	if err != nil {
		http.Error(w, "request body is too large or was cut off", http.StatusRequestEntityTooLarge)
		return nil, false
	}
	return raw, true
}

func (s *Server) serveDER(w http.ResponseWriter, r *http.Request, mediaType string, der []byte, err error) {
	if err != nil {
		p := s.asProblem(r.Context(), err)
		http.Error(w, p.Error(), p.Status)
		return
	}
	w.Header().Set("Content-Type", mediaType)
	w.Write(der)
}

// evidenceFiles serves the attestation repository: exactly the layout of plain
// files, and nothing but those files.
func (s *Server) evidenceFiles() http.Handler {
	files := http.FileServerFS(s.Repository.FS())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isEvidencePath(r.URL.Path) {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/jsonl")
		files.ServeHTTP(w, r)
	})
}

// isEvidencePath matches "<vendor>/sha256/<aa>/<64 hex>.jsonl".
func isEvidencePath(path string) bool {
	parts := strings.Split(path, "/")
	if len(parts) != 4 || parts[1] != "sha256" {
		return false
	}
	digest, ok := strings.CutSuffix(parts[3], ".jsonl")
	raw, err := hex.DecodeString(digest)
	return ok && err == nil && len(raw) == 32 && strings.ToLower(digest) == digest && parts[2] == digest[:2]
}
