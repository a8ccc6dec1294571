package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v3"
)

// The worked example lies where it is used, with the demo.
const (
	exampleDir  = "../cmd/hallmark/demo/assets/assessment"
	examplePath = exampleDir + "/acme.yaml"
)

type worked struct {
	raw        []byte // the draft
	draft      Draft  // resolved
	assessment []byte // predicate made of it
}

// example is the worked draft of the demo with a builder key put beside it.
func example(t testing.TB) worked {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(exampleDir)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "builder.pub"), []byte(builderPEM), 0o600); err != nil {
		t.Fatal(err)
	}
	draft, err := ReadDraft(filepath.Join(dir, filepath.Base(examplePath)))
	if err != nil {
		t.Fatal(err)
	}
	a, err := draft.Assessment(catalogue(t), noon)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	return worked{raw, draft, marshal(t, a)}
}

func TestWorkedExample(t *testing.T) {
	w := example(t)
	cat := catalogue(t)
	result, problems := w.draft.Check(cat)
	if len(problems) > 0 || result.Level != 3 || result.LevelID != "SLSA_LEVEL_3" {
		t.Fatalf("level %d, problems %v", result.Level, problems)
	}
	a, err := ParseAssessment(w.assessment)
	if err != nil {
		t.Fatal(err)
	}
	if a.Level != 3 || !a.AssessedAt.Equal(noon) || !a.ValidUntil.Equal(noon.AddDate(0, 0, 365)) || len(a.Scope.Builders[0].Keys) != 1 {
		t.Errorf("assessment %+v", a)
	}
	f, _ := cat.Lookup("slsa-v0.1")
	track, _ := f.Track("slsa")
	if len(a.Findings) != len(track.Requirements) {
		t.Errorf("%d of %d requirements answered", len(a.Findings), len(track.Requirements))
	}
	file, err := os.ReadFile(exampleDir + "/evidence/repository-settings.json")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(file)
	if e := a.Findings[0].Evidence[0]; e.Name != "evidence/repository-settings.json" || e.Digest["sha256"] != hex.EncodeToString(sum[:]) {
		t.Errorf("evidence %+v", e)
	}
	var gaps []string
	for _, g := range result.Missing[4] {
		gaps = append(gaps, g.Requirement.ID)
		if g.Reason != GapNotMet {
			t.Errorf("%s: %s", g.Requirement.ID, g.Reason)
		}
	}
	want := []string{
		"source.retained-indefinitely", "build.hermetic", "provenance.dependencies-complete", "provenance.includes-all-deps",
		"provenance.includes-reproducible-info", "common.security", "common.superusers",
	}
	if diff := cmp.Diff(want, gaps); diff != "" {
		t.Errorf("missing for level 4 (-want +got):\n%s", diff)
	}
}

// A new draft of every shipped track holds every requirement with its text, and reads
// back as what it was made of.
func TestNewDraftRoundTrip(t *testing.T) {
	cat := catalogue(t)
	vendor := Party{ID: "acme", URI: "https://acme.example", Organization: `Acme "Ltd": #1`}
	auditor := Party{ID: "true", URI: "https://quill.example", Organization: "no"}
	for _, f := range cat.All() {
		for _, track := range f.Tracks {
			t.Run(f.ID+"/"+track.ID, func(t *testing.T) {
				raw, err := NewDraft(NewDraftOptions{Framework: f, Track: track.ID, Vendor: vendor, Auditor: auditor})
				if err != nil {
					t.Fatal(err)
				}
				got, err := ParseDraft(raw)
				if err != nil {
					t.Fatalf("%v\n%s", err, raw)
				}
				want := Draft{Version: 1, Framework: f.ID, Track: track.ID, Catalogue: f.DigestHex(), Visit: Visit{Vendor: vendor, Auditor: auditor, ValidDays: 365}}
				text := strings.Join(strings.Fields(strings.ReplaceAll(string(raw), "#", " ")), " ")
				for _, r := range track.Requirements {
					want.Findings = append(want.Findings, DraftFinding{Requirement: r.ID})
					for _, part := range []string{r.Title, r.Summary, joinKinds(r.Evidence)} {
						if part = strings.Join(strings.Fields(strings.ReplaceAll(part, "#", " ")), " "); !strings.Contains(text, part) {
							t.Errorf("%s: draft lacks %q", r.ID, part)
						}
					}
				}
				if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(Draft{})); diff != "" {
					t.Error(diff)
				}
				for line := range strings.Lines(string(raw)) {
					if strings.HasSuffix(line, " \n") {
						t.Errorf("line ends in a blank: %q", line)
					}
				}
				result, problems := got.Check(cat)
				if result.Level > 1 || len(problems) != 4 { // the four lists of the scope
					t.Errorf("level %d, problems %v", result.Level, problems)
				}
			})
		}
	}
}

