package audit

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v3"
)

const visitText = `version: 1
vendor: {id: acme, uri: "https://acme.example", organization: Acme Ltd}
auditor: {id: quill, organization: Quill LLP}
second_auditor: {id: ada, organization: Ada and Co}
assessed_at: 2026-05-04
valid_days: 365
scope:
  products: [{name: tool}]
  sources: [{uri: git+https://git.acme.example/tool}]
  builders:
  - id: https://ci.acme.example/linux
    key_files: [builder.pub]
    identities: [{issuer: https://token.acme.example, subject: release@acme.example, root_file: root.pem}]
  repositories: [https://attestations.acme.example]
evidence:
  settings: {file: settings.json, name: repository settings}
  site: {uri: https://acme.example/security}
`

const visitingText = `version: 1
framework: slsa-v0.1
track: slsa
include: visit.yaml
evidence:
  own: {file: own.txt}
probes:
- {id: policy, kind: document-digest, requirements: [build.scripted-build], with: {url: "https://acme.example/p"}, with_files: {sha256: digest.txt}}
findings:
- requirement: build.scripted-build
  status: met
  evidence: [{ref: settings}, {ref: own}, {file: own.txt}]
- requirement: source.version-controlled
  status: met
  evidence: [{ref: settings}]
`

func visitFiles(t testing.TB) fstest.MapFS {
	return fstest.MapFS{
		"visit.yaml":    {Data: []byte(visitText)},
		"builder.pub":   {Data: []byte(builderPEM)},
		"root.pem":      {Data: []byte(authority(t, newKey(t), nil))},
		"settings.json": {Data: []byte("settings")},
		"own.txt":       {Data: []byte("own")},
		"digest.txt":    {Data: []byte(documentSHA256)},
	}
}

