package audit

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hallmark-pki/hallmark/attest"
)

func ladder(t testing.TB, id string) Framework {
	t.Helper()
	f, ok := catalogue(t).Lookup(id)
	if !ok {
		t.Fatalf("no %s", id)
	}
	return f
}

// commentText is a draft's comments as one line of words.
func commentText(raw []byte) string {
	var words []string
	for line := range strings.Lines(string(raw)) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "#"); ok {
			words = append(words, strings.Fields(text)...)
		}
	}
	return strings.Join(words, " ")
}

// What was found last time stands in comments, the scope is carried over as it was, and
// nothing is answered.
func TestNewDraftAfterTheLast(t *testing.T) {
	last := assessment(t, 3)
	last.SecondAuditor = &Party{ID: "ada", Organization: "Ada and Co"}
	last.Probes = []Probe{documentProbe()}
	last.Scope.Builders[0].Identities = []Identity{identity(t)}
	last.Scope.Rebuilders = []Rebuilder{rebuilder(t, "1", "Rebuilders eV")}
	last.Scope.Sources[0].Branches = []string{"main", "release/1"}
	last.Scope.Exclusions = []string{"The web site:\nnot # covered."}
	last.Findings[0].Note = "seen\nby day # not a comment"
	last.Findings[0].Evidence = []attest.ResourceDescriptor{{Name: "settings.json", Digest: map[string]string{"sha256": documentSHA256}}}
	last.Findings = append(last.Findings, Finding{Requirement: "build.reproducible", Status: Justified, Justification: "a date in the binary"})
	raw, err := NewDraft(NewDraftOptions{Framework: ladder(t, "slsa-v0.1"), Vendor: last.Vendor, Auditor: last.Auditor, Last: &last})
	if err != nil {
		t.Fatal(err)
	}
	text := commentText(raw)
	for _, want := range []string{
		"last time, 2026-05-04: met; evidence: settings.json (sha256 9f86d081884c…); note: seen by day # not a comment",
		"last time, 2026-05-04: justified; justification: a date in the binary",
		"last time, 2026-05-04: no answer",
		"It is for orientation", "EVERY LINE MUST BE LOOKED AT AGAIN", "Last time: ada of Ada and Co",
		"policy (document-digest) watched source.version-controlled",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("draft does not say %q", want)
		}
	}
	if strings.Contains(text, "another edition") {
		t.Error("the same edition is called another")
	}
	d, err := ParseDraft(raw)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(last.Scope, d.Scope.scope(), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("scope (-last +draft):\n%s", diff)
	}
	result, problems := d.Check(catalogue(t))
	if result.Level != 0 || len(problems) > 0 || d.SecondAuditor != nil || len(d.Probes) > 0 {
		t.Errorf("level %d, problems %v", result.Level, problems)
	}
}

// Another edition of the catalogue: what came and what went is named.
func TestNewDraftOfAnotherEdition(t *testing.T) {
	last := assessment(t, 1)
	last.Framework.Digest = map[string]string{"sha256": documentSHA256}
	last.Findings = append(last.Findings, Finding{Requirement: "build.forgotten", Status: Met})
	f := ladder(t, "slsa-v0.1")
	raw, err := NewDraft(NewDraftOptions{Framework: f, Vendor: last.Vendor, Auditor: last.Auditor, Last: &last})
	if err != nil {
		t.Fatal(err)
	}
	text := commentText(raw)
	_, added, _ := strings.Cut(text, "New, or not answered then: ")
	added, _, _ = strings.Cut(added, ". ")
	var want []string
	for _, r := range f.Tracks[0].Requirements {
		if r.FromLevel > 1 {
			want = append(want, r.ID)
		}
	}
	if added != strings.Join(want, ", ") {
		t.Errorf("new: %s", added)
	}
	if !strings.Contains(text, "another edition than on 2026-05-04 (SHA-256 "+documentSHA256+" then)") || !strings.Contains(text, "not asked any more: build.forgotten.") {
		t.Errorf("draft does not say what has changed:\n%s", text)
	}
}

