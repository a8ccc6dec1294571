// Package policy answers: what does this policy demand, is that what its author meant,
// and what would another one break? Judging is package verify's; here are the words
// around it: a schema for editors, policies to begin with, a policy in plain sentences,
// what is suspicious in one, and a trial of one against files that are there.
package policy

import (
	_ "embed"

	"github.com/hallmark-pki/hallmark/templates/policies"
)

// schema is the JSON Schema of a policy file, draft 2020-12.
//
//go:embed policy.schema.json
var schema []byte

// Schema returns the JSON Schema of a policy file. The parser is stricter where a schema
// cannot be: keys that appear twice, anchors, dates that no calendar has, and ages that
// contradict each other.
func Schema() []byte { return append([]byte{}, schema...) }

// Presets lists the policies to begin with.
func Presets() []string { return policies.Names() }

// Preset returns the file of one of them.
func Preset(name string) ([]byte, error) { return policies.Find(name) }
