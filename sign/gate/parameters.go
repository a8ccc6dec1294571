package gate

import (
	"encoding/json"
	"slices"

	"github.com/hallmark-pki/hallmark/audit"
)

// sourceParameters name the source and the entry point in provenance v1, in the forms that
// package attest reads.
var sourceParameters = []string{"source", "configPath", "workflow", "buildConfigSource", "sourceToBuild"}

// parameters are the names of the external parameters of a build that hold something,
// beside those that name source and entry point, sorted. An object or a list with nothing
// in it, at any depth, holds nothing.
func (e *exhibit) parameters() []string {
	var out []string
	for name, v := range e.externalParameters() {
		if holdsSomething(v) && !(e.provenance.Version == "1" && slices.Contains(sourceParameters, name)) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// externalParameters are the parameters as a map. They are an object: attest refuses
// anything else.
func (e *exhibit) externalParameters() map[string]any {
	all := map[string]any{}
	if len(e.provenance.ExternalParameters) > 0 {
		if err := json.Unmarshal(e.provenance.ExternalParameters, &all); err != nil {
			return map[string]any{"unreadable": true}
		}
	}
	return all
}

func holdsSomething(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case map[string]any:
		for _, inner := range v {
			if holdsSomething(inner) {
				return true
			}
		}
		return false
	case []any:
		return slices.ContainsFunc(v, holdsSomething)
	case string:
		return v != ""
	}
	return true
}

// completeParameters reports whether the provenance has every parameter that a user
// controls, and on whose word.
func (e *exhibit) completeParameters() (on string, ok bool) {
	switch {
	case e.provenance.Completeness.Parameters:
		return "the builder says that its parameters are complete", true
	case e.audited(audit.PropertyCompleteParameters):
		return "the auditor verified that its parameters are complete", true
	}
	return "", false
}

// completeMaterials is the like for what the build could read, and the rebuilds it rests
// on where it does.
func (e *exhibit) completeMaterials() (on string, digests []string, ok bool) {
	switch {
	case e.provenance.Completeness.Materials:
		return "the builder says that its materials are complete", nil, true
	case e.audited(audit.PropertyCompleteMaterials):
		return "the auditor verified that its materials are complete", nil, true
	}
	if digests, ok := e.confirmed(); ok {
		return "rebuilt from the materials alone", append(digests, e.digest), true
	}
	return "", nil, false
}
