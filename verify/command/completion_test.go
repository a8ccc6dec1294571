package command_test

import (
	"bytes"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/verify/command"
)

// TestCompletion: bash itself completes by the script.
func TestCompletion(t *testing.T) {
	var script, stderr bytes.Buffer
	if code := command.Run(t.Context(), []string{"hallmark-verify", "completion", "bash"}, "test", &script, &stderr); code != 0 {
		t.Fatal(code, stderr.String())
	}
	for line, want := range map[string][]string{
		"":                     {"install", "uninstall", "--policy", "--json"},
		"unin":                 {"uninstall"},
		"install ":             {"dpkg", "apt", "status"},
		"install apt --r":      {"--root", "--report"},
		"install --dry-run ap": {"apt"},
		"completely other ":    nil,
	} {
		words := append([]string{"hallmark-verify"}, strings.Fields(line)...)
		if line == "" || strings.HasSuffix(line, " ") {
			words = append(words, "")
		}
		cmd := exec.Command("bash", "-c", script.String()+"\nCOMP_WORDS=(\"$@\") COMP_CWORD=$(($#-1)); _hallmark_verify; printf '%s\\n' \"${COMPREPLY[@]}\"", "bash")
		cmd.Args = append(cmd.Args, words...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Fields(string(out))
		for _, w := range want {
			if !slices.Contains(got, w) {
				t.Errorf("%q: %q has no %q", line, got, w)
			}
		}
		if len(want) == 0 && len(got) != 0 || slices.Contains(got, "hook") {
			t.Errorf("%q: %q", line, got)
		}
	}
	for _, args := range [][]string{{"completion"}, {"completion", "fish"}, {"completion", "bash", "x"}} {
		if code := command.Run(t.Context(), append([]string{"hallmark-verify"}, args...), "test", &script, &stderr); code != command.WrongUsage {
			t.Errorf("%q: %d", args, code)
		}
	}
	// The flag library's own completion would say 0 to anything.
	for _, word := range []string{"--version", "-v", "-version", "--version=true", "-h", "--help"} {
		if code := command.Run(t.Context(), []string{"hallmark-verify", word, "/nowhere/x.deb"}, "test", io.Discard, &stderr); code != command.WrongUsage {
			t.Errorf("a file called %s: exit code %d", word, code)
		}
	}
	if code := command.Run(t.Context(), []string{"hallmark-verify", "--version"}, "test", io.Discard, &stderr); code != command.AllValid {
		t.Errorf("--version: exit code %d", code)
	}
	if code := command.Run(t.Context(), []string{"hallmark-verify", "/nowhere/x.deb", "--generate-bash-completion"}, "test", &script, &stderr); code == 0 {
		t.Error("a question about completion was taken for a good file")
	}
}
