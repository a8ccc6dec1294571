package probe

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestDocumentedProbes: the example in the documentation is good, has every kind, and
// each kind's section names each of its parameters.
func TestDocumentedProbes(t *testing.T) {
	page := string(readFile(t, filepath.Join("..", "..", "docs", "probes.md")))
	m := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(page)
	if m == nil {
		t.Fatal("docs/probes.md has no example")
	}
	var draft struct {
		Probes []struct {
			ID           string            `yaml:"id"`
			Kind         string            `yaml:"kind"`
			Requirements []string          `yaml:"requirements"`
			With         map[string]string `yaml:"with"`
		} `yaml:"probes"`
	}
	decoder := yaml.NewDecoder(strings.NewReader(m[1]))
	decoder.KnownFields(true)
	if err := decoder.Decode(&draft); err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, p := range draft.Probes {
		shown[p.Kind] = true
		if problems := Validate(p.Kind, p.With); len(problems) != 0 || p.ID == "" || len(p.Requirements) == 0 {
			t.Errorf("%s: %v", p.ID, problems)
		}
	}
	for _, k := range Kinds() {
		_, section, found := strings.Cut(page, "\n## "+k.Name+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		if !shown[k.Name] || !found {
			t.Errorf("docs/probes.md does not show %s", k.Name)
		}
		for _, p := range k.Parameters {
			if !strings.Contains(section, "`"+p.Name+"`") {
				t.Errorf("docs/probes.md does not name parameter %s of %s", p.Name, k.Name)
			}
		}
	}
}
