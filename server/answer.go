package server

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// writeJSON writes what huma would.
func (s *Server) writeJSON(ctx huma.Context, status int, v any) {
	var raw bytes.Buffer
	to := json.NewEncoder(&raw)
	to.SetEscapeHTML(false)
	if err := to.Encode(v); err != nil {
		writeProblem(ctx, s.asProblem(ctx.Context(), err))
		return
	}
	writeWhole(ctx, status, "application/json", raw.Bytes())
}

// writeWhole answers in one piece and says before how much it is: what fits a frame travels
// in one, and a client reads it into one buffer. That writing fails is known when the client
// has gone.
func writeWhole(ctx huma.Context, status int, mediaType string, raw []byte) {
	ctx.SetHeader("Content-Type", mediaType)
	ctx.SetHeader("Content-Length", strconv.Itoa(len(raw)))
	ctx.SetStatus(status)
	ctx.BodyWriter().Write(raw)
}
