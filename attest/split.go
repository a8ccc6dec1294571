package attest

import "encoding/json"

// The functions of this file cut JSON that CheckJSON has passed into its parts without
// looking at the syntax again: encoding/json would scan what an object holds once for
// each level above it. Given anything else they may return nonsense, but end.

// splitObject returns the members of an object by name; nil when raw is none.
func splitObject(raw []byte) map[string]json.RawMessage {
	i := skipSpace(raw, 0)
	if i == len(raw) || raw[i] != '{' {
		return nil
	}
	members := map[string]json.RawMessage{}
	for i = skipSpace(raw, i+1); i < len(raw) && raw[i] == '"'; i = skipSpace(raw, i+1) {
		end := stringEnd(raw, i)
		name, err := unquote(raw[i : end+1])
		if err != nil {
			return nil
		}
		i = skipSpace(raw, end+1) // the colon
		from := skipSpace(raw, i+1)
		to := valueEnd(raw, from)
		members[name] = raw[from:to:to]
		if i = skipSpace(raw, to); i == len(raw) || raw[i] != ',' {
			break
		}
	}
	return members
}

// splitArray returns the items of an array, false when raw is none.
func splitArray(raw []byte) ([]json.RawMessage, bool) {
	i := skipSpace(raw, 0)
	if i == len(raw) || raw[i] != '[' {
		return nil, false
	}
	items := []json.RawMessage{}
	for i = skipSpace(raw, i+1); i < len(raw) && raw[i] != ']'; i = skipSpace(raw, i+1) {
		to := valueEnd(raw, i)
		items = append(items, raw[i:to:to])
		if i = skipSpace(raw, to); i == len(raw) || raw[i] != ',' {
			break
		}
	}
	return items, true
}

func skipSpace(raw []byte, i int) int {
	for i < len(raw) && (raw[i] == ' ' || raw[i] == '\t' || raw[i] == '\n' || raw[i] == '\r') {
		i++
	}
	return i
}

// valueEnd returns where the value that begins at i ends.
func valueEnd(raw []byte, i int) int {
	depth := 0
	for ; i < len(raw); i++ {
		switch raw[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i // of what it stands in, behind a number or a word
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			if i = stringEnd(raw, i); depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return i
			}
		}
	}
	return i
}

// plainString returns a string that is written without escapes, and false for any other
// value.
func plainString(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' || raw[len(raw)-1] != '"' {
		return "", false
	}
	inner := raw[1 : len(raw)-1]
	for _, c := range inner {
		if c == '\\' || c == '"' || c < ' ' {
			return "", false
		}
	}
	return string(inner), true
}
