package audit

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sheetDraft = `# head
version: 1
framework: slsa-v0.1 # which
track: slsa

vendor: {id: acme, uri: https://acme.example, organization: Acme Ltd}
auditor: {id: quill, organization: Quill LLP}
valid_days: 365

# the findings
findings:

# first
- requirement: source.version-controlled
  # above status
  status: # fill in
  evidence: [] # nothing yet
  # above note
  note: ""
  # under note

# second
- requirement: build.scripted-build
  status: met
  evidence:
  # seen by day
  - uri: https://acme.example/a # first
  note: >-
    Folded here,
    and kept so.

# third

- requirement: build.build-service
  status:

# end
scope: {products: []}
`

func answered(t *testing.T, raw string, f DraftFinding) string {
	t.Helper()
	s, err := parseSheet([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.answered(f)
	if err != nil {
		t.Fatal(err)
	}
	if s, err = parseSheet(out); err != nil {
		t.Fatal(err)
	}
	again, err := s.answered(f)
	if err != nil || !bytes.Equal(out, again) {
		t.Errorf("the same answer again changes the draft, or %v", err)
	}
	return string(out)
}

// TestAnswerKeepsTheRest compares whole files: nothing but the answer may differ.
func TestAnswerKeepsTheRest(t *testing.T) {
	cases := []struct {
		name    string
		finding DraftFinding
		edits   []string // old, new, …
	}{
		{"every field", DraftFinding{Requirement: "source.version-controlled", Status: Met, Note: "42", Evidence: []DraftEvidence{{File: "a b.json"}, {URI: "https://acme.example/#x"}}},
			[]string{"status: # fill in", "status: met # fill in", "  evidence: [] # nothing yet\n", "  evidence: # nothing yet\n  - file: a b.json\n  - uri: https://acme.example/#x\n", `note: ""`, `note: "42"`}},
		{"one field", DraftFinding{Requirement: "source.version-controlled", Status: NotMet}, []string{"status: # fill in", "status: not-met # fill in"}},
		{"text that looks like YAML", DraftFinding{Requirement: "source.version-controlled", Note: "a: b # c\n# d"}, []string{`note: ""`, `note: "a: b # c\n# d"`}},
		{"evidence behind other", DraftFinding{Requirement: "build.scripted-build", Status: Met, Note: "Folded here, and kept so.", Evidence: []DraftEvidence{{URI: "https://acme.example/a"}, {File: "b"}}},
			[]string{"/a # first\n", "/a # first\n  - file: b\n"}},
		{"fields that were not there", DraftFinding{Requirement: "build.build-service", Status: Met, Evidence: []DraftEvidence{{File: "b"}}, Note: "n"},
			[]string{"build.build-service\n  status:\n", "build.build-service\n  status: met\n  evidence:\n  - file: b\n  note: n\n"}},
		{"a requirement that was not there", DraftFinding{Requirement: "build.isolated", Status: NotMet},
			[]string{"build.build-service\n  status:\n", "build.build-service\n  status:\n\n- requirement: build.isolated\n  status: not-met\n"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			want := strings.NewReplacer(c.edits...).Replace(sheetDraft)
			if diff := cmp.Diff(want, answered(t, sheetDraft, c.finding)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestAnswerOtherLayouts: what cannot be edited line by line is written anew, with its
// comments.
func TestAnswerOtherLayouts(t *testing.T) {
	head, _, _ := strings.Cut(sheetDraft, "findings:")
	for name, findings := range map[string]string{
		"flow": "findings: [{requirement: build.isolated, status: }] # c\n", "none": "# c\n", "null": "findings: # c\n", "empty": "findings: [] # c\n",
		"flow item": "findings: # c\n- {requirement: build.isolated, note: x}\n", "no newline at the end": "findings: # c\n- requirement: build.isolated\n  note: x",
		"status first": "findings: # c\n  -  status: met\n     requirement: build.isolated\n",
	} {
		t.Run(name, func(t *testing.T) {
			out := answered(t, head+findings, DraftFinding{Requirement: "build.isolated", Status: NotMet, Note: "x"})
			for _, comment := range []string{"# head", "# which", "# the findings", "# c"} {
				if !strings.Contains(out, comment) {
					t.Errorf("comment %q is gone:\n%s", comment, out)
				}
			}
		})
	}
}

// TestAnswerEveryRequirement fills a new draft from top to bottom.
func TestAnswerEveryRequirement(t *testing.T) {
	cat := catalogue(t)
	for _, f := range cat.All() {
		track := f.Tracks[0]
		raw, err := NewDraft(NewDraftOptions{Framework: f, Track: track.ID, Vendor: Party{ID: "acme", URI: "https://acme.example", Organization: "Acme Ltd"}, Auditor: Party{ID: "quill", Organization: "Quill LLP"}})
		if err != nil {
			t.Fatal(err)
		}
		out := string(raw)
		for _, r := range track.Requirements {
			out = answered(t, out, DraftFinding{Requirement: r.ID, Status: Met, Evidence: []DraftEvidence{{URI: "https://acme.example/x"}}})
		}
		if got, want := comments(out), comments(string(raw)); got != want {
			t.Errorf("%s: comments differ (-want +got):\n%s", f.ID, cmp.Diff(want, got))
		}
		d, err := ParseDraft([]byte(out))
		if err != nil {
			t.Fatal(err)
		}
		if open, err := d.Unanswered(cat); err != nil || len(open) > 0 {
			t.Errorf("%s: %d open, %v", f.ID, len(open), err)
		}
	}
}

func comments(text string) string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "#") || line == "" {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

func TestWriteAnswer(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "draft.yaml")
	for file, content := range map[string]string{"draft.yaml": sheetDraft, "proof.txt": "seen"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	met := func(e ...DraftEvidence) DraftFinding {
		return DraftFinding{Requirement: "build.build-service", Status: Met, Evidence: e}
	}
	refused := []struct {
		name    string
		finding DraftFinding
		want    Code
	}{
		{"no evidence", met(), CodeEvidence},
		{"a file that is not there", met(DraftEvidence{File: "gone.txt"}), CodeEvidence},
		{"a file outside", met(DraftEvidence{File: "../proof.txt"}), CodeEvidence},
		{"http", met(DraftEvidence{URI: "http://acme.example"}), CodeEvidence},
		{"no justification allowed", DraftFinding{Requirement: "build.build-service", Status: Justified, Justification: "x"}, CodeFinding},
		{"no status", DraftFinding{Requirement: "build.build-service"}, CodeFinding},
		{"text that does not print", DraftFinding{Requirement: "build.build-service", Status: NotMet, Note: "\x1b[2J"}, CodeValue},
		{"unknown requirement", DraftFinding{Requirement: "nonsense", Status: NotMet}, CodeFinding},
	}
	for _, c := range refused {
		t.Run(c.name, func(t *testing.T) {
			if code, _ := IsRefusal(WriteAnswer(name, catalogue(t), c.finding)); code != c.want {
				t.Errorf("code %q, want %q", code, c.want)
			}
			if raw, err := os.ReadFile(name); err != nil || string(raw) != sheetDraft {
				t.Errorf("the draft has changed, or %v", err)
			}
		})
	}
	if err := WriteAnswer(name, catalogue(t), met(DraftEvidence{File: "proof.txt"})); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if d, err := ReadDraft(name); err != nil || d.Finding("build.build-service").Evidence[0].File != "proof.txt" {
		t.Errorf("draft %+v, %v", d.Findings, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	link := filepath.Join(dir, "link.yaml")
	if err := os.Symlink(name, link); err != nil {
		t.Fatal(err)
	}
	if err := WriteAnswer(link, catalogue(t), met(DraftEvidence{File: "proof.txt"})); err == nil {
		t.Error("wrote through a symbolic link")
	}
}

// FuzzAnswer: an answer that is taken says what was meant and changes nothing twice.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(sheetDraft), "a note")
	f.Add([]byte("version: 1\nfindings: [{requirement: build.isolated}]\n"), "# x\n- y")
	f.Add([]byte("version: 1\nfindings:\n- \n- note: |\n    # x\n  requirement: build.isolated\n"), "")
	f.Fuzz(func(t *testing.T, raw []byte, note string) {
		s, err := parseSheet(raw)
		if err != nil {
			return
		}
		want := DraftFinding{Requirement: "build.isolated", Status: NotMet, Note: note, Evidence: []DraftEvidence{{File: "f"}}}
		out, err := s.answered(want)
		if err != nil {
			return
		}
		again, err := parseSheet(out)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, again.draft.Finding(want.Requirement)); diff != "" {
			t.Error(diff)
		}
		if twice, err := again.answered(want); err != nil || !bytes.Equal(out, twice) {
			t.Errorf("not the same a second time: %v", err)
		}
	})
}
