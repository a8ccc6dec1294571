package audit

import (
	"bytes"
	"crypto"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hallmark-pki/hallmark/attest"
)

func render(t testing.TB, r Report) (markdown, html string) {
	t.Helper()
	var m, h bytes.Buffer
	if err := r.Markdown(&m); err != nil {
		t.Fatal(err)
	}
	if err := r.HTML(&h); err != nil {
		t.Fatal(err)
	}
	return m.String(), h.String()
}

// TestReportGolden renders the worked example in every standing.
func TestReportGolden(t *testing.T) {
	w := example(t)
	draft, err := ReportDraft(w.draft, catalogue(t))
	if err != nil {
		t.Fatal(err)
	}
	envelope, _ := signedExample(t, w)
	unverified, err := ReportEnvelope(envelope, catalogue(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]Report{"draft": draft, "unverified": unverified} {
		markdown, html := render(t, r)
		// An edit of a catalogue that changes nothing on the page makes no new page.
		markdown = strings.ReplaceAll(markdown, r.Framework.DigestHex(), "of the catalogue")
		html = strings.ReplaceAll(html, r.Framework.DigestHex(), "of the catalogue")
		golden(t, name+".md", markdown)
		golden(t, name+".html", html)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "report", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs; -update rewrites it (-want +got):\n%s", path, diff)
	}
}

func signedExample(t testing.TB, w worked) ([]byte, crypto.PublicKey) {
	t.Helper()
	a, err := ParseAssessment(w.assessment)
	if err != nil {
		t.Fatal(err)
	}
	key := newKey(t)
	envelope, err := Sign(t.Context(), a, key)
	if err != nil {
		t.Fatal(err)
	}
	return envelope, key.Public()
}

func TestReportSaysWhatWasVerified(t *testing.T) {
	envelope, key := signedExample(t, example(t))
	r, err := ReportEnvelope(envelope, catalogue(t), key)
	if err != nil {
		t.Fatal(err)
	}
	id, err := attest.KeyID(key)
	if err != nil {
		t.Fatal(err)
	}
	markdown, html := render(t, r)
	for name, text := range map[string]string{"markdown": markdown, "html": html} {
		if !strings.Contains(text, "Signature verified") || !strings.Contains(text, id) || strings.Contains(text, "Signature not verified") {
			t.Errorf("%s does not say that the signature verified under %s", name, id)
		}
	}
	r, err = ReportEnvelope(envelope, catalogue(t))
	if err != nil {
		t.Fatal(err)
	}
	markdown, html = render(t, r)
	first := strings.Join(strings.SplitN(markdown, "\n", 5)[:4], "\n")
	_, body, _ := strings.Cut(html, "<body>")
	if !strings.Contains(first, "Signature not verified") || !strings.HasPrefix(body, "\n<p class=\"standing\"><strong>Signature not verified") {
		t.Errorf("an unverified report does not begin with it:\n%s", first)
	}
}

// TestReportOfTwoAuditors: who signs second, under which keys the signatures verified,
// and what is checked again.
func TestReportOfTwoAuditors(t *testing.T) {
	a := assessment(t, 4)
	a.SecondAuditor = &Party{ID: "ada", URI: "https://ada.example", Organization: "Ada and Co"}
	a.Probes = []Probe{documentProbe()}
	a.Scope.Builders[0].Identities = []Identity{identity(t)}
	first, second, officer := newKey(t), newKey(t), newKey(t)
	one, err := Sign(t.Context(), a, first)
	if err != nil {
		t.Fatal(err)
	}
	both, err := attest.AddSignature(t.Context(), one, second)
	if err != nil {
		t.Fatal(err)
	}
	three, err := attest.AddSignature(t.Context(), both, officer)
	if err != nil {
		t.Fatal(err)
	}
	four, err := attest.AddSignature(t.Context(), three, newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		envelope []byte
		keys     []crypto.PublicKey
		says     []string
		not      []string
	}{
		"not yet":        {one, nil, []string{"Signature not verified", "second auditor has not signed"}, []string{"more signature"}},
		"not yet, first": {one, []crypto.PublicKey{first.Public()}, []string{"Signature verified", spki(t, first), "second auditor has not signed"}, []string{"more signature"}},
		"one of two":     {both, []crypto.PublicKey{second.Public()}, []string{"Signature verified", spki(t, second), "1 more signature was not checked"}, []string{spki(t, first), "has not signed"}},
		"both":           {both, []crypto.PublicKey{first.Public(), second.Public()}, []string{spki(t, first), spki(t, second)}, []string{"more signature", "has not signed"}},
		"one of three":   {three, []crypto.PublicKey{first.Public()}, []string{"2 more signatures were not checked"}, []string{"has not signed"}},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := ReportEnvelope(c.envelope, catalogue(t), c.keys...)
			if err != nil {
				t.Fatal(err)
			}
			markdown, html := render(t, r)
			for form, text := range map[string]string{"markdown": markdown, "html": html} {
				for _, want := range append(c.says, "Ada and Co", "https://ada.example", "CN=Builder CA", "https://token.ci.acme.example", "https://acme.example/policy.txt") {
					if !strings.Contains(text, want) {
						t.Errorf("%s does not say %q", form, want)
					}
				}
				for _, no := range c.not {
					if strings.Contains(text, no) {
						t.Errorf("%s says %q", form, no)
					}
				}
			}
		})
	}
	for name, c := range map[string]struct {
		envelope []byte
		keys     []crypto.PublicKey
		code     Code
	}{
		"a key that signed beside one that did not": {both, []crypto.PublicKey{first.Public(), officer.Public()}, CodeSignature},
		"four signatures": {four, nil, CodeSignatures},
	} {
		_, err := ReportEnvelope(c.envelope, catalogue(t), c.keys...)
		if code, _ := IsRefusal(err); code != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
}

