package audit

import (
	"slices"
	"strings"
	"testing"
)

// TestAttestors breaks one field of an attestor, or of what stands beside it, at a time.
func TestAttestors(t *testing.T) {
	good := func() Assessment {
		a := assessment(t, 1)
		a.Scope.Attestors = []Attestor{{ID: "reviews", Predicates: []string{"https://example.com/review"}, Keys: []string{keyPEM(t, newKey(t).Public())}, Steps: []string{"test"}}}
		a.Scope.Origins = []string{"https://mirror.example.com/packages"}
		a.Scope.Layouts = []string{strings.Repeat("ab", 32)}
		a.Scope.Builders[0].EntryPoints, a.Scope.Builders[0].Parameters = []string{"Makefile"}, []string{"target"}
		return a
	}
	if p := good().Validate(catalogue(t), noon); len(p) > 0 {
		t.Fatalf("a good one: %v", p)
	}
	for name, c := range map[string]struct {
		change func(*Assessment)
		field  string
	}{
		"no id":                  {func(a *Assessment) { a.Scope.Attestors[0].ID = "" }, "scope.attestors[0].id"},
		"a builder's id":         {func(a *Assessment) { a.Scope.Attestors[0].ID = a.Scope.Builders[0].ID }, "scope.attestors[0].id"},
		"a pattern":              {func(a *Assessment) { a.Scope.Attestors[0].ID = "re*" }, "scope.attestors[0].id"},
		"no predicate":           {func(a *Assessment) { a.Scope.Attestors[0].Predicates = nil }, "scope.attestors[0].predicates"},
		"a predicate twice":      {func(a *Assessment) { a.Scope.Attestors[0].Predicates = []string{"a", "a"} }, "scope.attestors[0].predicates"},
		"no key":                 {func(a *Assessment) { a.Scope.Attestors[0].Keys = nil }, "scope.attestors[0].keys"},
		"the builder's key":      {func(a *Assessment) { a.Scope.Attestors[0].Keys = a.Scope.Builders[0].Keys }, "scope.attestors[0].keys[0]"},
		"operator over two rows": {func(a *Assessment) { a.Scope.Attestors[0].Operator = "a\nb" }, "scope.attestors[0].operator"},
		"layout in capitals":     {func(a *Assessment) { a.Scope.Layouts[0] = strings.Repeat("AB", 32) }, "scope.layouts[0]"},
		"layout cut off":         {func(a *Assessment) { a.Scope.Layouts[0] = "ab" }, "scope.layouts[0]"},
		"layout twice":           {func(a *Assessment) { a.Scope.Layouts = append(a.Scope.Layouts, a.Scope.Layouts[0]) }, "scope.layouts[1]"},
		"origin by http":         {func(a *Assessment) { a.Scope.Origins[0] = "http://mirror.example.com" }, "scope.origins[0]"},
		"an entry point twice":   {func(a *Assessment) { a.Scope.Builders[0].EntryPoints = []string{"a", "a"} }, "scope.builders[0].entry_points"},
		"a pattern as parameter": {func(a *Assessment) { a.Scope.Builders[0].Parameters = []string{"*"} }, "scope.builders[0].parameters"},
	} {
		a := good()
		c.change(&a)
		p := a.Validate(catalogue(t), noon)
		if !slices.ContainsFunc(p, func(p Problem) bool { return p.Field == c.field }) {
			t.Errorf("%s: %v", name, p)
		}
	}
}

func TestBuilderHas(t *testing.T) {
	b := Builder{BuildTypes: []string{"make"}, Properties: []string{PropertyHermetic, PropertyParameterless}}
	for property, want := range map[string]bool{
		PropertyHermetic: true, PropertyCompleteMaterials: true, PropertySourceFetched: true, PropertyParameterless: true, PropertyCompleteParameters: true,
		PropertyCompleteEnvironment: false, PropertyReproducible: false, PropertyFixedEntryPoint: false,
	} {
		if b.Has(property, "make") != want || b.Has(property, "shell") || (Builder{Properties: b.Properties}).Has(property, "make") {
			t.Errorf("%s", property)
		}
	}
}
