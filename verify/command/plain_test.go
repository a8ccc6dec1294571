package command

import (
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"
)

// byLibrary is what the flag library makes of a command line; false where it does not
// get as far as judging.
func byLibrary(t *testing.T, args []string) (line, bool) {
	t.Helper()
	var l line
	judged := false
	c := console{io.Discard, io.Discard, "hallmark-verify"}
	app := &cli.App{
		Name: c.name, Flags: flags(), Commands: c.commands(), HideHelpCommand: true, Writer: io.Discard, ErrWriter: io.Discard,
		ExitErrHandler: func(*cli.Context, error) {},
		Action: func(ctx *cli.Context) error {
			judged = true
			l = flagLine(ctx)
			return nil
		},
	}
	err := app.Run(append([]string{c.name}, args...))
	return l, judged && err == nil
}

// TestPlainLine: whatever is taken here, the flag library understands in the same way.
func TestPlainLine(t *testing.T) {
	tokens := []string{
		"--policy", "--policy=p.yaml", "--trust", "--trust=", "--status", "--at", "--at=2026-01-02", "--fetch-program", "--json", "--json=false",
		"-policy", "-json", "--", "-", "-h", "--help", "--version", "--polic", "--generate-bash-completion", "p.yaml", "/etc/x", "./-f", "a.deb", "b.deb",
		"update", "help", "h", "", "=", "a=b.deb", "--nonsense", "x y.deb", "--at=--json", "-.deb",
	}
	taken := 0
	random := rand.New(rand.NewPCG(1, 2))
	for range 4000 {
		var args []string
		for range random.IntN(7) {
			args = append(args, tokens[random.IntN(len(tokens))])
		}
		got, ok := plainLine(slices.Clone(args))
		if !ok {
			continue
		}
		taken++
		want, judged := byLibrary(t, args)
		if d := cmp.Diff(want, got, cmp.AllowUnexported(line{})); !judged || d != "" {
			t.Fatalf("%q: %t %s", args, judged, d)
		}
	}
	if taken < 50 {
		t.Errorf("only %d were taken: the test looks at the wrong thing", taken)
	}
}

// TestPlainLineTakes: what hooks write does not need the library.
func TestPlainLineTakes(t *testing.T) {
	for _, args := range [][]string{
		{"/var/cache/apt/archives/a_1_amd64.deb"},
		{"--policy", "strict.yaml", "--json", "a.deb", "b.deb"},
		{"--trust=t.json", "--status", "s.json", "--at", "2026-01-02T15:04:05Z", "--fetch-program", "/x/hallmark-fetch", "--policy", "p", "./update"},
	} {
		if _, ok := plainLine(args); !ok {
			t.Errorf("%q", args)
		}
	}
	// And what is wrong gets the library's help.
	for _, args := range [][]string{
		nil, {"--json"}, {"--policy"}, {"--policy", "--json", "a.deb"}, {"--policy=", "a.deb"}, {"a.deb", "--policy", "p"}, {"update"}, {"--", "a.deb"},
		{"--trust", "a", "--trust", "b", "a.deb"}, {"--unknown", "x", "a.deb"}, {""},
	} {
		if l, ok := plainLine(args); ok {
			t.Errorf("%q: %+v", args, l)
		}
	}
}

// TestCommandNames: a plain word may be a command, so none may look like a file.
func TestCommandNames(t *testing.T) {
	for _, command := range (console{}).commands() {
		for _, name := range command.Names() {
			if strings.ContainsAny(name, "/.") {
				t.Error(name)
			}
		}
	}
}
