//go:build linux

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/verify/command"
)

// use is one use of the program in the folder of fixtures.
type use struct {
	name    string
	command string // as command.Names has it; "" judges files
	args    []string
	// through is what runs the program; nil: nothing but this test.
	through []string
	code    int
	// online says why a command is let off: it runs hallmark-fetch. There is no other reason.
	online bool
}

// uses has a line for each way to use the program. A command without a line fails.
func uses() []use {
	judge := func(args ...string) []string {
		return append([]string{"--trust", "trust.json", "--at", "2026-03-01T12:00:00Z"}, args...)
	}
	return []use{
		{name: "plain", args: judge("--status", "status.json", "good.deb")},
		{name: "JSON", args: judge("--status", "status.json", "--json", "good.deb")},
		{name: "several files", args: judge("--status", "status.json", "good.deb", "good.tar", "low.deb", "image")},
		{name: "a layout", args: judge("--status", "status.json", "bad-image"), code: 1},
		{name: "bad files", args: judge("--status", "status.json", "tampered.deb", "appended.deb", "revoked.deb", "plain.tar"), code: 1},
		{name: "stale status", args: judge("--status", "stale.json", "--policy", "stapled.yaml", "good.deb"), code: 2},
		{name: "no status but what is stapled", args: judge("good.tar")},
		{name: "policy: stapled", args: judge("--status", "status.json", "--policy", "stapled.yaml", "good.deb")},
		{name: "policy: stapled, nothing is", args: judge("--status", "status.json", "--policy", "stapled.yaml", "unsummarised.deb"), code: 1},
		{name: "policy: strict", args: judge("--status", "status.json", "--policy", "strict.yaml", "low.deb"), code: 1},
		{name: "policy: warn", args: judge("--status", "status.json", "--policy", "warn.yaml", "tampered.deb")},
		{name: "no trust bundle", args: []string{"--trust", "absent.json", "good.deb"}, code: 2},
		{name: "help", args: []string{"--help"}},
		{name: "version", args: []string{"--version"}},
		{name: "wrong usage", args: []string{"--no-such-flag"}, code: command.WrongUsage},
		{command: "explain", args: append([]string{"explain"}, judge("--status", "status.json", "--proof", "proof.json", "good.deb")...)},
		{command: "completion", args: []string{"completion", "bash"}},
		{command: "scan", args: []string{"scan", "--root", "machine", "--trust", "trust.json", "--status", "status.json", "--at", "2026-03-01T12:00:00Z"}, code: 1},
		{command: "blast", args: []string{"blast", "--vendor", "https://vendor.example.com", "--root", "machine", "--trust", "trust.json"}, code: 1},
		{command: "install", args: []string{"install"}, code: command.WrongUsage},
		{command: "install dpkg", args: []string{"install", "dpkg", "--root", "machine", "--dry-run"}, code: 1},
		{command: "install apt", args: []string{"install", "apt", "--root", "machine", "--dry-run"}, code: 1},
		{command: "install pacman", args: []string{"install", "pacman", "--root", "machine", "--dry-run"}, code: 1},
		{command: "install dnf", args: []string{"install", "dnf", "--root", "machine", "--dry-run"}, code: 1},
		{command: "install status", args: []string{"install", "status", "--root", "machine"}, code: 1},
		{command: "uninstall", args: []string{"uninstall"}, code: command.WrongUsage},
		{command: "uninstall dpkg", args: []string{"uninstall", "dpkg", "--root", "machine", "--dry-run"}},
		{command: "uninstall apt", args: []string{"uninstall", "apt", "--root", "machine", "--dry-run"}},
		{command: "uninstall pacman", args: []string{"uninstall", "pacman", "--root", "machine", "--dry-run"}},
		{command: "uninstall dnf", args: []string{"uninstall", "dnf", "--root", "machine", "--dry-run"}, code: 1},
		{command: "hook", args: []string{"hook"}, code: command.WrongUsage},
		{command: "policy", args: []string{"policy", "--help"}},
		{command: "policy check", args: []string{"policy", "check", "warn.yaml"}},
		{command: "policy explain", args: []string{"policy", "explain", "--at", "2026-03-01", "stapled.yaml", "hello"}},
		{command: "policy preset", args: []string{"policy", "preset", "strict"}},
		{command: "policy schema", args: []string{"policy", "schema"}},
		{command: "policy simulate", args: append(append([]string{"policy", "simulate"}, judge("--status", "status.json")...), "--preset", "strict", "pool"), code: 1},
		{command: "reason", args: []string{"reason", "revoked"}},
		{name: "good", command: "hook dpkg", args: []string{"hook", "dpkg", "--", "-q", "./hello.deb"}},
		{name: "bad", command: "hook dpkg", args: []string{"hook", "dpkg", "--", "-q", "./spoilt.deb"}, code: 1},
		{name: "good", command: "hook apt", args: []string{"hook", "apt"}, through: []string{"sh", "-c", "APT_HOOK_INFO_FD=3 exec \"$@\" 3<good.txt", "sh"}},
		{name: "bad", command: "hook apt", args: []string{"hook", "apt"}, through: []string{"sh", "-c", "APT_HOOK_INFO_FD=3 exec \"$@\" 3<bad.txt", "sh"}, code: 1},
		{command: "install pacman", args: []string{"install", "pacman", "--root", "machine", "--dry-run"}, code: 1},
		{command: "install dnf", args: []string{"install", "dnf", "--root", "machine", "--dry-run"}, code: 1},
		{command: "uninstall pacman", args: []string{"uninstall", "pacman", "--root", "machine", "--dry-run"}},
		{command: "uninstall dnf", args: []string{"uninstall", "dnf", "--root", "machine", "--dry-run"}, code: 1},
		{command: "hook pacman", args: []string{"hook", "pacman"}, through: []string{"sh", "-c", "echo hello | \"$@\"", "sh"}, code: 2},
		{command: "hook dnf", args: []string{"hook", "dnf"}, through: []string{"sh", "-c", "printf '%s\\0' \"$PWD/hello.deb\" | \"$@\"", "sh"}, code: 1},
		{command: "update", online: true},
		{command: "trust", online: true},
		{command: "mirror", online: true},
	}
}

