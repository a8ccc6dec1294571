package audit

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func recipeFor(product, source string) Recipe {
	return Recipe{Product: product, Source: source, Recipe: "version: 1\nproduct: " + product + "\nsource: " + source +
		"\nroot: {host: true}\ncommand: [make]  \nsource_date_epoch: commit\noutputs: [tool]\n"}
}

// TestScopeRecipes breaks one thing of a good entry each.
func TestScopeRecipes(t *testing.T) {
	for name, c := range map[string]struct {
		field string // "" where nothing is wrong
		spoil func(*Scope)
	}{
		"good":              {"", func(*Scope) {}},
		"another spelling":  {"", func(s *Scope) { s.Recipes[0].Source += ".git" }},
		"another product":   {"scope.recipes[0].product", func(s *Scope) { s.Recipes[0].Product = "other" }},
		"another source":    {"scope.recipes[0].source", func(s *Scope) { s.Recipes[0].Source = "git+https://git.example.org/x" }},
		"of other software": {"scope.recipes[0].recipe", func(s *Scope) { s.Recipes[0].Recipe = recipeFor("other", s.Recipes[0].Source).Recipe }},
		"not a recipe":      {"scope.recipes[0].recipe", func(s *Scope) { s.Recipes[0].Recipe = "rm -rf /" }},
		"escaping output":   {"scope.recipes[0].recipe", func(s *Scope) { s.Recipes[0].Recipe = strings.Replace(s.Recipes[0].Recipe, "[tool]", "[../../x]", 1) }},
		"twice":             {"scope.recipes[1]", func(s *Scope) { s.Recipes = append(s.Recipes, s.Recipes[0]) }},
	} {
		t.Run(name, func(t *testing.T) {
			a := assessment(t, 3)
			a.Scope.Recipes = []Recipe{recipeFor(a.Scope.Products[0].Name, a.Scope.Sources[0].URI)}
			c.spoil(&a.Scope)
			p := a.Validate(catalogue(t), noon)
			if c.field == "" && len(p) > 0 || c.field != "" && (len(p) == 0 || p[0].Field != c.field || p[0].Code != CodeScope) {
				t.Fatalf("problems %+v, want %q", p, c.field)
			}
			if c.field != "" {
				return
			}
			got, err := ParseAssessment(marshal(t, a))
			if d := cmp.Diff(a.Scope.Recipes, got.Scope.Recipes); err != nil || d != "" {
				t.Fatal(err, d)
			}
		})
	}
}

// TestDraftRecipe: a document in a file comes into the assessment byte for byte, and out
// of it into the next draft.
func TestDraftRecipe(t *testing.T) {
	last := assessment(t, 3)
	want := recipeFor(last.Scope.Products[0].Name, last.Scope.Sources[0].URI)
	var d Draft
	d.Scope.Recipes = []DraftRecipe{{Recipe: Recipe{Product: want.Product, Source: want.Source}, RecipeFile: "a.recipe.yaml"}}
	if !d.namesOthers() {
		t.Error("a draft with a recipe file says all by itself")
	}
	d = d.Resolve(fstest.MapFS{"a.recipe.yaml": {Data: []byte(want.Recipe)}})
	if got := d.Scope.scope().Recipes; len(d.unread) > 0 || len(got) != 1 || got[0] != want {
		t.Fatalf("%+v, unread %+v", got, d.unread)
	}
	d.Scope.Recipes[0].RecipeFile, d.resolved = "a.recipe.yaml", false
	if d = d.Resolve(fstest.MapFS{}); len(d.unread) == 0 {
		t.Error("a recipe and a file of one are both taken")
	}
	last.Scope.Recipes = []Recipe{want}
	raw, err := NewDraft(NewDraftOptions{Framework: ladder(t, "slsa-v0.1"), Vendor: last.Vendor, Auditor: last.Auditor, Last: &last})
	if err != nil {
		t.Fatal(err)
	}
	next, err := ParseDraft(raw)
	if err != nil {
		t.Fatal(err)
	}
	if got := next.Scope.scope().Recipes; len(got) != 1 || got[0] != want {
		t.Fatalf("%+v", got)
	}
}
