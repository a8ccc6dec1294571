package ocsp

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ocsp"
)

// Header values that all answers share.
var (
	mediaType = []string{"application/ocsp-response"}
	caching   = []string{"max-age=3600, public, no-transform, must-revalidate"}
	noCaching = []string{"no-store"}
)

// buffers spare an allocation per request.
var buffers = sync.Pool{New: func() any { return new([MaxRequestBytes + 1]byte) }}

// Handler serves RFC 6960 §A.1: POST with the request as body, and GET with it
// in the last part of the path, base64 and URL-encoded. Mount it at /ocsp and
// /ocsp/. http.ServeMux redirects a client that leaves two slashes in a row unescaped,
// which RFC 6960 §A.1 does not allow it to.
//
// Answers that may come from a cache say so with the headers of RFC 5019 §6.2. Caches
// are to keep them for an hour, which is far less than they are valid for.
type Handler struct {
	Cache *Cache
	// Answer is the long way. There is always something to send; the error is for the log.
	// kept and key are set when the answer was put into the cache.
	Answer func(ctx context.Context, request []byte) (der []byte, kept *Answer, key Key, err error)
	Now    func() time.Time
	Log    *slog.Logger
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodPost:
		h.post(w, r)
	case http.MethodGet:
		h.get(w, r)
	default:
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, "use GET or POST", http.StatusMethodNotAllowed)
	}
}

func (h *Handler) post(w http.ResponseWriter, r *http.Request) {
	buffer := buffers.Get().(*[MaxRequestBytes + 1]byte)
	defer buffers.Put(buffer)
	n, err := io.ReadFull(r.Body, buffer[:])
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) { // longer than the buffer, or cut off
		send(w, r, ocsp.MalformedRequestErrorResponse, nil)
		return
	}
	request := buffer[:n]
	if a := h.Cache.ByRequest(request, h.Now()); a != nil {
		send(w, r, a.DER, a)
		return
	}
	der, kept, _ := h.answer(r.Context(), request)
	send(w, r, der, kept)
}

func (h *Handler) get(w http.ResponseWriter, r *http.Request) {
	path := r.URL.RawPath
	if path == "" {
		path = r.URL.Path
	}
	if a := h.Cache.byPath(path, h.Now()); a != nil {
		send(w, r, a.DER, a)
		return
	}
	request, err := requestFromPath(r.URL.EscapedPath())
	if err != nil {
		send(w, r, ocsp.MalformedRequestErrorResponse, nil)
		return
	}
	der, kept, key := h.answer(r.Context(), request)
	if kept != nil {
		h.Cache.linkPath(path, key)
	}
	send(w, r, der, kept)
}

func (h *Handler) answer(ctx context.Context, request []byte) ([]byte, *Answer, Key) {
	der, kept, key, err := h.Answer(ctx, request)
	if err != nil {
		h.Log.Error("answer OCSP request", "error", err)
	}
	return der, kept, key
}

// send sends an answer. kept, when it is one, brings its headers.
func send(w http.ResponseWriter, r *http.Request, der []byte, kept *Answer) {
	h := w.Header()
	h["Content-Type"] = mediaType
	if kept == nil {
		h["Cache-Control"] = noCaching
		w.Write(der)
		return
	}
	h["Cache-Control"], h["Etag"], h["Last-Modified"], h["Expires"] = caching, kept.etag, kept.modified, kept.expires
	if match := r.Header["If-None-Match"]; len(match) == 1 && match[0] == kept.etag[0] && r.Method == http.MethodGet {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h["Content-Length"] = kept.length
	w.Write(der)
}

// requestFromPath reads what follows "/ocsp/". The escaped path is read because
// base64 has slashes of its own, and a path cleaned of double slashes is another
// request.
func requestFromPath(escaped string) ([]byte, error) {
	_, encoded, ok := strings.Cut(escaped, "/ocsp/")
	if !ok || len(encoded) > 3*2*MaxRequestBytes {
		return nil, errors.New("no request in the path")
	}
	text, err := url.PathUnescape(encoded)
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(text)
}
