package audit

import (
	"fmt"
	"io/fs"
	"slices"

	"github.com/hallmark-pki/hallmark/rebuild/recipe"
)

// Recipe says how rebuilders build a product from a source. The auditor has read it: a
// rebuilder runs no other.
type Recipe struct {
	Product string `json:"product" yaml:"product"` // one of the scope
	Source  string `json:"source" yaml:"source"`   // likewise
	// Recipe is the document of package rebuild/recipe as it stands; its SHA-256 is
	// taken over exactly these bytes.
	Recipe string `json:"recipe" yaml:"recipe"`
}

// DraftRecipe is a Recipe whose document may lie in a file.
type DraftRecipe struct {
	Recipe     `yaml:",inline"`
	RecipeFile string `yaml:"recipe_file"`
}

// validateRecipes checks that each is for a product and a source of the scope, and says
// so itself.
func (s Scope) validateRecipes(p *problems, at string) {
	p.scopeCount(at+".recipes", len(s.Recipes), 0)
	seen := unique{}
	for i, r := range s.Recipes {
		at := fmt.Sprintf("%s.recipes[%d]", at, i)
		if !slices.ContainsFunc(s.Products, func(product Product) bool { return product.Name == r.Product }) {
			p.add(CodeScope, at+".product", "the scope has no product %q", clip(r.Product))
		}
		if !slices.ContainsFunc(s.Sources, func(source Source) bool { return repositoryOf(source.URI) == repositoryOf(r.Source) }) {
			p.add(CodeScope, at+".source", "the scope has no source %q", clip(r.Source))
		}
		seen.add(p, CodeScope, at, r.Product+" from "+repositoryOf(r.Source))
		document, err := recipe.Parse([]byte(r.Recipe))
		switch {
		case err != nil:
			p.add(CodeScope, at+".recipe", "%v", err)
		case document.Product != r.Product || repositoryOf(document.Source) != repositoryOf(r.Source):
			p.add(CodeScope, at+".recipe", "is for product %q from %q", clip(document.Product), clip(document.Source))
		}
	}
}

func (d *Draft) resolveRecipes(files fs.FS) {
	d.Scope.Recipes = slices.Clone(d.Scope.Recipes)
	for i := range d.Scope.Recipes {
		r := &d.Scope.Recipes[i]
		if r.RecipeFile == "" {
			continue
		}
		at := fmt.Sprintf("scope.recipes[%d].recipe_file", i)
		if r.Recipe.Recipe != "" {
			d.unread = append(d.unread, Problem{Code: CodeScope, Field: at, Detail: "give recipe or recipe_file, not both"})
			continue
		}
		raw, err := readFile(files, r.RecipeFile, recipe.MaxDocument)
		if err != nil {
			d.unreadable(CodeScope, at, err)
			continue
		}
		r.Recipe.Recipe, r.RecipeFile = string(raw), ""
	}
}

func (w *draftWriter) recipes(list []Recipe) {
	w.section("How rebuilders build a product, if there are any; docs/rebuilding.md has the format.", "recipes", len(list),
		"- product: acme-tool\n  source: git+https://git.example.com/acme/tool\n  recipe_file: acme-tool.recipe.yaml")
	for _, r := range list {
		w.line("  - product: %s", quote(r.Product))
		w.line("    source: %s", quote(r.Source))
		// Quoted, not as a block: its digest is its name, and a block loses spaces at ends of lines.
		w.line("    recipe: %s", quote(r.Recipe))
	}
}
