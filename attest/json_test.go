package attest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
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

// TestKeysOfLargeObjects: whatever the number of keys, one that stands twice is found, and
// only in its own object.
func TestKeysOfLargeObjects(t *testing.T) {
	for n := range 3 * fewKeys {
		for at := range n {
			var b bytes.Buffer
			for i := range n {
				fmt.Fprintf(&b, `"k%d":{"k%d":[{"k0":0}]},`, i, i)
			}
			once := `{"other":1,` + b.String() + `"last":{}}`
			if err := CheckJSON([]byte(once), MaxEnvelope, 8); err != nil {
				t.Fatalf("%s: %v", once, err)
			}
			again := `{` + b.String() + fmt.Sprintf(`"\u006b%d":0}`, at)
			if err := CheckJSON([]byte(again), MaxEnvelope, 8); !Is(err, Malformed) {
				t.Fatalf("%s: %v", again, err)
			}
		}
	}
}

// FuzzCheckJSON: the same judgement as by the standard library's tokens.
func FuzzCheckJSON(f *testing.F) {
	seeds(f, "envelopes")
	seeds(f, "statements")
	f.Add([]byte(`{"0":{},"1":0,"2":0,"3":0,"4":0,"5":0,"6":0,"7":0,"8":0,"9":0,"a":0,"b":0,"c":0,"d":0,"e":0,"f":0,"g":{"1":[]},"\u0031":0}`))
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
