package gate

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// checkable lists the requirements of the shipped catalogues that one build can show.
func checkable(t *testing.T) map[string]bool {
	t.Helper()
	c, err := catalogue()
	must(t, err)
	out := map[string]bool{}
	for _, f := range c.All() {
		for _, track := range f.Tracks {
			for _, r := range track.Requirements {
				if r.CheckablePerBuild {
					out[f.ID+"/"+r.ID] = true
				}
			}
		}
	}
	if len(out) == 0 {
		t.Fatal("no requirements")
	}
	return out
}

// TestEveryRequirementIsServed: each is served by exactly one rule.
func TestEveryRequirementIsServed(t *testing.T) {
	wanted, served := checkable(t), map[string]string{}
	for _, r := range Rules() {
		for _, s := range r.Serves {
			if !wanted[s] {
				t.Errorf("rule %s serves %s, which is not a requirement that a build can show", r.ID, s)
			}
			if other, twice := served[s]; twice {
				t.Errorf("%s is served by %s and by %s", s, other, r.ID)
			}
			served[s] = r.ID
		}
	}
	for s := range wanted {
		if served[s] == "" {
			t.Errorf("%s is served by no rule", s)
		}
	}
}

// TestRules holds the slice against the files.
func TestRules(t *testing.T) {
	var ids []string
	for _, r := range Rules() {
		name := strings.ToLower(strings.NewReplacer(".", "_", "-", "_").Replace(r.ID))
		if slices.Contains(ids, name) {
			t.Errorf("rule %s stands there twice", r.ID)
		}
		ids = append(ids, name)
		if _, err := os.Stat(name + ".go"); err != nil {
			t.Errorf("rule %s has no file of its name: %v", r.ID, err)
		}
		if r.Satisfy == "" || len(r.Serves) == 0 && !r.Basic {
			t.Errorf("rule %s serves nothing or says nothing", r.ID)
		}
	}
	for _, prefix := range []string{"build_", "provenance_", "source_", "scope_", "materials_", "artefacts_", "aud_", "reb_", "deployments_"} {
		files, err := filepath.Glob(prefix + "*.go")
		must(t, err)
		for _, f := range files {
			if !strings.HasSuffix(f, "_test.go") && !slices.Contains(ids, strings.TrimSuffix(f, ".go")) {
				t.Errorf("%s is not in the slice", f)
			}
		}
	}
}
