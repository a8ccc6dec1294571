package compat

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hallmark-pki/hallmark/test/corpora"
	"github.com/hallmark-pki/hallmark/verify"
)

var update = flag.Bool("update", false, "write docs/compatibility.md anew")

// group is a use of one tool.
type group struct {
	tool  string // the program
	use   string // what it is used for
	how   string // the command, as a person would type it
	about string // what a reader should know first
	// oneByOne: SoftHSM loses sight of a token while another process writes to it.
	oneByOne bool
	cases    []kase
}

// kase is one thing a tool is asked to judge.
type kase struct {
	name string
	args []string
	// ask asks a library, for those that are no program; args is empty then.
	ask func(ctx context.Context) said
	// shows is what the tool prints when it accepts, for those whose exit status does
	// not say so.
	shows string
	want  bool   // accepted
	says  string // what it prints, part of a line; "" where it prints nothing worth reading
	// wrong says why the verdict is not the one we would give; it is expected all the same.
	wrong string
	note  string
	// file is judged by our own verifier too, whose verdict is the same.
	file string
	// older says which release that people still have judges the other way, and
	// olderSays is what that prints then. The page has the verdict of the newer one.
	older, olderSays string
}

// TestMatrix plays every case and holds the page against the outcome.
func TestMatrix(t *testing.T) {
	w := newWorld(t)
	t.Run("corpora", func(t *testing.T) { w.program = corpora.Folder(t, "authenticode", "osslsigncode", "unsigned.exe") })
	groups := w.groups()
	checkTable(t, groups)
	got := make([]*bool, countCases(groups))
	t.Run("cases", func(t *testing.T) {
		i := 0
		for _, g := range groups {
			for _, k := range g.cases {
				verdict := &got[i]
				i++
				t.Run(g.tool+"/"+g.use+"/"+k.name, func(t *testing.T) {
					if !g.oneByOne {
						t.Parallel()
					}
					accepted := w.judge(t, k)
					*verdict = &accepted
				})
			}
		}
	})
	for _, verdict := range got {
		if verdict == nil {
			return // -run names some cases only
		}
	}
	if w.program != "" {
		comparePage(t, page(groups, got))
	}
}

func countCases(groups []group) (n int) {
	for _, g := range groups {
		n += len(g.cases)
	}
	return n
}

func (w *world) judge(t *testing.T, k kase) bool {
	if k.file != "" {
		if verdict := w.verifier.File(t.Context(), k.file); (verdict.Outcome == verify.Valid) != k.want {
			t.Errorf("hallmark-verify: %v %v", verdict.Outcome, verdict.Reasons)
		}
	}
	var s said
	if k.ask != nil {
		s = k.ask(t.Context())
	} else {
		s = w.run(k.args...)
	}
	accepted := s.ok && strings.Contains(s.text, k.shows)
	if accepted != k.want && k.older != "" && strings.Contains(s.text, k.olderSays) {
		return k.want
	}
	if accepted != k.want {
		t.Errorf("accepted: %v, want %v\n%s\n%s", accepted, k.want, strings.Join(k.args, " "), s.text)
	}
	if !strings.Contains(s.text, k.says) {
		t.Errorf("it does not say %q:\n%s\n%s", k.says, strings.Join(k.args, " "), s.text)
	}
	return accepted
}

func comparePage(t *testing.T, want string) {
	t.Helper()
	file := filepath.Join("..", "..", "docs", "compatibility.md")
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(have)); diff != "" {
		t.Errorf("%s is out of date; go test ./test/compat -update writes it (-want +have):\n%s", file, diff)
	}
}

// checkTable: a tool that accepts or refuses everything shows nothing, and a refusal
// for an unknown reason little.
func checkTable(t *testing.T, groups []group) {
	t.Helper()
	for _, g := range groups {
		verdicts, names := map[bool]bool{}, map[string]bool{}
		for _, k := range g.cases {
			verdicts[k.want] = true
			if names[k.name] {
				t.Errorf("%s: case %q twice", g.use, k.name)
			}
			names[k.name] = true
			if !k.want && k.says == "" || k.says != strings.TrimSpace(k.says) {
				t.Errorf("%s: %s: refused for which reason?", g.use, k.name)
			}
		}
		if len(verdicts) != 2 {
			t.Errorf("%s: no good case, or no bad one", g.use)
		}
	}
}