func TestReportEnvelopeRefuses(t *testing.T) {
	w := example(t)
	envelope, key := signedExample(t, w)
	changed := bytes.Replace(bytes.Clone(w.assessment), []byte(`"level":3`), []byte(`"level":4`), 1)
	a, err := ParseAssessment(changed)
	if err != nil {
		t.Fatal(err)
	}
	raised, err := Sign(t.Context(), a, newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	var parts map[string]any
	if err := json.Unmarshal(envelope, &parts); err != nil {
		t.Fatal(err)
	}
	parts["signatures"] = append(parts["signatures"].([]any), parts["signatures"].([]any)[0])
	cases := []struct {
		name     string
		envelope []byte
		cat      *Catalogue
		key      crypto.PublicKey
		want     Code
	}{
		{"another key", envelope, catalogue(t), newKey(t).Public(), CodeSignature},
		{"two signatures", marshal(t, parts), catalogue(t), key, CodeSignatures},
		{"no envelope", []byte(`{"payload": 1}`), catalogue(t), nil, CodeEnvelope},
		{"a level its findings do not reach", raised, catalogue(t), nil, CodeLevel},
		{"a catalogue nobody has", envelope, new(Catalogue), key, CodeFramework},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var keys []crypto.PublicKey
			if c.key != nil {
				keys = append(keys, c.key)
			}
			r, err := ReportEnvelope(c.envelope, c.cat, keys...)
			if code, _ := IsRefusal(err); code != c.want || r.Level != 0 {
				t.Errorf("level %d, error %v, want code %s", r.Level, err, c.want)
			}
		})
	}
}

// hostile is text that tries to break out of a line, a cell, a span and an element.
const hostile = "x | y `z` <script>alert(1)</script>\n\n# h\n- l [a](javascript:b) ![i](http://e.example/p) &lt; **s** ~~t~~ https://evil.example www.evil.example \u202e</td>"

