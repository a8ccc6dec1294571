package receipt

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const page = "../../docs/ledger.md"

// The page for outsiders shows an entry of each type as it is, and a commitment that
// opens as it says.
func TestPage(t *testing.T) {
	raw, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	var shown []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, `{"v"`) {
			continue
		}
		e, err := ParseEntry([]byte(strings.TrimSuffix(line, "\n")))
		if err != nil {
			t.Errorf("%v:\n%s", err, line)
			continue
		}
		shown = append(shown, e.Type)
		if e.Type == AssessmentSubmitted {
			assessment := regexp.MustCompile(`'\\0%s' ([0-9a-f]{64});`).FindStringSubmatch(text)
			if assessment == nil || !Opens(e.Commitment, []byte(strings.Repeat("\x07", SaltBytes)), assessment[1]) || !strings.Contains(text, "\n# "+e.Commitment+"  -\n") {
				t.Errorf("the commitment %s does not open as the page says", e.Commitment)
			}
		}
	}
	slices.Sort(shown)
	if want := kindNames(); !slices.Equal(shown, want) {
		t.Errorf("the page shows\n%q, want\n%q", shown, want)
	}
}

// The package comment has every type and every field.
func TestPackageComment(t *testing.T) {
	raw, err := os.ReadFile("receipt.go")
	if err != nil {
		t.Fatal(err)
	}
	comment, _, _ := strings.Cut(string(raw), "\npackage receipt\n")
	for _, f := range fields {
		if !regexp.MustCompile(`(?m)^//\t` + f.name + ` +\S`).MatchString(comment) {
			t.Errorf("no line about the field %s", f.name)
		}
	}
	for _, name := range kindNames() {
		k := kinds[name]
		line := regexp.MustCompile(`(?m)^//\t` + regexp.QuoteMeta(name) + ` +(.*)\n(?://\t {10,}(.*)\n)?`).FindStringSubmatch(comment)
		if strings.HasPrefix(name, "assessment.") && slices.Equal(k.required, ended.required) {
			if !strings.Contains(comment, name+",") && !strings.Contains(comment, name+"\n") {
				t.Errorf("no line about the type %s", name)
			}
			continue
		}
		if line == nil {
			t.Errorf("no line about the type %s", name)
			continue
		}
		for _, f := range fields {
			required, optional := slices.Contains(k.required, f.name), slices.Contains(k.optional, f.name)
			words := strings.Fields(line[1] + " " + line[2])
			if slices.Contains(words, f.name) != required || slices.Contains(words, "["+f.name+"]") != optional {
				t.Errorf("%s: the comment says %q, field %s is required %v, optional %v", name, words, f.name, required, optional)
			}
		}
	}
}
