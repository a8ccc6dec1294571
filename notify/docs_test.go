package notify

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func page(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile("../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// block returns the page's block of code in a language.
func block(t *testing.T, language string) string {
	t.Helper()
	_, after, ok := strings.Cut(page(t), "\n```"+language+"\n")
	code, _, ended := strings.Cut(after, "```\n")
	if !ok || !ended {
		t.Fatalf("no block of %s", language)
	}
	return code
}

// TestPageEvents: the page lists every type and field as Types does, and no other.
func TestPageEvents(t *testing.T) {
	text := page(t)
	rows := strings.Count(text, "\n| `")
	want := map[string]bool{}
	shared := Types()[0].Fields
	for _, typ := range Types() {
		var names []string
		for i, f := range typ.Fields {
			if i >= len(shared) || f != shared[i] {
				names = append(names, "`"+f.Name+"`")
			}
			name, summary := "`"+f.Name+"`", f.Summary
			if f.Name == "reason" { // the one name with two meanings
				name += " of `" + typ.Name + "`"
			}
			if f.Optional {
				summary += "; optional"
			}
			want[fmt.Sprintf("\n| %s | %s | %s |\n", name, f.Kind, summary)] = true
		}
		data := strings.Join(names, ", ")
		if typ.Fields[0] == shared[0] {
			data = strings.TrimSuffix("assessment, and "+data, ", and ")
		}
		want[fmt.Sprintf("\n| `%s` | %s | %s |\n", typ.Name, typ.Summary, data)] = true
	}
	for row := range want {
		if !strings.Contains(text, row) {
			t.Errorf("the page lacks %s", row)
		}
	}
	if rows != len(want) {
		t.Errorf("%d rows, %d expected", rows, len(want))
	}
}

// TestPageExample: the body on the page is one that a receiver takes, of a type and
// with the fields that the page lists.
func TestPageExample(t *testing.T) {
	e, err := ParseEvent([]byte(block(t, "json")))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := marshal(e.Data)
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckDocumented(notice("a", e.Type, string(raw))); err != nil {
		t.Error(err)
	}
}

// TestPageGo: the page's Go is that of the example, which is compiled and run.
func TestPageGo(t *testing.T) {
	raw, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(raw), "\n"+block(t, "go")) {
		t.Error("the page's code is not in example_test.go")
	}
}

// TestPageShell runs the page's commands on a request of ours.
func TestPageShell(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []int{minSecretBytes, newSecretBytes, maxSecretBytes} {
		secret := slices.Repeat([]byte{0x00, 0xfe, 0x0a, 'x'}, n/4)
		body := []byte("{\"id\":\"ü %s\\n\"}")
		if err := os.WriteFile(filepath.Join(dir, "body.json"), body, 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Unix(1674087231, 0)
		cmd := exec.CommandContext(t.Context(), "sh", "-eu", "-c", block(t, "sh"))
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "secret="+FormatSecret(secret), "id=msg_1", "timestamp=1674087231")
		out, err := cmd.CombinedOutput()
		if want := Sign(secret, "msg_1", at, body) + "\n"; err != nil || string(out) != want {
			t.Errorf("%d bytes: %v, %q, want %q", n, err, out, want)
		}
	}
}
