package audit

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/hallmark-pki/hallmark/attest/gitcommit/committest"
)

// TestCommitters breaks one field of a committer, or of what stands beside it, at a time.
func TestCommitters(t *testing.T) {
	ada := committest.New("ada")
	good := func() Assessment {
		a := assessment(t, 1)
		a.Scope.Attestors = []Attestor{{ID: "ada", Predicates: []string{"https://example.com/review"}, Keys: []string{ada.PEM()}}}
		a.Scope.Committers = []Committer{
			{ID: "ada", Keys: []string{ada.Line()}},
			{ID: "quill", Sources: []string{strings.TrimPrefix(a.Scope.Sources[0].URI, "git+") + ".git"}, Keys: []string{committest.New("quill").Line()}},
		}
		return a
	}
	if p := good().Validate(catalogue(t), noon); len(p) > 0 {
		t.Fatalf("a good one: %v", p)
	}
	for name, c := range map[string]struct {
		change func(*Assessment)
		field  string
		code   Code
	}{
		"no id":                 {func(a *Assessment) { a.Scope.Committers[0].ID = "" }, "scope.committers[0].id", CodeMissing},
		"an id twice":           {func(a *Assessment) { a.Scope.Committers[1].ID = "ada" }, "scope.committers[1].id", CodeScope},
		"a builder's id":        {func(a *Assessment) { a.Scope.Committers[0].ID = a.Scope.Builders[0].ID }, "scope.committers[0].id", CodeScope},
		"a pattern":             {func(a *Assessment) { a.Scope.Committers[0].ID = "*" }, "scope.committers[0].id", CodeScope},
		"no key":                {func(a *Assessment) { a.Scope.Committers[0].Keys = nil }, "scope.committers[0].keys", CodeScope},
		"a key twice":           {func(a *Assessment) { a.Scope.Committers[0].Keys = append(a.Scope.Committers[0].Keys, ada.Line()) }, "scope.committers[0].keys[1]", CodeKey},
		"a key in PEM":          {func(a *Assessment) { a.Scope.Committers[0].Keys = []string{ada.PEM()} }, "scope.committers[0].keys[0]", CodeKey},
		"somebody else's key":   {func(a *Assessment) { a.Scope.Committers[1].Keys = []string{ada.Line()} }, "scope.committers[1].keys[0]", CodeKey},
		"the builder's key":     {func(a *Assessment) { a.Scope.Builders[0].Keys = []string{committest.New("quill").PEM()} }, "scope.committers[1].keys[0]", CodeKey},
		"an attestor's key":     {func(a *Assessment) { a.Scope.Attestors[0].ID = "scanner" }, "scope.committers[0].keys[0]", CodeKey},
		"a source not in scope": {func(a *Assessment) { a.Scope.Committers[1].Sources[0] = "https://git.example.org/x" }, "scope.committers[1].sources[0]", CodeScope},
		"a source twice": {func(a *Assessment) {
			a.Scope.Committers[1].Sources = append(a.Scope.Committers[1].Sources, a.Scope.Sources[0].URI)
		}, "scope.committers[1].sources[1]", CodeScope},
		"more than a list holds": {func(a *Assessment) { a.Scope.Committers = make([]Committer, maxScopeList+1) }, "scope.committers", CodeScope},
	} {
		a := good()
		c.change(&a)
		p := a.Validate(catalogue(t), noon)
		if !slices.ContainsFunc(p, func(p Problem) bool { return p.Field == c.field && p.Code == c.code }) {
			t.Errorf("%s: %v", name, p)
		}
	}
}

// TestCommittersDraft: keys come from .pub files, and what was accepted is written into
// the next draft as it was.
func TestCommittersDraft(t *testing.T) {
	last := assessment(t, 1)
	ada := committest.New("ada")
	last.Scope.Committers = []Committer{{ID: "ada", Sources: []string{last.Scope.Sources[0].URI}, Keys: []string{strings.TrimSpace(ada.Line())}}}
	raw, err := NewDraft(NewDraftOptions{Framework: ladder(t, "slsa-v0.1"), Vendor: last.Vendor, Auditor: last.Auditor, Last: &last})
	if err != nil {
		t.Fatal(err)
	}
	d, err := ParseDraft(raw)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(last.Scope.Committers, d.Scope.scope().Committers); diff != "" {
		t.Error(diff)
	}
	d.Scope.Committers = []DraftCommitter{{Committer: Committer{ID: "ada"}, KeyFiles: []string{"ada.pub", "gone.pub"}}}
	if !d.namesOthers() {
		t.Error("names no other files")
	}
	d = d.Resolve(fstest.MapFS{"ada.pub": {Data: []byte(ada.Line())}})
	if got := d.Scope.Committers[0]; len(got.Keys) != 1 || got.Keys[0] != strings.TrimSpace(ada.Line()) || len(got.KeyFiles) > 0 {
		t.Errorf("%+v", got)
	}
	if _, problems := d.Check(catalogue(t)); !slices.ContainsFunc(problems, func(p Problem) bool { return p.Field == "scope.committers[0].key_files[1]" && p.Code == CodeKey }) {
		t.Error(problems)
	}
}

func TestMayCommit(t *testing.T) {
	for uri, want := range map[string]bool{"https://git.example.com/app": true, "git+https://git.example.com/app.git": true, "https://git.example.com/lib": false} {
		if (Committer{Sources: []string{"git+https://git.example.com/app"}}).MayCommit(uri) != want || !(Committer{}).MayCommit(uri) {
			t.Error(uri)
		}
	}
}