func visiting(t testing.TB, text string) Draft {
	t.Helper()
	d, err := ParseDraft([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDraftWithAVisit(t *testing.T) {
	d := visiting(t, visitingText).Resolve(visitFiles(t))
	result, problems := d.Check(catalogue(t))
	if len(problems) > 0 || result.Missing[1] == nil {
		t.Fatalf("level %d, %v", result.Level, problems)
	}
	if d.Vendor.ID != "acme" || d.SecondAuditor == nil || d.SecondAuditor.ID != "ada" || d.ValidDays != 365 || d.AssessedAt != "2026-05-04" {
		t.Errorf("not taken over: %+v", d.Visit)
	}
	b := d.Scope.scope().Builders[0]
	if len(b.Keys) != 1 || len(b.Identities) != 1 || !strings.Contains(b.Identities[0].Root, "CERTIFICATE") {
		t.Errorf("builder %+v", b)
	}
	if diff := cmp.Diff([]string{"own", "settings", "site"}, d.SharedEvidence()); diff != "" {
		t.Error(diff)
	}
	var names, digests []string
	for _, e := range d.Findings[0].finding().Evidence {
		names, digests = append(names, e.Name), append(digests, e.Digest["sha256"][:8])
	}
	if diff := cmp.Diff([]string{"repository settings", "own.txt", "own.txt"}, names); diff != "" {
		t.Error(diff)
	}
	if digests[0] == digests[1] || digests[1] != digests[2] {
		t.Errorf("digests %v", digests)
	}
	if d.Probes[0].With["sha256"] != documentSHA256 {
		t.Errorf("probe %+v", d.Probes[0])
	}
	if f := d.Finding("source.version-controlled"); f.Evidence[0] != (DraftEvidence{Ref: "settings"}) {
		t.Errorf("Finding is not as in the file: %+v", f)
	}
	if again := d.Resolve(fstest.MapFS{}); len(again.unread) != 0 {
		t.Error("resolved twice")
	}
}

// A visit in a folder below names its files relative to itself.
func TestVisitInAFolder(t *testing.T) {
	files := fstest.MapFS{}
	for name, f := range visitFiles(t) {
		if name == "own.txt" || name == "digest.txt" {
			files[name] = f
		} else {
			files["day/one/"+name] = f
		}
	}
	text := strings.Replace(visitingText, "include: visit.yaml", "include: day/one/visit.yaml", 1)
	if _, p := visiting(t, text).Resolve(files).Check(catalogue(t)); len(p) > 0 {
		t.Error(p)
	}
}

// Each case takes the good draft, visit and files, and breaks exactly one thing.
func TestVisitRefused(t *testing.T) {
	swap := func(old, new string) func(s string) string {
		return func(s string) string {
			if !strings.Contains(s, old) {
				t.Fatalf("no %q", old)
			}
			return strings.Replace(s, old, new, 1)
		}
	}
	for name, c := range map[string]struct {
		code         Code
		field, says  string
		draft, visit func(string) string
		files        func(f fstest.MapFS)
	}{
		"no such file":        {code: CodeFormat, field: "include", says: "visit.yaml", files: func(f fstest.MapFS) { delete(f, "visit.yaml") }},
		"outside":             {code: CodeFormat, field: "include", says: "visit.yaml", draft: swap("include: visit.yaml", "include: ../visit.yaml")},
		"absolute":            {code: CodeFormat, field: "include", says: "visit.yaml", draft: swap("include: visit.yaml", "include: /visit.yaml")},
		"a folder":            {code: CodeFormat, field: "include", says: "not a regular file", draft: swap("include: visit.yaml", "include: day"), files: func(f fstest.MapFS) { f["day/x"] = f["own.txt"] }},
		"a hundred MB":        {code: CodeFormat, field: "include", says: "larger than", files: func(f fstest.MapFS) { f["visit.yaml"].Data = append([]byte(visitText+"#"), make([]byte, 100<<20)...) }},
		"a bomb":              {code: CodeFormat, field: "include", says: "anchors and aliases", visit: func(s string) string { return s + "x: &x [a, a]\ny: &y [*x, *x]\n" }},
		"nested deep":         {code: CodeFormat, field: "include", says: "nested deeper", visit: func(s string) string { return s + "x: " + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "\n" }},
		"itself":              {code: CodeFormat, field: "include", says: "framework", draft: swap("include: visit.yaml", "include: draft.yaml"), files: func(f fstest.MapFS) { f["draft.yaml"] = &fstest.MapFile{Data: []byte(visitingText)} }},
		"a cycle":             {code: CodeFormat, field: "include", says: "includes no other", visit: swap("version: 1\n", "version: 1\ninclude: visit.yaml\n")},
		"no version":          {code: CodeFormat, field: "include", says: "version", visit: swap("version: 1\n", "")},
		"later version":       {code: CodeFormat, field: "include", says: "version", visit: swap("version: 1\n", "version: 2\n")},
		"findings":            {code: CodeFormat, field: "include", says: "findings", visit: func(s string) string { return s + "findings: []\n" }},
		"vendor twice":        {code: CodeFormat, field: "vendor", says: "here and in visit.yaml", draft: swap("version: 1\n", "version: 1\nvendor: {id: acme}\n")},
		"auditor twice":       {code: CodeFormat, field: "auditor", says: "here and in", draft: swap("version: 1\n", "version: 1\nauditor: {id: quill}\n")},
		"second twice":        {code: CodeFormat, field: "second_auditor", says: "here and in", draft: swap("version: 1\n", "version: 1\nsecond_auditor: {id: ada}\n")},
		"date twice":          {code: CodeFormat, field: "assessed_at", says: "here and in", draft: swap("version: 1\n", "version: 1\nassessed_at: 2026-05-04\n")},
		"days twice":          {code: CodeFormat, field: "valid_days", says: "here and in", draft: swap("version: 1\n", "version: 1\nvalid_days: 30\n")},
		"two ends":            {code: CodePeriod, field: "valid_until", says: "not both", draft: swap("version: 1\n", "version: 1\nvalid_until: 2027-01-01\n")},
		"scope twice":         {code: CodeFormat, field: "scope", says: "here and in", draft: swap("version: 1\n", "version: 1\nscope: {exclusions: [x]}\n")},
		"evidence twice":      {code: CodeEvidence, field: "evidence.settings", says: "here and in", draft: swap("  own: {file: own.txt}\n", "  own: {file: own.txt}\n  settings: {file: own.txt}\n")},
		"wrong in the visit":  {code: CodeScope, field: "scope.products", says: "at least", visit: swap("[{name: tool}]", "[]")},
		"key file is gone":    {code: CodeKey, field: "scope.builders[0].key_files[0]", says: "builder.pub", files: func(f fstest.MapFS) { delete(f, "builder.pub") }},
		"root file is gone":   {code: CodeIdentity, field: "scope.builders[0].identities[0].root_file", says: "root.pem", files: func(f fstest.MapFS) { delete(f, "root.pem") }},
		"root and root file":  {code: CodeIdentity, field: "scope.builders[0].identities[0].root_file", says: "not both", visit: swap("root_file: root.pem", "root_file: root.pem, root: x")},
		"unknown ref":         {code: CodeEvidence, field: "findings[1].evidence[0].ref", says: `no evidence "nothing"`, draft: swap("  evidence: [{ref: settings}]", "  evidence: [{ref: nothing}]")},
		"ref and more":        {code: CodeEvidence, field: "findings[1].evidence[0].ref", says: "other keys", draft: swap("  evidence: [{ref: settings}]", "  evidence: [{ref: settings, name: x}]")},
		"ref of a ref":        {code: CodeEvidence, field: "evidence.own.ref", says: "stands for itself", draft: swap("own: {file: own.txt}", "own: {ref: settings}")},
		"entry name":          {code: CodeEvidence, field: "evidence.a b", says: "not a name", draft: swap("  own: {file: own.txt}\n", "  own: {file: own.txt}\n  a b: {file: own.txt}\n")},
		"entry of nothing":    {code: CodeEvidence, field: "evidence.site", says: "neither", visit: swap("site: {uri: https://acme.example/security}", "site: {name: x}")},
		"entry http":          {code: CodeEvidence, field: "evidence.settings.uri", says: "want https", visit: swap("{file: settings.json,", "{file: settings.json, uri: http://acme.example,")},
		"entry's file gone":   {code: CodeEvidence, field: "evidence.settings.file", says: "settings.json", files: func(f fstest.MapFS) { delete(f, "settings.json") }},
		"entry has changed":   {code: CodeEvidence, field: "evidence.settings.sha256", says: "not the one stated", visit: swap("{file: settings.json,", "{file: settings.json, sha256: "+documentSHA256+",")},
		"parameter twice":     {code: CodeProbe, field: "probes[0].with_files.sha256", says: "under with as well", draft: swap("with: {", "with: {sha256: x, ")},
		"parameter file gone": {code: CodeProbe, field: "probes[0].with_files.sha256", says: "digest.txt", files: func(f fstest.MapFS) { delete(f, "digest.txt") }},
	} {
		t.Run(name, func(t *testing.T) {
			draft, files := visitingText, visitFiles(t)
			if c.draft != nil {
				draft = c.draft(draft)
			}
			if c.visit != nil {
				files["visit.yaml"].Data = []byte(c.visit(visitText))
			}
			if c.files != nil {
				c.files(files)
			}
			_, p := visiting(t, draft).Resolve(files).Check(catalogue(t))
			if len(p) != 1 || p[0].Code != c.code || p[0].Field != c.field || !strings.Contains(p[0].Detail, c.says) {
				t.Errorf("problems %v, want %s at %s with %q alone", p, c.code, c.field, c.says)
			}
		})
	}
}

// What is wrong in the visit file is said to stand there.
func TestVisitProblemsSayWhere(t *testing.T) {
	files := visitFiles(t)
	files["visit.yaml"].Data = bytes.Replace(files["visit.yaml"].Data, []byte("[{name: tool}]"), []byte("[{name: 'tool*'}]"), 1)
	files["visit.yaml"].Data = bytes.Replace(files["visit.yaml"].Data, []byte("https://acme.example/security"), []byte("ftp://acme.example"), 1)
	text := strings.Replace(visitingText, "status: met", "status: maybe", 1)
	_, p := visiting(t, text).Resolve(files).Check(catalogue(t))
	var got []string
	for _, one := range p {
		got = append(got, one.Field+": "+one.Hint)
	}
	want := []string{"scope.products[0].name: it stands in visit.yaml", "evidence.site.uri: it stands in visit.yaml", "findings[0].status: ", "probes[0].requirements[0]: "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Neither a path nor a link leads out of the draft's folder.
func TestVisitStaysInItsFolder(t *testing.T) {
	dir := t.TempDir()
	work := filepath.Join(dir, "work")
	if err := os.Mkdir(work, 0o700); err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(dir, "visit.yaml")
	if err := os.WriteFile(outside, []byte(visitText), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../visit.yaml", filepath.Join(work, "link.yaml")); err != nil {
		t.Fatal(err)
	}
	for _, include := range []string{"../visit.yaml", "x/../../visit.yaml", outside, "link.yaml"} {
		text := strings.Replace(visitingText, "include: visit.yaml", "include: "+include, 1)
		name := filepath.Join(work, "draft.yaml")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := ReadDraft(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(d.unread) == 0 || d.unread[0].Field != "include" || !strings.Contains(d.unread[0].Detail, "folder of the draft") || d.Vendor.ID != "" {
			t.Errorf("%s: %v, vendor %q", include, d.unread, d.Vendor.ID)
		}
	}
}

// Answers go into a draft whose evidence lies in a visit, and the visit stays as it is.
func TestWriteAnswerWithAVisit(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, visitFiles(t)); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "draft.yaml")
	if err := os.WriteFile(name, []byte(visitingText), 0o600); err != nil {
		t.Fatal(err)
	}
	answer := func(e ...DraftEvidence) error {
		return WriteAnswer(name, catalogue(t), DraftFinding{Requirement: "build.build-service", Status: Met, Evidence: e})
	}
	for title, c := range map[string]struct {
		code Code
		e    DraftEvidence
	}{
		"unknown ref":  {CodeEvidence, DraftEvidence{Ref: "nothing"}},
		"ref and more": {CodeEvidence, DraftEvidence{Ref: "settings", File: "own.txt"}},
		"no file":      {CodeEvidence, DraftEvidence{File: "none"}},
	} {
		if code, _ := IsRefusal(answer(c.e)); code != c.code {
			t.Errorf("%s: code %q, want %q", title, code, c.code)
		}
	}
	if raw, err := os.ReadFile(name); err != nil || string(raw) != visitingText {
		t.Fatalf("the draft has changed, or %v", err)
	}
	if err := answer(DraftEvidence{Ref: "settings"}, DraftEvidence{Ref: "own"}, DraftEvidence{URI: "https://acme.example/x"}); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	_, added, _ := strings.Cut(string(raw), "- requirement: build.build-service\n")
	if want := "  status: met\n  evidence:\n  - ref: settings\n  - ref: own\n  - uri: https://acme.example/x\n"; added != want {
		t.Errorf("added %q", added)
	}
	if raw, err := os.ReadFile(filepath.Join(dir, "visit.yaml")); err != nil || string(raw) != visitText {
		t.Errorf("the visit has changed, or %v", err)
	}
	d, err := ReadDraft(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, p := d.Check(catalogue(t)); len(p) > 0 {
		t.Error(p)
	}
	// A visit that cannot be read stands in the way of what refers to it, and of that only.
	if err := os.Remove(filepath.Join(dir, "visit.yaml")); err != nil {
		t.Fatal(err)
	}
	if code, _ := IsRefusal(answer(DraftEvidence{Ref: "settings"})); code != CodeFormat {
		t.Errorf("code %q", code)
	}
	if err := answer(DraftEvidence{File: "own.txt"}); err != nil {
		t.Error(err)
	}
}

func TestAddEvidence(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "draft.yaml")
	for file, content := range map[string]string{"draft.yaml": sheetDraft, "proof.json": "{}"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	proof := DraftEvidence{File: "proof.json", Name: "a summary", MediaType: "application/json"}
	if err := AddEvidence(name, catalogue(t), "source.version-controlled", proof); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(sheetDraft, "  evidence: [] # nothing yet\n", "  evidence: # nothing yet\n  - file: proof.json\n    name: a summary\n    media_type: application/json\n", 1)
	if diff := cmp.Diff(want, string(raw)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for title, c := range map[string]struct {
		code        Code
		requirement string
		e           DraftEvidence
	}{
		"there already":       {CodeDuplicate, "source.version-controlled", proof},
		"unknown requirement": {CodeFinding, "nonsense", proof},
		"no such file":        {CodeEvidence, "source.version-controlled", DraftEvidence{File: "none"}},
		"another digest":      {CodeEvidence, "build.build-service", DraftEvidence{File: "proof.json", SHA256: documentSHA256}},
		"outside":             {CodeEvidence, "build.build-service", DraftEvidence{File: "../proof.json"}},
	} {
		if code, _ := IsRefusal(AddEvidence(name, catalogue(t), c.requirement, c.e)); code != c.code {
			t.Errorf("%s: code %q, want %q", title, code, c.code)
		}
	}
	if again, err := os.ReadFile(name); err != nil || !bytes.Equal(again, raw) {
		t.Errorf("a refusal changed the draft, or %v", err)
	}
}

// Law: a visit that is accepted, printed and read again is the same.
func FuzzParseVisit(f *testing.F) {
	f.Add([]byte(visitText))
	raw, err := NewVisit(NewVisitOptions{Vendor: Party{ID: "acme"}, Auditor: Party{ID: "quill"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := parseVisit(raw)
		if err != nil {
			return
		}
		printed, err := yaml.Marshal(visitFile{Version: draftVersion, Visit: v})
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseVisit(printed)
		if err != nil {
			t.Fatalf("accepted, printed, refused: %v\n%s", err, printed)
		}
		if diff := cmp.Diff(v, again, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
		d := Draft{Version: draftVersion, Framework: "slsa-v0.1", Track: "slsa", Include: "visit.yaml"}
		d.Resolve(fstest.MapFS{"visit.yaml": {Data: raw}}).Check(catalogue(t))
	})
}
