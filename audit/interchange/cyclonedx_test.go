package interchange

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"

	"github.com/hallmark-pki/hallmark/audit"
)

// read decodes a document with the library that others use, and holds it against the
// schema.
func read(t *testing.T, raw []byte) *cdx.BOM {
	t.Helper()
	bomSchema(t).check(t, raw)
	bom := new(cdx.BOM)
	if err := cdx.NewBOMDecoder(bytes.NewReader(raw), cdx.BOMFileFormatJSON).Decode(bom); err != nil {
		t.Fatal(err)
	}
	if bom.SpecVersion != cdx.SpecVersion1_6 || bom.Declarations == nil || bom.Definitions == nil {
		t.Fatalf("version %s, declarations %v", bom.SpecVersion, bom.Declarations != nil)
	}
	checkReferences(t, bom)
	return bom
}

// checkReferences: every bom-ref is there once, and what refers leads to one of the
// right kind. The schema cannot say so.
func checkReferences(t *testing.T, bom *cdx.BOM) {
	t.Helper()
	have := map[string]bool{}
	add := func(ref string) {
		if ref == "" || have[ref] {
			t.Errorf("bom-ref %q is empty or there twice", ref)
		}
		have[ref] = true
	}
	d, s := bom.Declarations, (*bom.Definitions.Standards)[0]
	add(s.BOMRef)
	for _, r := range *s.Requirements {
		add(r.BOMRef)
	}
	for _, l := range *s.Levels {
		add(l.BOMRef)
	}
	for _, o := range *d.Targets.Organizations {
		add(o.BOMRef)
	}
	for _, a := range *d.Assessors {
		add(string(a.BOMRef))
	}
	for _, e := range *d.Evidence {
		add(e.BOMRef)
	}
	for _, c := range *d.Claims {
		add(c.BOMRef)
	}
	for _, ref := range referred(d) {
		if !have[ref] {
			t.Errorf("%q leads nowhere", ref)
		}
	}
}

// referred lists what the declarations refer to.
func referred(d *cdx.Declarations) []string {
	var refs []string
	list := func(more *[]cdx.BOMReference) {
		if more != nil {
			for _, r := range *more {
				refs = append(refs, string(r))
			}
		}
	}
	for _, c := range *d.Claims {
		refs = append(refs, string(c.Target))
		list(c.Evidence)
	}
	for _, a := range *d.Attestations {
		refs = append(refs, string(a.Assessor))
		for _, m := range *a.Map {
			refs = append(refs, m.Requirement)
			list(m.Claims)
			list(m.CounterClaims)
		}
	}
	return refs
}

// TestCycloneDXGolden: the bytes of a document do not change from run to run.
func TestCycloneDXGolden(t *testing.T) {
	f := short(t)
	for file, second := range map[string]*audit.Party{
		"testdata/one-auditor.cdx.json":  nil,
		"testdata/two-auditors.cdx.json": {ID: "nib", Organization: "Nib & Partners"},
	} {
		a := sampleOf(t, f, "build", 2)
		a.SecondAuditor = second
		raw, err := CycloneDX(a, f, accepted())
		if err != nil {
			t.Fatal(err)
		}
		golden(t, file, raw)
		checkDeclarations(t, read(t, raw).Declarations, a, f.Tracks[0])
	}
}

// TestCycloneDX: the schema and the library take the documents of the real catalogues,
// and they say what the findings say.
func TestCycloneDX(t *testing.T) {
	for _, c := range []struct {
		framework, track string
		level            int
		second           bool
	}{
		{"slsa-v0.1", "slsa", 3, false},
		{"slsa-v0.1", "slsa", 4, true},
		{"slsa-v1.2", "source", 2, false},
		{"cncf-sscp-v1", "assurance", 2, false},
		{"cncf-sscp-v1", "assurance", 3, true},
	} {
		t.Run(fmt.Sprint(c.framework, c.level), func(t *testing.T) {
			a, f := sample(t, c.framework, c.track, c.level)
			if c.second {
				a.SecondAuditor = &audit.Party{ID: "nib", Organization: "Nib & Partners"}
			}
			raw, err := CycloneDX(a, f, accepted())
			if err != nil {
				t.Fatal(err)
			}
			bom := read(t, raw)
			track, _ := f.Track(c.track)
			checkDeclarations(t, bom.Declarations, a, track)
			again, err := CycloneDX(a, f, accepted())
			if err != nil || !bytes.Equal(raw, again) {
				t.Errorf("the second time other bytes, %v", err)
			}
		})
	}
}