func TestNewDraftRefusesUnknownTrack(t *testing.T) {
	f, _ := catalogue(t).Lookup("slsa-v1.2")
	for _, track := range []string{"", "slsa"} {
		_, err := NewDraft(NewDraftOptions{Framework: f, Track: track})
		wantRefusal(t, err, CodeFramework, "track")
	}
}

func TestParseDraftRefuses(t *testing.T) {
	base := string(example(t).raw)
	replace := func(old, new string) string {
		if !strings.Contains(base, old) {
			t.Fatalf("base has no %q", old)
		}
		return strings.Replace(base, old, new, 1)
	}
	for name, c := range map[string]struct{ in, field string }{
		"empty":             {"", ""},
		"no version":        {replace("version: 1\n", ""), "version"},
		"later version":     {replace("version: 1\n", "version: 2\n"), "version"},
		"unknown key":       {base + "level: 4\n", ""},
		"misspelt key":      {replace("  status: met", "  state: met"), ""},
		"repeated key":      {replace("  status: met", "  status: not-met\n  status: met"), ""},
		"alias":             {replace("id: quill", "id: &q quill") + "\nx: *q\n", ""},
		"days as text":      {replace("valid_days: 365", "valid_days: a year"), ""},
		"scope as list":     {"version: 1\nscope: []\n", ""},
		"a second one":      {base + "---\nversion: 1\n", ""},
		"tabs":              {"version: 1\n\tframework: x\n", ""},
		"a hundred MB":      {base + strings.Repeat("#", 100<<20), ""},
		"a JSON assessment": {string(example(t).assessment), ""},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := ParseDraft([]byte(c.in))
			wantRefusal(t, err, CodeFormat, c.field)
			if !cmp.Equal(d, Draft{}, cmpopts.IgnoreUnexported(Draft{})) {
				t.Error("half a result with an error")
			}
		})
	}
}

// Problems name places in the draft.
func TestCheckNamesThePlace(t *testing.T) {
	for name, c := range map[string]struct {
		code   Code
		field  string
		change func(d *Draft)
	}{
		"unknown framework":     {CodeFramework, "framework", func(d *Draft) { d.Framework = "slsa" }},
		"unknown track":         {CodeFramework, "track", func(d *Draft) { d.Track = "build" }},
		"other catalogue":       {CodeCatalogue, "catalogue", func(d *Draft) { d.Catalogue = strings.Repeat("0", 64) }},
		"vendor unnamed":        {CodeMissing, "vendor.id", func(d *Draft) { d.Vendor.ID = "" }},
		"same organisation":     {CodeConflict, "auditor.organization", func(d *Draft) { d.Auditor.Organization = "acme ltd" }},
		"date that is none":     {CodeValue, "assessed_at", func(d *Draft) { d.AssessedAt = "4 May 2026" }},
		"no end":                {CodeMissing, "valid_until", func(d *Draft) { d.ValidDays = 0 }},
		"two ends":              {CodePeriod, "valid_until", func(d *Draft) { d.ValidUntil = "2027-05-04" }},
		"days negative":         {CodePeriod, "valid_days", func(d *Draft) { d.ValidDays = -1 }},
		"days too many":         {CodePeriod, "valid_days", func(d *Draft) { d.ValidDays = 401 }},
		"inverted":              {CodePeriod, "valid_until", func(d *Draft) { d.AssessedAt, d.ValidUntil, d.ValidDays = "2026-05-04", "2026-05-03", 0 }},
		"too long":              {CodePeriod, "valid_until", func(d *Draft) { d.AssessedAt, d.ValidUntil, d.ValidDays = "2026-05-04", "2028-05-03", 0 }},
		"no builder":            {CodeScope, "scope.builders", func(d *Draft) { d.Scope.Builders = nil }},
		"wildcard":              {CodeScope, "scope.builders[0].id", func(d *Draft) { d.Scope.Builders[0].ID = "https://ci.acme.example/*" }},
		"unknown requirement":   {CodeFinding, "findings[2].requirement", func(d *Draft) { d.Findings[2].Requirement = "x" }},
		"duplicate":             {CodeFinding, "findings[2].requirement", func(d *Draft) { d.Findings[2].Requirement = d.Findings[1].Requirement }},
		"unknown status":        {CodeFinding, "findings[2].status", func(d *Draft) { d.Findings[2].Status = "yes" }},
		"no evidence":           {CodeEvidence, "findings[3].evidence", func(d *Draft) { d.Findings[3].Status = Met }},
		"evidence of nothing":   {CodeEvidence, "findings[2].evidence[0]", func(d *Draft) { d.Findings[2].Evidence[0] = DraftEvidence{Name: "x"} }},
		"evidence digest short": {CodeEvidence, "findings[2].evidence[0].digest", func(d *Draft) { d.Findings[2].Evidence[0].SHA256 = "00" }},
	} {
		t.Run(name, func(t *testing.T) {
			d := example(t).draft
			c.change(&d)
			_, problems := d.Check(catalogue(t))
			if len(problems) != 1 || problems[0].Code != c.code || problems[0].Field != c.field {
				t.Errorf("problems %v, want %s at %s alone", problems, c.code, c.field)
			}
			_, err := d.Assessment(catalogue(t), noon)
			wantRefusal(t, err, c.code, c.field)
		})
	}
}