// TestEveryCommandHasAUse: a new command needs a line in uses, and a line a command.
func TestEveryCommandHasAUse(t *testing.T) {
	names := command.Names()
	for _, name := range names {
		if !slices.ContainsFunc(uses(), func(u use) bool { return u.command == name }) {
			t.Errorf("hallmark-verify %s has no line in uses: does it open a socket?", name)
		}
	}
	for _, u := range uses() {
		if u.command != "" && !slices.Contains(names, u.command) {
			t.Errorf("uses has a line for %s, which is no command", u.command)
		}
		if !u.online && u.command != "" && !strings.HasPrefix(strings.Join(u.args, " "), u.command) {
			t.Errorf("the line for %s runs %q", u.command, u.args)
		}
	}
}

// TestOffline runs the program, as it is shipped, in every use twice: as anybody would, and
// in a network namespace with nothing in it, under a filter that kills it and what it
// starts at the first socket, with strace looking for calls of the network family. Both
// runs must end and print the same, and strace must see none.
func TestOffline(t *testing.T) {
	dir := t.TempDir()
	fixtures(t, dir)
	for name, text := range map[string]string{
		"stapled.yaml": "version: 1\nattestations: stapled\nrevocation: required\n", "warn.yaml": "version: 1\nmode: warn\n",
		"strict.yaml": "version: 1\nrequire: [{framework: https://slsa.dev/spec/v0.1, track: slsa, level: 4}]\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	hooked(t, dir)
	program := build(t)
	for _, u := range uses() {
		if u.online {
			continue
		}
		t.Run(strings.TrimSpace(u.command+" "+u.name), func(t *testing.T) {
			t.Parallel()
			args := slices.Concat(u.through, []string{program}, u.args)
			want, code := run(t, dir, machineOf(dir), args...)
			if code != u.code {
				t.Errorf("exit code %d, want %d\n%s", code, u.code, want)
			}
			calls, got, code := confined(t, dir, args...)
			if code != u.code || got != want {
				t.Errorf("confined: exit code %d\n%s\nas anybody would: %d\n%s", code, got, u.code, want)
			}
			if calls != "" {
				t.Errorf("calls of the network family:\n%s", calls)
			}
		})
	}
	t.Run("the instrument works", func(t *testing.T) {
		calls, _, code := confined(t, dir, "bash", "-c", ": </dev/tcp/127.0.0.1/9")
		if code == 0 || !strings.Contains(calls, "socket(") || !strings.Contains(calls, "SIGSYS") {
			t.Errorf("a program that opens a socket: exit code %d, calls\n%s", code, calls)
		}
	})
}

// hooked adds a spoilt package, and the transactions that apt describes to its hook.
func hooked(t *testing.T, dir string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "hello.deb"))
	if err != nil {
		t.Fatal(err)
	}
	raw[68] ^= 1
	write := func(name string, content []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("spoilt.deb", raw)
	for name, packages := range map[string][]string{"good.txt": {"hello", "libfoo"}, "bad.txt": {"hello", "spoilt"}} {
		text := "VERSION 3\nAPT::Architecture=amd64\n\n"
		for _, p := range packages {
			text += p + " - - none < 1.0 all none " + filepath.Join(dir, p+".deb") + "\n"
		}
		write(name, []byte(text))
	}
}

