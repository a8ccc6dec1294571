package interchange

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// schema is a JSON schema, draft 7, as far as the CycloneDX schema uses it where our
// documents go. A word that it does not know fails the test: nothing passes unseen.
type schema struct {
	root     map[string]any
	problems []string
}

// bomSchema reads the schema that comes with the CycloneDX library.
func bomSchema(t *testing.T) *schema {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	if err != nil {
		t.Fatalf("find the CycloneDX library: %v", err)
	}
	raw, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "schema", "bom-1.6.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	s := new(schema)
	if err := json.Unmarshal(raw, &s.root); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *schema) check(t *testing.T, raw []byte) {
	t.Helper()
	for _, p := range s.findings(t, raw) {
		t.Error("schema: " + p)
	}
}

func (s *schema) findings(t *testing.T, raw []byte) []string {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(raw))
	var doc any
	if err := dec.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	s.problems = nil
	s.value("", s.root, doc)
	return s.problems
}

func (s *schema) fail(at, format string, args ...any) {
	s.problems = append(s.problems, at+": "+fmt.Sprintf(format, args...))
}

// value holds a value against one schema, word by word.
func (s *schema) value(at string, rules map[string]any, v any) {
	for word, rule := range rules {
		switch word {
		case "$schema", "$id", "$comment", "title", "description", "examples", "meta:enum", "deprecated", "default", "definitions":
		case "type":
			if !isType(rule.(string), v) {
				s.fail(at, "is no %s", rule)
			}
		case "$ref":
			s.value(at, s.resolve(at, rule.(string)), v)
		case "anyOf", "oneOf":
			s.choice(at, word, rule.([]any), v)
		case "enum":
			if !slices.Contains(rule.([]any), v) {
				s.fail(at, "%v is none of %v", v, rule)
			}
		case "const":
			if rule != v {
				s.fail(at, "%v is not %v", v, rule)
			}
		case "format":
			// Dates and references: the tests read those they care about.
		default:
			s.typed(at, word, rule, v, rules)
		}
	}
}

// typed holds a value against a word that speaks of one type only.
func (s *schema) typed(at, word string, rule, v any, rules map[string]any) {
	switch word {
	case "required", "properties", "additionalProperties", "patternProperties":
		if o, ok := v.(map[string]any); ok {
			s.object(at, word, rule, o, rules)
		}
	case "items", "uniqueItems", "minItems":
		if l, ok := v.([]any); ok {
			s.list(at, word, rule, l)
		}
	case "pattern", "minLength":
		if text, ok := v.(string); ok {
			if word == "minLength" && float64(len([]rune(text))) < rule.(float64) ||
				word == "pattern" && !regexp.MustCompile(rule.(string)).MatchString(text) {
				s.fail(at, "%q against %s %v", text, word, rule)
			}
		}
	case "minimum", "maximum":
		if n, ok := v.(float64); ok && (word == "minimum" && n < rule.(float64) || word == "maximum" && n > rule.(float64)) {
			s.fail(at, "%v against %s %v", n, word, rule)
		}
	default:
		s.fail(at, "the schema says %q, which this test does not know", word)
	}
}

func (s *schema) object(at, word string, rule any, o map[string]any, rules map[string]any) {
	known, _ := rules["properties"].(map[string]any)
	switch word {
	case "required":
		for _, name := range rule.([]any) {
			if _, ok := o[name.(string)]; !ok {
				s.fail(at, "lacks %s", name)
			}
		}
	case "properties":
		for name, member := range o {
			if sub, ok := known[name].(map[string]any); ok {
				s.value(at+"/"+name, sub, member)
			}
		}
	case "additionalProperties":
		if rule != false {
			s.fail(at, "the schema says additionalProperties %v, which this test does not know", rule)
		}
		for name := range o {
			if _, ok := known[name]; !ok {
				s.fail(at, "has %s, which is no property of it", name)
			}
		}
	default:
		s.fail(at, "the schema says %q, which this test does not know", word)
	}
}

func (s *schema) list(at, word string, rule any, l []any) {
	switch word {
	case "items":
		for i, v := range l {
			s.value(fmt.Sprintf("%s/%d", at, i), rule.(map[string]any), v)
		}
	case "uniqueItems":
		seen := map[string]bool{}
		for _, v := range l {
			raw, err := json.Marshal(v)
			if err != nil || seen[string(raw)] {
				s.fail(at, "%s is there twice", raw)
			}
			seen[string(raw)] = true
		}
	case "minItems":
		if float64(len(l)) < rule.(float64) {
			s.fail(at, "%d items, at least %v", len(l), rule)
		}
	}
}

// choice tries each alternative on its own.
func (s *schema) choice(at, word string, rules []any, v any) {
	fits := 0
	var why []string
	for _, r := range rules {
		one := &schema{root: s.root}
		one.value(at, r.(map[string]any), v)
		if len(one.problems) == 0 {
			fits++
		}
		why = append(why, one.problems...)
	}
	if fits == 0 || word == "oneOf" && fits > 1 {
		s.fail(at, "%d alternatives of %s fit: %s", fits, word, strings.Join(why, "; "))
	}
}

func (s *schema) resolve(at, ref string) map[string]any {
	name, ok := strings.CutPrefix(ref, "#/definitions/")
	found, isMap := s.root["definitions"].(map[string]any)[name].(map[string]any)
	if !ok || !isMap {
		s.fail(at, "the schema refers to %s, which this test does not follow", ref)
		return nil
	}
	return found
}

func isType(name string, v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return name == "object"
	case []any:
		return name == "array"
	case string:
		return name == "string"
	case bool:
		return name == "boolean"
	case float64:
		return name == "number" || name == "integer" && v == float64(int64(v))
	}
	return name == "null"
}

// TestSchemaRefuses: a document that the schema takes, with one thing wrong, is
// noticed. Otherwise the check above would say nothing.
func TestSchemaRefuses(t *testing.T) {
	a, f := sample(t, "slsa-v0.1", "slsa", 3)
	raw, err := CycloneDX(a, f, accepted())
	if err != nil {
		t.Fatal(err)
	}
	s := bomSchema(t)
	for _, c := range []struct{ name, from, to, want string }{
		{"as it is", "", "", ""},
		{"another property", `"thirdParty"`, `"thirdPerson"`, "has thirdPerson"},
		{"a score above one", `"score": 1`, `"score": 2`, "against maximum"},
		{"a word for a number", `"score": 1`, `"score": "1"`, "is no number"},
		{"an empty reference", `"claim:source.version-controlled"`, `""`, "against minLength"},
		{"a serial number in capitals", `"urn:uuid:`, `"urn:UUID:`, "against pattern"},
		{"a type of reference that is none", `"type": "website"`, `"type": "webpage"`, "is none of"},
		{"no name", `"bomFormat"`, `"bomFormats"`, "lacks bomFormat"},
	} {
		t.Run(c.name, func(t *testing.T) {
			spoilt := bytes.Replace(raw, []byte(c.from), []byte(c.to), 1)
			got := strings.Join(s.findings(t, spoilt), "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
