package gate

import (
	"os"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/audit"
)

// TestEvidencePage: docs/evidence.md has every rule, in order, with what it serves, and
// every property that a rule reads.
func TestEvidencePage(t *testing.T) {
	raw, err := os.ReadFile("../../docs/evidence.md")
	must(t, err)
	page := string(raw)
	rest := page
	for _, r := range Rules() {
		_, after, ok := strings.Cut(rest, "| `"+r.ID+"` |")
		if !ok {
			t.Errorf("docs/evidence.md lacks rule %s, or has it in another place", r.ID)
			continue
		}
		row, _, _ := strings.Cut(after, "\n")
		for _, s := range r.Serves {
			if !strings.Contains(row, s) {
				t.Errorf("docs/evidence.md: rule %s serves %s", r.ID, s)
			}
		}
		if r.Basic != strings.Contains(row, "every build") {
			t.Errorf("docs/evidence.md: is rule %s asked of every build?", r.ID)
		}
		rest = after
	}
	for _, p := range []string{audit.PropertyHermetic, audit.PropertyParameterless, audit.PropertyCompleteParameters, audit.PropertyCompleteMaterials,
		audit.PropertyCompleteEnvironment, audit.PropertySourceFetched, audit.PropertyFixedEntryPoint, audit.PropertyReproducible} {
		if !strings.Contains(page, "`"+p+"`") {
			t.Errorf("docs/evidence.md lacks property %s", p)
		}
	}
}
