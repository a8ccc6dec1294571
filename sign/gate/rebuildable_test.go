package gate

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRebuildable: the rules that rebuilds satisfy are those whose files ask for them.
func TestRebuildable(t *testing.T) {
	asks := regexp.MustCompile(`e\.(reproduced|confirmed|completeMaterials)\(\)`)
	var found []string
	for _, r := range Rules() {
		raw, err := os.ReadFile(strings.ToLower(strings.NewReplacer(".", "_", "-", "_").Replace(r.ID)) + ".go")
		must(t, err)
		if asks.Match(raw) {
			found = append(found, r.ID)
		}
	}
	slices.Sort(found)
	if diff := cmp.Diff(rebuildable, found); diff != "" {
		t.Errorf("-listed +found:\n%s", diff)
	}
}

// TestAwaitsRebuilds: a build awaits rebuilds when nothing else fails.
func TestAwaitsRebuilds(t *testing.T) {
	fail := func(rules ...string) (out []Verdict) {
		for _, r := range rules {
			out = append(out, Verdict{Rule: r, Outcome: Fail})
		}
		return out
	}
	for name, c := range map[string]struct {
		d    Decision
		want bool
	}{
		"reproducible":       {Decision{Verdicts: fail("build.reproducible"), basic: true}, true},
		"and hermetic":       {Decision{Verdicts: fail("build.hermetic", "build.reproducible"), basic: true}, true},
		"and reviews":        {Decision{Verdicts: fail("build.reproducible", "source.two-person-reviewed"), basic: true}, false},
		"not basic":          {Decision{Verdicts: fail("build.reproducible")}, false},
		"granted":            {Decision{basic: true, granted: true}, false},
		"nothing at all":     {Decision{}, false},
		"nothing has failed": {Decision{basic: true}, false},
	} {
		if got := c.d.AwaitsRebuilds(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
