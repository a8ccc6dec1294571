package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/hallmark-pki/hallmark/attest"
)

// decodeJSON reads exactly one value into out and accepts only the spelling that
// encoding/json would give it. Plain encoding/json takes the last of two equal keys
// and any mixture of case; two readers of one signed document could then see
// different things.
func decodeJSON(raw []byte, most int, out any) *Problem {
	if err := attest.CheckJSON(raw, most, maxDepth); err != nil {
		return &Problem{Code: CodeFormat, Detail: err.Error()}
	}
	strict := json.NewDecoder(bytes.NewReader(raw))
	strict.DisallowUnknownFields()
	if err := strict.Decode(out); err != nil {
		return typeProblem(err)
	}
	again, err := json.Marshal(out)
	if err != nil {
		return &Problem{Code: CodeFormat, Detail: err.Error()}
	}
	if field, same := compare("", generic(raw), generic(again)); !same {
		return &Problem{Code: CodeFormat, Field: field, Detail: "missing, or not in the one accepted spelling"}
	}
	return nil
}

func typeProblem(err error) *Problem {
	p := &Problem{Code: CodeFormat, Detail: err.Error()}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		p.Field = wrong.Field
		p.Detail = fmt.Sprintf("is a %s, want %s", wrong.Value, wrong.Type)
	}
	return p
}

// generic reads JSON that is known to be sound.
func generic(raw []byte) any {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return nil
	}
	return v
}

// compare walks two values and returns the path of the first difference.
func compare(at string, a, b any) (string, bool) {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok {
			return at, false
		}
		return compareObjects(at, a, b)
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return at, false
		}
		for i := range a {
			if field, same := compare(fmt.Sprintf("%s[%d]", at, i), a[i], b[i]); !same {
				return field, false
			}
		}
		return "", true
	}
	switch b.(type) {
	case map[string]any, []any:
		return at, false
	}
	return at, a == b
}

func compareObjects(at string, a, b map[string]any) (string, bool) {
	for _, key := range slices.Sorted(maps.Keys(a)) {
		value, ok := b[key]
		if !ok {
			return join(at, key), false
		}
		if field, same := compare(join(at, key), a[key], value); !same {
			return field, false
		}
	}
	for _, key := range slices.Sorted(maps.Keys(b)) {
		if _, ok := a[key]; !ok {
			return join(at, key), false
		}
	}
	return "", true
}

func join(at, key string) string {
	if at == "" {
		return clip(key)
	}
	return at + "." + clip(key)
}