// TestReportEscapes puts hostile text wherever a draft has text, and looks for what it
// would have made.
func TestReportEscapes(t *testing.T) {
	d := example(t).draft
	for _, s := range []*string{&d.AssessedAt, &d.ValidUntil, &d.Vendor.ID, &d.Vendor.URI, &d.Vendor.Organization, &d.Auditor.ID, &d.Auditor.URI, &d.Auditor.Organization} {
		*s = hostile
	}
	d.Scope = DraftScope{
		Products: []Product{{hostile}}, Sources: []Source{{hostile, []string{hostile}}},
		Builders:   []DraftBuilder{{Builder: Builder{ID: hostile, BuildTypes: []string{hostile}, Properties: []string{hostile}, Keys: []string{hostile}}}},
		Rebuilders: []DraftRebuilder{{Rebuilder: Rebuilder{ID: hostile, Operator: hostile}}}, Repositories: []string{hostile}, Exclusions: []string{hostile},
	}
	d.SecondAuditor = &Party{ID: hostile, URI: hostile, Organization: hostile}
	d.Scope.Builders[0].Identities = []DraftIdentity{{Identity: Identity{Issuer: hostile, Subject: hostile, Root: hostile}}}
	d.Probes = []DraftProbe{{Probe: Probe{ID: hostile, Kind: hostile, Requirements: []string{hostile}, With: map[string]string{"url": hostile}}}}
	for i := range d.Findings {
		d.Findings[i].Justification, d.Findings[i].Note = hostile, hostile
		d.Findings[i].Evidence = []DraftEvidence{{URI: hostile, Name: hostile, SHA256: hostile}, {URI: "javascript:alert(1)"}, {URI: "https://e.example/a|b`c\"<i>"}}
	}
	r, err := ReportDraft(d, catalogue(t))
	if err != nil {
		t.Fatal(err)
	}
	markdown, html := render(t, r)
	live := regexp.MustCompile("(?m)(^|[^\\\\])(`|<script|<i>|</td|\\]\\(|!\\[|&lt|~~|http://e|https://evil|www\\.evil)|\u202e|^# h|^- l|x \\|")
	for _, m := range live.FindAllString(markdown, 5) {
		t.Errorf("markdown lets %q through", m)
	}
	if n := strings.Count(markdown, "<https://e.example/a%7Cb%60c%22%3Ci%3E>"); n != len(d.Findings) {
		t.Errorf("%d links for %d findings", n, len(d.Findings))
	}
	if bad := regexp.MustCompile("<script|<i>|href=\"(javascript|http:|[^h])|\u202e").FindString(html); bad != "" {
		t.Errorf("html lets %q through", bad)
	}
	if strings.Count(html, "<td") != strings.Count(html, "</td>") {
		t.Error("html cells do not match up")
	}
}

func TestReportOfAnUnfinishedDraft(t *testing.T) {
	f, _ := catalogue(t).Lookup("slsa-v0.1")
	raw, err := NewDraft(NewDraftOptions{Framework: f, Vendor: Party{ID: "acme", URI: "https://acme.example", Organization: "Acme Ltd"}, Auditor: Party{ID: "quill", Organization: "Quill LLP"}})
	if err != nil {
		t.Fatal(err)
	}
	d, err := ParseDraft(raw)
	if err != nil {
		t.Fatal(err)
	}
	r, err := ReportDraft(d, catalogue(t))
	if err != nil {
		t.Fatal(err)
	}
	if r.Level != 0 || r.NextLevel != 1 || len(r.Missing) == 0 || len(r.Problems) == 0 || r.Rungs[0].Count(AnswerUnanswered) != len(r.Rungs[0].Lines) {
		t.Errorf("report %+v", r)
	}
	d.Framework = "nonsense"
	if _, err := ReportDraft(d, catalogue(t)); err == nil {
		t.Error("a draft of an unknown framework has a report")
	}
}
