package server

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/hallmark-pki/hallmark/server/api"
)

// plainSignatures answers requests for signatures that are written as our client writes
// them without asking the schema, which reads each request twice and through reflection:
// as much as a signature costs. It takes only what the schema would (FuzzPlainSignature
// holds them against each other). Anything else, what is wrong above all, goes on to the
// schema with all its bytes.
func (s *Server) plainSignatures(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	in, ok := readPlainSignature(w, r)
	if !ok {
		next(ctx)
		return
	}
	out, err := s.signDigest(ctx.Context(), in)
	if err != nil {
		writeProblem(ctx, s.asProblem(ctx.Context(), err))
		return
	}
	s.writeSignature(ctx, out)
}

// readPlainSignature reads the body of a request where it may be plain. When it is not,
// the request has a body that reads as before.
func readPlainSignature(w http.ResponseWriter, r *http.Request) (in api.NewSignature, ok bool) {
	if r.ContentLength <= 0 || r.ContentLength > maxPlainSignature || r.URL.RawQuery != "" || r.Header.Get("Content-Type") != "application/json" {
		return in, false
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
		if in, ok := parsePlainSignature(raw); ok {
			return in, true
		}
	}
	if err == nil {
		err = io.ErrUnexpectedEOF // more than was announced: no server hands that on
	}
	r.Body = readAlready{io.MultiReader(bytes.NewReader(raw), endsWith{err}), r.Body}
	return in, false
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

// plainFormats are those that the schema lists.
var plainFormats = []string{"detached", "deb", "pe", "msi", "cab", "jar", "oci"}

// parsePlainSignature reads one JSON object whose members are strings of printable ASCII
// without escapes, and true or false, each once, without white space. ok is false for all
// else, for members that are rare, and for values that the schema refuses.
func parsePlainSignature(raw []byte) (in api.NewSignature, ok bool) {
	rest, ok := strings.CutPrefix(string(raw), "{")
	if !ok {
		return in, false
	}
	var seen []string
	for {
		var name string
		if name, rest, ok = cutPlainText(rest); !ok || slices.Contains(seen, name) || !strings.HasPrefix(rest, ":") {
			return in, false
		}
		seen = append(seen, name)
		rest = rest[1:]
		if to := plainFlag(&in, name); to != nil {
			*to, rest, ok = cutPlainFlag(rest)
		} else {
			var value string
			value, rest, ok = cutPlainText(rest)
			ok = ok && setPlain(&in, name, value)
		}
		if !ok {
			return in, false
		}
		if rest == "}" {
			return in, in.SHA256 != "" && in.Format != "" && in.Product != ""
		}
		if rest, ok = strings.CutPrefix(rest, ","); !ok {
			return in, false
		}
	}
}

func plainFlag(in *api.NewSignature, name string) *bool {
	switch name {
	case "explain":
		return &in.Explain
	case "per_build":
		return &in.PerBuild
	}
	return nil
}

func cutPlainFlag(s string) (value bool, rest string, ok bool) {
	if rest, ok := strings.CutPrefix(s, "true"); ok {
		return true, rest, true
	}
	rest, ok = strings.CutPrefix(s, "false")
	return false, rest, ok
}

// cutPlainText cuts a string off, with its quotes.
func cutPlainText(s string) (text, rest string, ok bool) {
	if s == "" || s[0] != '"' {
		return "", s, false
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return s[1:i], s[i+1:], true
		case c < ' ' || c > '~' || c == '\\':
			return "", s, false
		}
	}
	return "", s, false
}

// setPlain sets a member, if its value is one that the schema takes.
func setPlain(in *api.NewSignature, name, value string) bool {
	switch name {
	case "sha256":
		in.SHA256 = value
		return isHex(value, 64)
	case "format":
		in.Format = value
		return slices.Contains(plainFormats, value)
	case "product":
		in.Product = value
		return value != "" && len(value) <= maxPlainProduct
	case "certificate":
		in.Certificate = value
		return len(value) >= 2 && len(value) <= 40 && isHex(value, len(value))
	case "mode":
		in.Mode = value
		return value == "strict" || value == "provisional"
	case "commit":
		in.Commit = value
		return isHex(value, 40) || isHex(value, 64)
	case "signed":
		in.Signed = value
		return isHex(value, 64)
	}
	return false
}

func isHex(s string, n int) bool { return len(s) == n && strings.Trim(s, "0123456789abcdef") == "" }
