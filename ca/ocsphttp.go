package ca

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"golang.org/x/crypto/ocsp"
)

// Header values that all answers share.
var (
	ocspMediaType = []string{"application/ocsp-response"}
	ocspCaching   = []string{"max-age=3600, public, no-transform, must-revalidate"}
	ocspNoCaching = []string{"no-store"}
)

// ocspBuffers spare an allocation per request.
var ocspBuffers = sync.Pool{New: func() any { return new([maxOCSPRequestBytes + 1]byte) }}

// OCSPHandler serves RFC 6960 §A.1: POST with the request as body, and GET with it
// in the last part of the path, base64 and URL-encoded. Mount it at /ocsp and
// /ocsp/ under PublicURL. http.ServeMux redirects a client that leaves two slashes
// in a row unescaped, which RFC 6960 §A.1 does not allow it to.
//
// Answers that may come from a cache say so with the headers of RFC 5019 §6.2. Caches
// are to keep them for an hour, which is far less than they are valid for.
func (c *CA) OCSPHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPost:
			c.postOCSP(w, r)
		case http.MethodGet:
			c.getOCSP(w, r)
		default:
			w.Header().Set("Allow", "GET, POST")
			http.Error(w, "use GET or POST", http.StatusMethodNotAllowed)
		}
	})
}

func (c *CA) postOCSP(w http.ResponseWriter, r *http.Request) {
	buffer := ocspBuffers.Get().(*[maxOCSPRequestBytes + 1]byte)
	defer ocspBuffers.Put(buffer)
	n, err := io.ReadFull(r.Body, buffer[:])
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) { // longer than the buffer, or cut off
		sendOCSP(w, r, ocsp.MalformedRequestErrorResponse, nil)
		return
	}
	request := buffer[:n]
	if a := c.answers.byRequest(request, c.now()); a != nil {
		sendOCSP(w, r, a.der, a)
		return
	}
	der, kept, _, err := c.answerOCSP(r.Context(), request)
	if err != nil {
		c.log.Error("answer OCSP request", "error", err)
	}
	sendOCSP(w, r, der, kept)
}

func (c *CA) getOCSP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.RawPath
	if path == "" {
		path = r.URL.Path
	}
	if a := c.answers.byPath(path, c.now()); a != nil {
		sendOCSP(w, r, a.der, a)
		return
	}
	request, err := requestFromPath(r.URL.EscapedPath())
	if err != nil {
		sendOCSP(w, r, ocsp.MalformedRequestErrorResponse, nil)
		return
	}
	der, kept, key, err := c.answerOCSP(r.Context(), request)
	if err != nil {
		c.log.Error("answer OCSP request", "error", err)
	}
	if kept != nil && len(path) <= 2*maxOCSPKeptRequestBytes {
		c.answers.link(path, key)
	}
	sendOCSP(w, r, der, kept)
}

// sendOCSP sends an answer. kept, when it is one, brings its headers.
func sendOCSP(w http.ResponseWriter, r *http.Request, der []byte, kept *ocspAnswer) {
	h := w.Header()
	h["Content-Type"] = ocspMediaType
	if kept == nil {
		h["Cache-Control"] = ocspNoCaching
		w.Write(der)
		return
	}
	h["Cache-Control"], h["Etag"], h["Last-Modified"], h["Expires"] = ocspCaching, kept.etag, kept.modified, kept.expires
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
	if !ok || len(encoded) > 3*2*maxOCSPRequestBytes {
		return nil, errors.New("no request in the path")
	}
	text, err := url.PathUnescape(encoded)
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(text)
}