func checkDeclarations(t *testing.T, d *cdx.Declarations, a audit.Assessment, track audit.Track) {
	t.Helper()
	if d.Affirmation != nil || d.Signature != nil {
		t.Error("something is affirmed or signed that nobody affirmed or signed")
	}
	want := []string{a.Auditor.Organization}
	if a.SecondAuditor != nil {
		want = append(want, a.SecondAuditor.Organization)
	}
	var got []string
	for _, assessor := range *d.Assessors {
		got = append(got, assessor.Organization.Name)
		if !assessor.ThirdParty {
			t.Errorf("%s is no third party", assessor.Organization.Name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || len(*d.Attestations) != len(want) {
		t.Errorf("assessors, %d attestations:\n%s", len(*d.Attestations), diff)
	}
	if o := (*d.Targets.Organizations)[0]; o.Name != a.Vendor.Organization || (*o.URL)[0] != a.Vendor.URI {
		t.Errorf("target %v", o)
	}
	for _, attestation := range *d.Attestations {
		if len(*attestation.Map) != len(track.Requirements) {
			t.Errorf("%d of %d requirements", len(*attestation.Map), len(track.Requirements))
		}
		for _, m := range *attestation.Map {
			checkEntry(t, m, a)
		}
	}
}

func checkEntry(t *testing.T, m cdx.AttestationMap, a audit.Assessment) {
	t.Helper()
	id := strings.TrimPrefix(m.Requirement, "requirement:")
	i := slices.IndexFunc(a.Findings, func(f audit.Finding) bool { return f.Requirement == id })
	claimed, countered := m.Claims != nil, m.CounterClaims != nil
	score := -1.0
	if m.Conformance.Score != nil {
		score = *m.Conformance.Score
	}
	var status audit.Status
	if i >= 0 {
		status = a.Findings[i].Status
	}
	want := map[audit.Status]string{
		"": "false false 0", audit.Met: "true false 1", audit.NotMet: "false true 0", audit.Justified: "true false -1",
	}[status]
	if got := strings.Join([]string{word(claimed), word(countered), number(score)}, " "); got != want {
		t.Errorf("%s is %q in the assessment: claim, counter claim, score are %s, want %s", id, status, got, want)
	}
	if m.Confidence != nil || m.Conformance.Rationale == "" {
		t.Errorf("%s: confidence %v, rationale %q", id, m.Confidence, m.Conformance.Rationale)
	}
}

func word(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

func number(f float64) string {
	return map[float64]string{-1: "-1", 0: "0", 1: "1"}[f]
}

// TestCycloneDXLevels: a level demands what counts there and below, and nothing that is
// only recommended.
func TestCycloneDXLevels(t *testing.T) {
	a, f := sample(t, "slsa-v0.1", "slsa", 3)
	raw, err := CycloneDX(a, f, accepted())
	if err != nil {
		t.Fatal(err)
	}
	var got []int
	for _, level := range *(*read(t, raw).Definitions.Standards)[0].Levels {
		got = append(got, len(*level.Requirements))
		if slices.Contains(*level.Requirements, "requirement:provenance.includes-metadata") {
			t.Errorf("%s demands what is recommended", level.Identifier)
		}
	}
	if d := cmp.Diff([]int{5, 10, 19, 31}, got); d != "" {
		t.Errorf("requirements per level:\n%s", d)
	}
}

func TestCycloneDXRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(a *audit.Assessment, f *audit.Framework, to *Accepted)
		want  Reason
	}{
		{"another edition", func(_ *audit.Assessment, f *audit.Framework, _ *Accepted) { f.Digest[0] ^= 1 }, WrongEdition},
		{"another framework", func(_ *audit.Assessment, f *audit.Framework, _ *Accepted) { f.ID = "other" }, WrongEdition},
		{"another URI", func(_ *audit.Assessment, f *audit.Framework, _ *Accepted) { f.URI = "https://example.com" }, WrongEdition},
		{"no such track", func(a *audit.Assessment, _ *audit.Framework, _ *Accepted) { a.Framework.Track = "other" }, WrongEdition},
		{"level 0", func(a *audit.Assessment, _ *audit.Framework, _ *Accepted) { a.Level, a.LevelID = 0, "" }, NotCertified},
		{"more than its findings", func(a *audit.Assessment, _ *audit.Framework, _ *Accepted) { a.Level, a.LevelID = 4, "SLSA_LEVEL_4" }, NotCertified},
		{"a finding less", func(a *audit.Assessment, _ *audit.Framework, _ *Accepted) { a.Findings = a.Findings[1:] }, NotCertified},
		{"not accepted", func(_ *audit.Assessment, _ *audit.Framework, to *Accepted) { to.At = time.Time{} }, NotAccepted},
		{"no id", func(_ *audit.Assessment, _ *audit.Framework, to *Accepted) { to.Assessment = "1" }, NotAccepted},
		{"assessment over http", func(_ *audit.Assessment, _ *audit.Framework, to *Accepted) { to.URL = "http://ca.example/1" }, BadOption},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, f := sample(t, "slsa-v0.1", "slsa", 3)
			to := accepted()
			c.spoil(&a, &f, &to)
			raw, err := CycloneDX(a, f, to)
			wantReason(t, err, c.want)
			if raw != nil {
				t.Error("half a result with an error")
			}
		})
	}
}

// TestWorkedAssessments writes every worked assessment of this project as CycloneDX.
func TestWorkedAssessments(t *testing.T) {
	cat, err := audit.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	drafts, err := filepath.Glob("../../test/assessments/*/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range drafts {
		if filepath.Base(name) == "visit.yaml" {
			continue
		}
		d, err := audit.ReadDraft(name)
		if err != nil {
			t.Fatal(err)
		}
		assessed, err := time.Parse(time.DateOnly, d.AssessedAt)
		if err != nil {
			t.Fatal(err)
		}
		a, err := d.Assessment(cat, assessed)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		f, _ := cat.Lookup(a.Framework.ID)
		to := accepted()
		to.At = assessed.AddDate(0, 0, 3)
		raw, err := CycloneDX(a, f, to)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		track, _ := f.Track(a.Framework.Track)
		checkDeclarations(t, read(t, raw).Declarations, a, track)
		n++
	}
	if n < 5 {
		t.Errorf("%d worked assessments, want the five there are", n)
	}
}
