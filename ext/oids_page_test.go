package ext

import (
	"bufio"
	"bytes"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	pageFile     = "../docs/oids.md"
	policiesHead = "<!-- policies: remade by go test ./ext -update -->\n"
	policiesTail = "<!-- end of policies -->"
	theirsHead   = "| OID | name | defined in |\n|---|---|---|\n"
)

// rung is one level of one track of one shipped catalogue.
type rung struct{ catalogue, uri, track, level, levelID string }

var yamlLine = regexp.MustCompile(`^( *)(- )?(id|uri|level|tracks|levels|requirements): *'?([^']*?)'?$`)

// shippedRungs scans the catalogues for their ladders. It is a line scan, not a YAML
// reader, because this package imports nothing of the project; audit reads them properly.
func shippedRungs(t *testing.T) []rung {
	t.Helper()
	files := must[[]string](t)(filepath.Glob("../audit/frameworks/*.yaml"))
	if len(files) == 0 {
		t.Fatal("no catalogues found")
	}
	var all []rung
	for _, file := range files {
		rungs := scanCatalogue(must[[]byte](t)(os.ReadFile(file)))
		if len(rungs) == 0 {
			t.Fatalf("no levels found in %s", file)
		}
		all = append(all, rungs...)
	}
	return all
}

// scanCatalogue follows tracks > levels > level and id by the order of the lines.
func scanCatalogue(text []byte) []rung {
	var rungs []rung
	var now rung
	section, trackIndent := "", ""
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		parts := yamlLine.FindStringSubmatch(lines.Text())
		if parts == nil {
			continue
		}
		indent, dash, key, value := parts[1], parts[2] != "", parts[3], parts[4]
		switch {
		case section == "" && key == "id":
			now.catalogue = value
		case section == "" && key == "uri":
			now.uri = value
		case key == "tracks" || key == "levels" || key == "requirements":
			section = key
		case dash && key == "id" && (section == "tracks" || section == "requirements" && indent == trackIndent):
			section, trackIndent, now.track = "tracks", indent, value
		case section == "levels" && key == "level":
			now.level = value
		case section == "levels" && key == "id":
			now.levelID = value
			rungs = append(rungs, now)
		}
	}
	return rungs
}

// policyTable is the generated part of the page.
func policyTable(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| catalogue | framework URI | track | level | token | policy |\n|---|---|---|---|---|---|\n")
	for _, r := range shippedRungs(t) {
		var level int
		if _, err := fmt.Sscan(r.level, &level); err != nil {
			t.Fatalf("%s: level %q", r.catalogue, r.level)
		}
		policy := must[x509.OID](t)(DefaultArc().Policy(r.uri, r.track, level)).String()
		short := "arc" + strings.TrimPrefix(policy, defaultArc)
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | `%s` |\n", r.catalogue, r.uri, r.track, r.level, r.levelID, short)
	}
	return b.String()
}

// theirsTable is the other generated part of the page.
func theirsTable() string {
	var b strings.Builder
	for _, e := range Entries() {
		if !e.Ours {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", e.OID, e.Name, e.Document)
		}
	}
	return b.String()
}

// between returns the part of the page between two marks.
func between(t *testing.T, page, head, tail string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, head)
	part, _, end := strings.Cut(rest, tail)
	if !ok || tail != "" && !end {
		t.Fatalf("the page lacks %q or %q", head, tail)
	}
	if tail == "" {
		return rest
	}
	return part
}

func readPage(t *testing.T) string {
	t.Helper()
	return string(must[[]byte](t)(os.ReadFile(pageFile)))
}

func TestPagePolicies(t *testing.T) {
	want := policyTable(t)
	page := readPage(t)
	if *update {
		page = strings.Replace(page, policiesHead+between(t, page, policiesHead, policiesTail), policiesHead+"\n"+want+"\n", 1)
		page = page[:strings.Index(page, theirsHead)+len(theirsHead)] + theirsTable()
		if err := os.WriteFile(pageFile, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff("\n"+want+"\n", between(t, page, policiesHead, policiesTail)); diff != "" {
		t.Errorf("%s differs from the catalogues; if they changed: go test ./ext -update\n%s", pageFile, diff)
	}
	for _, known := range []rung{
		{"slsa-v0.1", slsaURI, "slsa", "1", "SLSA_LEVEL_1"}, {"slsa-v0.1", slsaURI, "slsa", "4", "SLSA_LEVEL_4"},
		{"slsa-v1.2", "https://slsa.dev/spec/v1.2/", "source", "4", "SLSA_SOURCE_LEVEL_4"},
	} {
		if !slices.Contains(shippedRungs(t), known) {
			t.Errorf("the scan does not see %v", known)
		}
	}
}

func TestPageOIDs(t *testing.T) {
	page := readPage(t)
	if !strings.Contains(page, "`"+DefaultArc().String()+"`") {
		t.Error("the page does not name the default arc")
	}
	row := regexp.MustCompile("(?m)^\\| `(arc[.0-9]*)` \\| (\\S+) \\| [^|]+ \\| [^|]+ \\| [0-9.]+ \\|$")
	var got, want []string
	for _, m := range row.FindAllStringSubmatch(page, -1) {
		got = append(got, m[1]+" "+m[2])
	}
	for _, e := range Entries() {
		if e.Ours {
			want = append(want, e.OID+" "+e.Name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("our OIDs on the page (+) and in oid.go (-):\n%s", diff)
	}
	if diff := cmp.Diff(theirsTable(), between(t, page, theirsHead, "")); diff != "" {
		t.Errorf("their OIDs on the page (+) and in oid.go (-):\n%s", diff)
	}
	for _, limit := range []int{MinArcComponents, MaxArcLength, MaxArcComponent} {
		if !strings.Contains(page, fmt.Sprint(limit)) {
			t.Errorf("the page does not mention the bound %d", limit)
		}
	}
}

// Our OIDs, as the methods of Arc give them, are those of the list.
func TestEntriesAreTheArcsMethods(t *testing.T) {
	a := must[Arc](t)(ParseArc(operatorArc))
	policy := must[x509.OID](t)(a.policyOID())
	for name, got := range map[string]string{
		"id-hallmark-assurance":             a.Assurance().String(),
		"id-hallmark-attestationRepository": a.AttestationRepository().String(),
		"id-hallmark-policy":                policy.String(),
		"id-hallmark-staple":                a.Staple().String(),
		"id-hallmark-timestampPolicy":       a.TimestampPolicy().String(),
		"id-hallmark-confirmBy":             a.ConfirmBy().String(),
		"hallmark-module-v1":                a.under(arcModule, 1).String(),
	} {
		i := slices.IndexFunc(Entries(), func(e Entry) bool { return e.Name == name })
		if i < 0 || strings.Replace(Entries()[i].OID, "arc", operatorArc, 1) != got {
			t.Errorf("%s is %s", name, got)
		}
	}
}

// The shell commands of the page derive the policy.
func TestPageShellCommand(t *testing.T) {
	_, rest, ok := strings.Cut(readPage(t), "    printf 'hallmark policy")
	command, _, end := strings.Cut(rest, "\n\n")
	if !ok || !end {
		t.Fatal("no command on the page")
	}
	out := must[[]byte](t)(exec.Command("sh", "-c", "printf 'hallmark policy"+command).Output())
	h := policyHash(slsaURI, "slsa")
	if want := fmt.Sprintf("%d.%d.%d", h[0], h[1], h[2]); strings.TrimSpace(string(out)) != want {
		t.Errorf("%q, want %s", out, want)
	}
}