// A last assessment is an unverified document: its text cannot become anything but text.
func TestNewDraftWithAHostileLast(t *testing.T) {
	last := assessment(t, 3)
	const text = "x\nlevel: 4\u0085y: z\u2028- a\x00\x1b[2J \"quoted\" 'single' \\ \ufeff \u202e # c: d &a *b !!c"
	last.Auditor = Party{ID: text, Organization: text}
	last.SecondAuditor = &Party{ID: text, Organization: text}
	last.Framework.Digest = map[string]string{"sha256": text}
	last.Scope = Scope{
		Products: []Product{{text}}, Sources: []Source{{text, []string{text}}}, Repositories: []string{text}, Exclusions: []string{text},
		Builders:   []Builder{{ID: text, BuildTypes: []string{text}, Properties: []string{text}, Keys: []string{text, "-----BEGIN\n a\n"}, Identities: []Identity{{Issuer: text, Subject: text, Root: text}}}},
		Rebuilders: []Rebuilder{{text, text, []string{text}}},
		Recipes:    []Recipe{{text, text, text}},
	}
	last.Probes = []Probe{{ID: text, Kind: text, Requirements: []string{text}, With: map[string]string{text: text}}}
	for i := range last.Findings {
		f := &last.Findings[i]
		f.Note, f.Justification, f.Status = text, text, Status(text)
		f.Evidence = []attest.ResourceDescriptor{{Name: text, URI: text, Digest: map[string]string{"sha256": text}}}
	}
	last.Findings = append(last.Findings, Finding{Requirement: text})
	for _, o := range []NewDraftOptions{
		{Framework: ladder(t, "slsa-v0.1"), Vendor: last.Vendor, Auditor: last.Auditor, Last: &last},
		{Framework: ladder(t, "slsa-v0.1"), Vendor: last.Vendor, Auditor: last.Auditor, Last: &last, Visit: true},
	} {
		raw, err := NewDraft(o)
		if err != nil {
			t.Fatal(err)
		}
		d, err := ParseDraft(raw)
		if err != nil {
			t.Fatal(err)
		}
		if !o.Visit {
			if diff := cmp.Diff(last.Scope, d.Scope.scope(), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("scope (-last +draft):\n%s", diff)
			}
		}
		if result, _ := d.Resolve(fstest.MapFS{}).Check(catalogue(t)); result.Level != 0 {
			t.Errorf("level %d", result.Level)
		}
		for line := range strings.Lines(string(raw)) {
			if strings.HasPrefix(line, "level") || strings.ContainsAny(line, "\x00\x1b\u0085\u2028\u202e") {
				t.Errorf("line %q", line)
			}
		}
	}
}

// A last assessment of something else is refused rather than mixed in.
func TestNewDraftRefusesAnotherLast(t *testing.T) {
	for name, change := range map[string]func(o *NewDraftOptions, last *Assessment){
		"framework": func(_ *NewDraftOptions, last *Assessment) { last.Framework.ID = "cncf-sscp-v1" },
		"track":     func(_ *NewDraftOptions, last *Assessment) { last.Framework.Track = "build" },
		"vendor":    func(_ *NewDraftOptions, last *Assessment) { last.Vendor.ID = "other" },
	} {
		t.Run(name, func(t *testing.T) {
			last := assessment(t, 1)
			o := NewDraftOptions{Framework: ladder(t, "slsa-v0.1"), Vendor: last.Vendor, Auditor: last.Auditor, Last: &last}
			change(&o, &last)
			_, err := NewDraft(o)
			wantRefusal(t, err, CodeFramework, "last")
		})
	}
}

// Two frameworks of one visit: what is shared stands in one file, and each draft is
// whole with it.
func TestNewVisit(t *testing.T) {
	last := assessment(t, 3)
	visit, err := NewVisit(NewVisitOptions{Vendor: last.Vendor, Auditor: last.Auditor, Last: &last})
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{VisitFile: {Data: visit}}
	for _, id := range []string{"slsa-v0.1", "cncf-sscp-v1"} {
		o := NewDraftOptions{Framework: ladder(t, id), Vendor: last.Vendor, Auditor: last.Auditor, Visit: true}
		if id == last.Framework.ID {
			o.Last = &last
		}
		raw, err := NewDraft(o)
		if err != nil {
			t.Fatal(err)
		}
		d, err := ParseDraft(raw)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(Visit{}, d.Visit, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: the draft repeats the visit:\n%s", id, diff)
		}
		d = d.Resolve(files)
		if _, p := d.Check(catalogue(t)); len(p) > 0 || d.Vendor != last.Vendor || d.ValidDays != 365 {
			t.Errorf("%s: %v, %+v", id, p, d.Visit)
		}
		if diff := cmp.Diff(last.Scope, d.Scope.scope(), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: scope (-last +draft):\n%s", id, diff)
		}
	}
}

func TestReadUnverified(t *testing.T) {
	want := assessment(t, 3)
	envelope, err := Sign(t.Context(), want, newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadUnverified(envelope)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	for name, c := range map[string]struct {
		raw  string
		code Code
	}{
		"no envelope":  {`{}`, CodeEnvelope},
		"other type":   {`{"payloadType":"text/plain","payload":"e30=","signatures":[{"sig":"AA=="}]}`, CodePayloadType},
		"no statement": {`{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[{"sig":"AA=="}]}`, CodeStatement},
	} {
		if _, err := ReadUnverified([]byte(c.raw)); err == nil {
			t.Errorf("%s: read", name)
		} else if code, _ := IsRefusal(err); code != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
}

// A part of the catalogue has what was asked for, the same, and not all.
func TestEmbeddedInPart(t *testing.T) {
	for _, f := range catalogue(t).All() {
		one, err := EmbeddedPart(f.ID, "nonsense")
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := one.Lookup(f.ID); !ok || got.Digest != f.Digest || len(one.All()) != 1 {
			t.Errorf("%s: %d frameworks", f.ID, len(one.All()))
		}
	}
	if none, err := EmbeddedPart("nonsense"); err != nil || len(none.All()) != 0 {
		t.Error(err)
	}
}
