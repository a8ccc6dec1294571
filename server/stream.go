package server

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/hallmark-pki/hallmark/audit/evidence"
)

// streamType is the media type of files that are passed through unread.
const streamType = "application/octet-stream"

// upload is a PUT whose body goes to disk as it comes: no JSON, no base64, and never
// all of it in memory. The handler reads it through the context's exchange.
func upload[I, O any](path, id, summary string, roles []string, h handler[I, O]) Route {
	return route(Route{
		Method: http.MethodPut, Path: path, ID: id, Summary: summary, Roles: roles, MaxBytes: evidence.MaxBytes,
		shape: func(op *huma.Operation) {
			op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
				streamType: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
			}}
			op.Middlewares = append(op.Middlewares, withExchange)
		},
	}, h)
}

// download is a GET whose answer comes from disk as it goes.
func download[I any](path, id, summary string, roles []string, h handler[I, huma.StreamResponse]) Route {
	return route(Route{
		Method: http.MethodGet, Path: path, ID: id, Summary: summary, Roles: roles, MaxBytes: maxJSONBytes,
		shape: func(op *huma.Operation) {
			op.Responses = map[string]*huma.Response{"200": {Description: "The bytes", Content: map[string]*huma.MediaType{
				streamType: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
			}}}
			op.Middlewares = append(op.Middlewares, withExchange)
		},
	}, h)
}

type exchangeKey struct{}

// exchange is a request that takes longer than others are given: its deadlines move on
// as long as bytes do, up to streamTimeout.
type exchange struct {
	request *http.Request
	control *http.ResponseController
	end     time.Time
}

// withExchange hands the raw request to the handler of a streaming route.
func withExchange(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	// The deadlines are the connection's, so this is the machine's clock.
	x := &exchange{request: r, control: http.NewResponseController(w), end: time.Now().Add(streamTimeout)}
	next(huma.WithValue(ctx, exchangeKey{}, x))
}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// goOn moves the deadlines. A connection that has none is left as it is.
func (x *exchange) goOn() {
	read, write := time.Now().Add(readTimeout), time.Now().Add(writeTimeout)
	if read.After(x.end) {
		read = x.end
	}
	if write.After(x.end) {
		write = x.end
	}
	x.control.SetReadDeadline(read)
	x.control.SetWriteDeadline(write)
}

// movingReader reads for an exchange.
type movingReader struct {
	from io.Reader
	x    *exchange
}

// Read moves the deadlines on, then reads.
func (m movingReader) Read(p []byte) (int, error) {
	m.x.goOn()
	return m.from.Read(p)
}

// body is the request's.
func (x *exchange) body() io.Reader { return movingReader{x.request.Body, x} }
