package ca

import (
	"encoding/json"
	"testing"
)

// TestPlainKeyUse: what is read by hand is what the decoder reads, and what says more than
// whose the key is goes to the decoder.
func TestPlainKeyUse(t *testing.T) {
	for _, use := range []keyUse{
		{Vendor: "acme"}, {}, {Vendor: "acme", Compromised: "1f"}, {Vendor: `a"b`}, {Vendor: `a\b`}, {Vendor: `x"},"v":1}`},
		{Vendor: `","compromised":"1f`},
	} {
		raw, err := json.Marshal(map[string]any{"v": keyUseVersion, "d": use})
		if err != nil {
			t.Fatal(err)
		}
		got, plain := plainKeyUse(raw)
		if plain && got != use || use == (keyUse{Vendor: "acme"}) && !plain {
			t.Errorf("%s: %+v, plain %t", raw, got, plain)
		}
	}
	for _, raw := range []string{``, `{"d":{"vendor":"acme"},"v":2}`, `{"d":{"vendor":"acme","compromised":"1f"},"v":1}`, `{"d":{"vendor":"acme"},"v":1}{"d":{"vendor":"acme"},"v":1}`} {
		if got, plain := plainKeyUse([]byte(raw)); plain {
			t.Errorf("%s: read as %+v", raw, got)
		}
	}
}
