package attest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"
	"unicode/utf8"
)

func TestCheckJSON(t *testing.T) {
	for raw, want := range map[string]Reason{
		`{"a":[{"b":1},{"b":2}],"b":{"a":3}}`: "", `"a"`: "", `1`: "", `[]`: "", ` {} `: "", `{"a":"a\\","b":"\"a\":","":0}`: "",
		`{"a":1,"a":2}`: Malformed, `{"a":1,"\u0061":2}`: Malformed, `[{"x":{"a":1,"b":[],"a":{}}}]`: Malformed, `{"":1,"":1}`: Malformed,
		`{"\ud800":1,"\ud801":2}`: Malformed, `{`: Malformed, `{}{}`: Malformed, ``: Malformed, "\"\xff\"": Malformed,
		`[[[[1]]]]`: "", `[[[[[1]]]]]`: TooLarge, `{"a":{"a":{"a":{"a":{}}}}}`: TooLarge,
		`"0123456789012345678901234567890123456789012345678901234567890123456789"`: TooLarge,
	} {
		err := CheckJSON([]byte(raw), 64, 4)
		if want == "" && err != nil || want != "" && !Is(err, want) {
			t.Errorf("%s: %v, want %q", raw, err, want)
		}
	}
}

// FuzzCheckJSON: the same judgement as by the standard library's tokens.
func FuzzCheckJSON(f *testing.F) {
	seeds(f, "envelopes")
	seeds(f, "statements")
	f.Add([]byte(`{"a":"\\","\u0061":[1,{"b":"\""}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		const depth = 8
		got := CheckJSON(raw, MaxEnvelope, depth)
		if want := checkTokens(raw, depth); (got == nil) != (want == nil) {
			t.Fatalf("got %v, by tokens %v", got, want)
		}
	})
}

func checkTokens(raw []byte, depth int) error {
	if len(raw) > MaxEnvelope || !utf8.Valid(raw) || !json.Valid(raw) {
		return errors.New("form")
	}
	type frame struct {
		keys  map[string]bool // nil in an array
		isKey bool
	}
	var open []frame
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := tok.(type) {
		case json.Delim:
			switch t {
			case '{':
				open = append(open, frame{map[string]bool{}, true})
			case '[':
				open = append(open, frame{})
			default:
				open = open[:len(open)-1]
				if n := len(open); n > 0 {
					open[n-1].isKey = true
				}
			}
			if len(open) > depth {
				return errors.New("depth")
			}
			continue
		case string:
			if n := len(open); n > 0 && open[n-1].keys != nil && open[n-1].isKey {
				if open[n-1].keys[t] {
					return errors.New("twice")
				}
				open[n-1].keys[t], open[n-1].isKey = true, false
				continue
			}
		}
		if n := len(open); n > 0 {
			open[n-1].isKey = true
		}
	}
}
