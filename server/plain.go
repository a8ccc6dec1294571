package server

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/hallmark-pki/hallmark/server/api"
)

// plainly is middleware that answers requests written as our client writes them without
// asking the schema, which reads each request twice and through reflection: as much as a
// signature costs. parse takes only what the schema would (fuzz targets hold them against
// each other). Anything else, what is wrong above all, goes on to the schema with all its
// bytes.
func plainly[In, Out any](s *Server, most int64, parse func([]byte) (In, bool), do func(context.Context, In) (Out, error), write func(huma.Context, Out)) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		in, ok := readPlain(w, r, most, parse)
		if !ok {
			next(ctx)
			return
		}
		out, err := do(ctx.Context(), in)
		if err != nil {
			writeProblem(ctx, s.asProblem(ctx.Context(), err))
			return
		}
		write(ctx, out)
	}
}

// readPlain reads the body of a request where it may be plain: at most most bytes. When it
// is not, the request has a body that reads as before.
func readPlain[In any](w http.ResponseWriter, r *http.Request, most int64, parse func([]byte) (In, bool)) (none In, ok bool) {
	if r.ContentLength <= 0 || r.ContentLength > most || r.URL.RawQuery != "" || r.Header.Get("Content-Type") != "application/json" {
		return none, false
	}
	// As long as the schema waits; a timer of our own costs less than one of the connection's.
	late := time.AfterFunc(bodyTimeout, func() { http.NewResponseController(w).SetReadDeadline(time.Now()) })
	raw := make([]byte, r.ContentLength+1) // one more, to meet the end
	n, err := 0, error(nil)
	for n < len(raw) && err == nil {
		var more int
		more, err = r.Body.Read(raw[n:])
		n += more
	}
	late.Stop()
	raw = raw[:n]
	if err == io.EOF && int64(n) == r.ContentLength {
		if in, ok := parse(raw); ok {
			return in, true
		}
	}
	if err == nil {
		err = io.ErrUnexpectedEOF // more than was announced: no server hands that on
	}
	r.Body = readAlready{io.MultiReader(bytes.NewReader(raw), endsWith{err}), r.Body}
	return none, false
}

// readAlready is a body of which a part was read.
type readAlready struct {
	io.Reader
	io.Closer
}

// endsWith has nothing but an error.
type endsWith struct{ err error }

// Read returns the error.
func (e endsWith) Read([]byte) (int, error) { return 0, e.err }

// plainCertificates has plain requests for certificates read without the schema.
func (s *Server) plainCertificates(r Route) Route {
	shape := r.shape
	r.shape = func(op *huma.Operation) {
		shape(op)
		op.Middlewares = append(op.Middlewares, plainly(s, maxPlainCertificate, parsePlainCertificate, s.certify, s.writeCertificate))
	}
	return r
}

// parsePlainCertificate reads a request that holds a CSR and nothing else, as most do.
func parsePlainCertificate(raw []byte) (in api.NewCertificate, ok bool) {
	text, begins := strings.CutPrefix(string(raw), `{"csr":"`)
	text, ends := strings.CutSuffix(text, `"}`)
	if !begins || !ends || text == "" || strings.ContainsAny(text, "\r\n") { // which base64 passes over
		return in, false
	}
	csr, err := base64.StdEncoding.Strict().DecodeString(text)
	return api.NewCertificate{CSR: csr}, err == nil
}
