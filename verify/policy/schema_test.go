package policy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/policy"
)

func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(policy.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("policy.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("policy.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON turns YAML into what a schema sees: numbers and texts, and a day is a text.
func asJSON(n *yaml.Node) any {
	switch n.Kind {
	case yaml.DocumentNode:
		return asJSON(n.Content[0])
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = asJSON(n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		list := []any{}
		for _, c := range n.Content {
			list = append(list, asJSON(c))
		}
		return list
	}
	switch n.Tag {
	case "!!int", "!!float":
		return json.Number(n.Value)
	case "!!bool":
		return n.Value == "true"
	case "!!null":
		return nil
	}
	return n.Value
}

const digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// samples are policies without their first line, "version: 1".
func samples() (good, bad, onlyParser map[string]string) {
	good = map[string]string{
		"nothing":          "",
		"words":            "mode: warn\nrevocation: if-available\ntimestamp: if-available\nattestations: fetch\nconfirmed: any\nassessments: in-force-today\n",
		"off":              "revocation: off\nattestations: off\n",
		"ages":             "warn_status_age: 90m\nmax_status_age: 65535d\n",
		"one list":         "require: [{framework: slsa-v0.1, level: 1}, {framework: slsa-v1.2, track: source, level: 255}]\n",
		"lists":            "require: [[{framework: slsa-v0.1, level: 1}], [{framework: s2c2f-v1.1, level: 2}]]\n",
		"own framework":    "require: [{framework: \"https://example.com/f\", track: t, level: 1}]\n",
		"rule by package":  "rules: [{package: hello, mode: warn}]\n",
		"rule by glob":     "rules: [{package: linux-image-*, require: [{framework: slsa-v0.1, level: 4}]}]\n",
		"rule by one byte": "rules: [{package: l*, timestamp: required}]\n",
		"rule for all":     "rules: [{package: \"*\", confirmed: any}]\n",
		"rule by vendor":   "rules: [{vendor: \"https://vendor.example.com\", attestations: stapled}]\n",
		"rule by both":     "rules: [{vendor: \"https://vendor.example.com\", package: a+b.c-1, assessments: when-signed}]\n",
		"by digest":        "exceptions: [{digest: \"" + digest + "\", reason: r, expires: 2026-12-31}]\n",
		"by vendor":        "exceptions: [{vendor: \"https://vendor.example.com\", reason: r, expires: 2026-12-31T00:00:00+02:00}]\n",
		"by package":       "exceptions: [{package: hello, reason: r, expires: \"2026-12-31\"}]\n",
		"by both":          "exceptions: [{package: hello, vendor: \"urn:vendor\", reason: r, expires: 2026-12-31}]\n",
	}
	for _, f := range verify.Frameworks() {
		for _, track := range f.Tracks {
			good["id "+f.ID+track] = fmt.Sprintf("require: [{framework: %s, track: %s, level: 1}]\n", f.ID, track)
			good["URI "+f.ID+track] = fmt.Sprintf("require: [{framework: %q, track: %s, level: 1}]\n", f.URI, track)
		}
	}
	bad = map[string]string{
		"unknown key":          "moode: warn\n",
		"key in capitals":      "Mode: warn\n",
		"mode":                 "mode: on\n",
		"mode a number":        "mode: 1\n",
		"mode empty":           "mode: \"\"\n",
		"mode null":            "mode:\n",
		"mode a list":          "mode: [warn]\n",
		"timestamp off":        "timestamp: off\n",
		"age a number":         "max_status_age: 7\n",
		"age without a unit":   "max_status_age: \"7\"\n",
		"age 0":                "max_status_age: 0d\n",
		"age leading zero":     "max_status_age: 07d\n",
		"age fraction":         "max_status_age: 1.5d\n",
		"age negative":         "max_status_age: -7d\n",
		"require empty":        "require: []\n",
		"require a claim":      "require: {framework: slsa-v0.1, level: 1}\n",
		"require mixed":        "require: [{framework: slsa-v0.1, level: 1}, [{framework: slsa-v0.1, level: 2}]]\n",
		"require empty list":   "require: [[]]\n",
		"level 0":              "require: [{framework: slsa-v0.1, level: 0}]\n",
		"level 256":            "require: [{framework: slsa-v0.1, level: 256}]\n",
		"level a text":         "require: [{framework: slsa-v0.1, level: \"3\"}]\n",
		"level a fraction":     "require: [{framework: slsa-v0.1, level: 2.5}]\n",
		"no level":             "require: [{framework: slsa-v0.1}]\n",
		"no framework":         "require: [{level: 1}]\n",
		"framework unknown":    "require: [{framework: slsa-v9, level: 1}]\n",
		"track unknown":        "require: [{framework: slsa-v0.1, track: build, level: 1}]\n",
		"track missing":        "require: [{framework: slsa-v1.2, level: 1}]\n",
		"track of URI missing": "require: [{framework: \"https://slsa.dev/spec/v1.2/\", level: 1}]\n",
		"track of own missing": "require: [{framework: \"https://example.com/f\", level: 1}]\n",
		"claim key":            "require: [{framework: slsa-v0.1, level: 1, lvl: 2}]\n",
		"rules empty":          "rules: []\n",
		"rule for nobody":      "rules: [{mode: warn}]\n",
		"rule changes nothing": "rules: [{package: hello}]\n",
		"rule key":             "rules: [{package: hello, mode: warn, max_status_age: 7d}]\n",
		"rule word":            "rules: [{package: hello, mode: on}]\n",
		"package capitals":     "rules: [{package: Hello, mode: warn}]\n",
		"package Cyrillic":     "rules: [{package: hеllo, mode: warn}]\n",
		"package star inside":  "rules: [{package: \"lib*-dev\", mode: warn}]\n",
		"package short":        "rules: [{package: h, mode: warn}]\n",
		"package number":       "rules: [{package: 389, mode: warn}]\n",
		"vendor no URI":        "rules: [{vendor: vendor, mode: warn}]\n",
		"vendor not ASCII":     "rules: [{vendor: \"https://vendör.example.com\", mode: warn}]\n",
		"vendor space":         "rules: [{vendor: \"https://vendor.example.com/a b\", mode: warn}]\n",
		"exceptions empty":     "exceptions: []\n",
		"exception both":       "exceptions: [{digest: \"" + digest + "\", package: hello, reason: r, expires: 2026-12-31}]\n",
		"exception none":       "exceptions: [{reason: r, expires: 2026-12-31}]\n",
		"no reason":            "exceptions: [{package: hello, expires: 2026-12-31}]\n",
		"blank reason":         "exceptions: [{package: hello, reason: \" \", expires: 2026-12-31}]\n",
		"no expiry":            "exceptions: [{package: hello, reason: r}]\n",
		"never":                "exceptions: [{package: hello, reason: r, expires: never}]\n",
		"expiry a year":        "exceptions: [{package: hello, reason: r, expires: 2026}]\n",
		"digest capitals":      "exceptions: [{digest: \"" + strings.ToUpper(digest) + "\", reason: r, expires: 2026-12-31}]\n",
		"digest short":         "exceptions: [{digest: \"sha256:aa\", reason: r, expires: 2026-12-31}]\n",
		"second version":       "version: 1\n",
	}
	onlyParser = map[string]string{
		"second version":  "version: 1\n",
		"key twice":       "mode: warn\nmode: warn\n",
		"alias":           "mode: &a warn\nrevocation: *a\n",
		"second document": "---\nversion: 1\n",
		"no such day":     "exceptions: [{package: hello, reason: r, expires: 2026-02-30}]\n",
		"ages":            "warn_status_age: 7d\nmax_status_age: 7d\n",
		"age too long":    "max_status_age: 99999d\n",
		"vendor escaped":  "rules: [{vendor: \"https://vendor.example.com/%zz\", mode: warn}]\n",
	}
	delete(bad, "second version")
	return good, bad, onlyParser
}

// TestSchemaAndParserAgree: what the parser takes, the schema takes, and what the parser
// refuses, the schema refuses too, but for what a schema cannot say.
func TestSchemaAndParserAgree(t *testing.T) {
	s := compile(t)
	good, bad, onlyParser := samples()
	check := func(name, text string, parses, fits bool) {
		t.Helper()
		text = "version: 1\n" + text
		if _, err := verify.ParsePolicy([]byte(text)); (err == nil) != parses {
			t.Errorf("%s: parser: %v", name, err)
		}
		var n yaml.Node
		if err := yaml.Unmarshal([]byte(text), &n); err != nil {
			if fits {
				t.Errorf("%s: %v", name, err)
			}
			return
		}
		if err := s.Validate(asJSON(&n)); (err == nil) != fits {
			t.Errorf("%s: schema: %v", name, err)
		}
	}
	for name, text := range good {
		check(name, text, true, true)
	}
	for name, text := range bad {
		check(name, text, false, false)
	}
	for name, text := range onlyParser {
		if _, err := verify.ParsePolicy([]byte("version: 1\n" + text)); err == nil {
			t.Errorf("%s: parsed", name)
		}
	}
	for _, doc := range []string{"{}", `{"version": 2}`, `{"version": "1"}`, "[]", "null"} {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(doc))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verify.ParsePolicy([]byte(doc)); err == nil || s.Validate(v) == nil {
			t.Errorf("%s: accepted", doc)
		}
	}
}

// TestPresets: each can be used, fits the schema, begins with words about whom it is for,
// and says everything, so that a reader need not know defaults.
func TestPresets(t *testing.T) {
	s := compile(t)
	names := policy.Presets()
	if len(names) < 4 {
		t.Fatal(names)
	}
	for _, name := range names {
		raw, err := policy.Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		p, err := verify.ParsePolicy(raw)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var n yaml.Node
		if err := yaml.Unmarshal(raw, &n); err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(asJSON(&n)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.HasPrefix(raw, []byte("# ")) || len(p.Require) == 0 || p.MaxStatusAge == 0 || p.WarnStatusAge == 0 {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if _, err := policy.Preset("../policies"); err == nil {
		t.Error("a preset outside of the folder")
	}
}
