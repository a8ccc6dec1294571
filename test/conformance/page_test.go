package conformance

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const pageFile = "../../docs/conformance.md"

const intro = `<!-- Generated: go test ./test/conformance -update -->
# What others' tests say about the verifier

Other projects publish tests for what a verifier does: certificate paths, revocation, signatures, timestamps, proofs. This page is
what came of running them against this one. It is made by a test, which fails when the page is not what the code does.

- **cases** as their authors count them, one row each.
- **agree**: the verifier says what the authors say.
- **refused**: they accept and the verifier does not. Each is listed below with the reason. "stricter" means that it is meant so.
- **outside**: they refuse and it is accepted here, for something that this verifier is never asked, such as the host name of a TLS
  server. Listed too, and the list to read with most care: a mistake of ours could hide only there. Where a suite asks the same with
  other options, the tests demand that its authors accept the same input without them.
- **wrong accepts**: any other case that they refuse and the verifier accepts. One is enough to fail the tests.

Certificates of others are never those of a code signer of this CA, so that a whole judgement would refuse every case for that alone and
show nothing. Each suite therefore meets the part of the verifier that it is about, by itself; what the parts have in common with a
judgement is the code. Where a suite meets whole judgements, its section says so.

`

// page writes what the suites came to.
func page(results []result) string {
	var b strings.Builder
	b.WriteString(intro)
	b.WriteString("| suite | cases | agree | refused | outside | wrong accepts |\n|---|--:|--:|--:|--:|--:|\n")
	var sum result
	for _, r := range results {
		fmt.Fprintf(&b, "| `%s` | %d | %d | %d | %d | %d |\n", r.name, r.cases, r.agree, r.refused, r.outside, r.wrong)
		sum.cases, sum.agree, sum.refused = sum.cases+r.cases, sum.agree+r.agree, sum.refused+r.refused
		sum.outside, sum.wrong = sum.outside+r.outside, sum.wrong+r.wrong
	}
	fmt.Fprintf(&b, "| **all** | %d | %d | %d | %d | %d |\n", sum.cases, sum.agree, sum.refused, sum.outside, sum.wrong)
	b.WriteString("\n" + notHere)
	for _, r := range results {
		fmt.Fprintf(&b, "\n## `%s`\n\n%s\n", r.name, r.about)
		for _, g := range r.groups {
			what := "outside"
			if !g.outside {
				what = "refused, `" + g.code + "`"
			}
			fmt.Fprintf(&b, "\n**%d %s**: %s.\n\n", len(g.ids), what, g.reason)
			if len(strings.Join(g.ids, "")) < 5*len(g.ids) { // numbers
				fmt.Fprintf(&b, "`%s`\n", strings.Join(g.ids, " "))
				continue
			}
			for _, id := range g.ids {
				fmt.Fprintf(&b, "- `%s`\n", id)
			}
		}
	}
	return b.String()
}

func checkPage(t *testing.T, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(pageFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(pageFile)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("docs/conformance.md is not what the code does (run with -update and review):\n%s", d)
	}
}