// What is unanswered keeps a level away, but is not wrong; positions in Check are the
// draft's also behind an unanswered requirement.
func TestCheckOfAnUnfinishedDraft(t *testing.T) {
	d := example(t).draft
	d.Findings[0].Status = ""
	result, problems := d.Check(catalogue(t))
	if result.Level != 1 || len(problems) != 0 {
		t.Fatalf("level %d, problems %v", result.Level, problems)
	}
	if g := result.Missing[2]; len(g) != 1 || g[0].Requirement.ID != "source.version-controlled" || g[0].Reason != GapUnanswered {
		t.Errorf("missing for level 2: %+v", g)
	}
	d.Findings[1].Evidence = nil
	if _, problems = d.Check(catalogue(t)); len(problems) != 1 || problems[0].Field != "findings[1].evidence" {
		t.Errorf("problems %v", problems)
	}
	d = example(t).draft
	for i := range d.Findings {
		d.Findings[i].Status = ""
	}
	_, err := d.Assessment(catalogue(t), noon)
	wantRefusal(t, err, CodeNotCertifiable, "level")
}

func TestAssessmentChecksTheClock(t *testing.T) {
	for name, c := range map[string]struct {
		from, until string
		code        Code
		field       string
	}{
		"assessed tomorrow": {"2026-05-05", "2027-05-04", CodeFuture, "assessedAt"},
		"over":              {"2025-05-01", "2026-05-04T12:00:00Z", CodePeriod, "validUntil"},
	} {
		t.Run(name, func(t *testing.T) {
			d := example(t).draft
			d.AssessedAt, d.ValidUntil, d.ValidDays = c.from, c.until, 0
			_, err := d.Assessment(catalogue(t), noon)
			wantRefusal(t, err, c.code, c.field)
		})
	}
	d := example(t).draft
	d.AssessedAt, d.ValidUntil, d.ValidDays = "2026-05-04T13:00:00+02:00", "2026-06-01", 0
	a, err := d.Assessment(catalogue(t), noon.Add(time.Millisecond))
	if err != nil || !a.AssessedAt.Equal(noon.Add(-time.Hour)) || !a.ValidUntil.Equal(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%v %v %v", a.AssessedAt, a.ValidUntil, err)
	}
}

// Law: a draft that is accepted, printed and read again is the same; checking it
// never fails in another way than by saying what is wrong.
func FuzzParseDraft(f *testing.F) {
	cat := catalogue(f)
	seeds := [][]byte{example(f).raw}
	for _, framework := range cat.All() {
		for _, track := range framework.Tracks {
			raw, err := NewDraft(NewDraftOptions{Framework: framework, Track: track.ID, Vendor: Party{ID: "acme"}, Auditor: Party{ID: "quill"}})
			if err != nil {
				f.Fatal(err)
			}
			seeds = append(seeds, raw)
		}
	}
	if len(seeds) < 2 {
		f.Fatal("no seeds")
	}
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := ParseDraft(raw)
		if err != nil {
			return
		}
		printed, err := yaml.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseDraft(printed)
		if err != nil {
			t.Fatalf("accepted, printed, refused: %v\n%s", err, printed)
		}
		if diff := cmp.Diff(d, again, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(Draft{})); diff != "" {
			t.Fatal(diff)
		}
		d = d.Resolve(fstest.MapFS{})
		if _, problems := d.Check(cat); len(problems) > 0 {
			if _, err := d.Assessment(cat, noon); err == nil {
				t.Fatal("made an assessment of a draft with problems")
			}
			if i := slices.IndexFunc(problems, func(p Problem) bool { return p.Code == "" || p.Detail == "" }); i >= 0 {
				t.Fatalf("empty problem %+v", problems[i])
			}
		}
	})
}