// build builds the program as `make build` does.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hallmark-verify")
	cmd := exec.Command("go", "build", "-buildvcs=false", "-trimpath", "-tags", "urfave_cli_no_docs", "-ldflags=-s -w", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// machineOf is the machine as it is, but for the folders where the verifier keeps things:
// those have the trust and status bundles of the fixtures, and room for records.
func machineOf(dir string) []string {
	return []string{
		"bwrap", "--dev-bind", "/", "/", "--die-with-parent", "--tmpfs", "/etc", "--tmpfs", "/var/lib",
		"--ro-bind", filepath.Join(dir, "trust.json"), command.DefaultTrust, "--ro-bind", filepath.Join(dir, "status.json"), command.DefaultStatus,
	}
}

// confined runs a program where it cannot reach anything and returns what strace saw of
// it: calls of the network family, and how it was killed.
func confined(t *testing.T, dir string, args ...string) (calls, out string, code int) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "strace")
	offline := filepath.Join(filepath.Dir(log), "offline") // this test's binary, see TestMain
	if err := os.Symlink(os.Args[0], offline); err != nil {
		t.Fatal(err)
	}
	machine := append(machineOf(dir), "--unshare-net")
	out, code = run(t, dir, machine, slices.Concat([]string{"strace", "-f", "-qq", "-e", "trace=network", "-e", "signal=SIGSYS", "-o", log, offline}, args)...)
	raw, err := os.ReadFile(log)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// Other lines are about threads that come and go. One that is gone before strace could
	// ask what it called is "???"; the filter has seen the call.
	call := regexp.MustCompile(`(?m)^\d+ +([a-z_0-9]+\(|.*SIGSYS).*\n`)
	for _, line := range call.FindAllString(string(raw), -1) {
		calls += line
	}
	return calls, out, code
}

func run(t *testing.T, dir string, machine []string, args ...string) (out string, code int) {
	t.Helper()
	all := append(machine, args...)
	cmd := exec.Command(all[0], all[1:]...)
	cmd.Dir = dir
	var b bytes.Buffer
	cmd.Stdout, cmd.Stderr = &b, &b
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return b.String(), cmd.ProcessState.ExitCode()
}
