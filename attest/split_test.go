package attest

import (
	"bytes"
	"encoding/json"
	"testing"
)

// FuzzSplit: objects and arrays fall into the parts that encoding/json finds, at every
// depth, and strings read the same.
func FuzzSplit(f *testing.F) {
	seeds(f, "envelopes")
	seeds(f, "statements")
	for _, s := range []string{`{}`, ` [ ] `, `{"a":1 , "b" :[ {} ,null,"\""],"\u0063":-1e9}`, `[1,[2],"]",{"}":"{"}]`, "\"\\u0061\"", `"é"`, "null"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if CheckJSON(raw, MaxEnvelope, MaxDepth) == nil {
			compareSplit(t, raw)
		}
	})
}

func compareSplit(t *testing.T, raw []byte) {
	t.Helper()
	var object map[string]json.RawMessage
	isObject := json.Unmarshal(raw, &object) == nil && object != nil
	got := splitObject(raw)
	if (got != nil) != isObject || len(got) != len(object) {
		t.Fatalf("%q: object %v, %d members, want %d", raw, got != nil, len(got), len(object))
	}
	for name, want := range object {
		if !bytes.Equal(got[name], want) {
			t.Fatalf("%q: member %q is %q, want %q", raw, name, got[name], want)
		}
		compareSplit(t, want)
	}
	var array []json.RawMessage
	isArray := json.Unmarshal(raw, &array) == nil && array != nil
	items, ok := splitArray(raw)
	if ok != isArray || len(items) != len(array) {
		t.Fatalf("%q: array %v, %d items, want %d", raw, ok, len(items), len(array))
	}
	for i, want := range array {
		if !bytes.Equal(items[i], want) {
			t.Fatalf("%q: item %d is %q, want %q", raw, i, items[i], want)
		}
		compareSplit(t, want)
	}
	if s, ok := plainString(raw); ok {
		var want string
		if err := json.Unmarshal(raw, &want); err != nil || s != want {
			t.Fatalf("%q: string %q, want %q, %v", raw, s, want, err)
		}
	}
}
