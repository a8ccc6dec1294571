package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// stage runs commands as the people of the story, in one folder, and holds every
// outcome against the expected one.
type stage struct {
	out      io.Writer
	binary   string
	dir      string
	checked  int // outcomes that were as expected
	captured map[string]string

	publicURL string
	server    *exec.Cmd
	serverLog *os.File

	open       string      // a folder that every user gets to
	background []*exec.Cmd // rebuilders
}

// Exit codes of the commands that the story expects.
const (
	succeeds = 0
	refuses  = 1
)

// startTimeout is how long the server may take until it answers.
const startTimeout = 30 * time.Second

func (s *stage) say(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

// path names a file of the demo's folder.
func (s *stage) path(name ...string) string {
	return filepath.Join(append([]string{s.dir}, name...)...)
}

// hallmark runs our own program as somebody. The output must hold each of want.
func (s *stage) hallmark(ctx context.Context, who string, code int, args []string, want ...string) (string, error) {
	return s.command(ctx, who, code, s.binary, args, want...)
}

// tool runs somebody else's program.
func (s *stage) tool(ctx context.Context, code int, name string, args []string, want ...string) (string, error) {
	return s.command(ctx, "installer", code, name, args, want...)
}

func (s *stage) command(ctx context.Context, who string, code int, name string, args []string, want ...string) (string, error) {
	s.say("\n%s$ %s %s", who, filepath.Base(name), shown(s, args))
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "HALLMARK_HOME="+s.path("home", who), "HALLMARK_PASSPHRASE_FILE=")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return "", fmt.Errorf("run %s: %w", name, err)
	}
	s.quote(out.String())
	return out.String(), s.judge(cmd.ProcessState.ExitCode(), code, out.String(), want)
}

func (s *stage) judge(got, code int, output string, want []string) error {
	if (code == succeeds) != (got == succeeds) || (code > refuses && got != code) || got < 0 {
		return fmt.Errorf("exit code %d, expected %d", got, code)
	}
	for _, text := range want {
		if !strings.Contains(output, text) {
			return fmt.Errorf("the output lacks %q", text)
		}
	}
	s.checked++
	mark := "as expected: done"
	if code != succeeds {
		mark = "as expected: refused"
	}
	s.say("  ✓ %s", mark)
	return nil
}

// quote prints a command's output, indented and shortened where it is long.
func (s *stage) quote(text string) {
	const maxLines, maxWidth = 12, 150
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines {
		if i == maxLines {
			s.say("  │ … %d more lines", len(lines)-maxLines)
			return
		}
		if runes := []rune(line); len(runes) > maxWidth {
			line = string(runes[:maxWidth]) + "…"
		}
		if line != "" || len(lines) > 1 {
			s.say("  │ %s", line)
		}
	}
}

// shown renders arguments as a person would type them in the demo's folder.
func shown(s *stage, args []string) string {
	var out []string
	for _, a := range args {
		a = strings.ReplaceAll(a, s.dir+"/", "")
		if strings.HasPrefix(a, "hallmark1.") { // an enrolment token
			a = a[:40] + "..."
		}
		if strings.ContainsAny(a, " ;&|$") {
			a = "'" + a + "'"
		}
		out = append(out, a)
	}
	return strings.Join(out, " ")
}

// capture runs our program with --json, quietly, and reads what it prints.
func (s *stage) capture(ctx context.Context, who string, out any, args ...string) error {
	cmd := exec.CommandContext(ctx, s.binary, args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "HALLMARK_HOME="+s.path("home", who), "HALLMARK_PASSPHRASE_FILE=")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	raw, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return json.Unmarshal(raw, out)
}

// startServer starts 'hallmark serve' and waits until it answers.
func (s *stage) startServer(ctx context.Context, args ...string) error {
	s.say("\nadministrator$ hallmark %s &", shown(s, args))
	log, err := os.Create(s.path("server.log"))
	if err != nil {
		return err
	}
	s.serverLog = log
	s.server = exec.Command(s.binary, args...) // not bound to ctx: it is stopped gracefully, by stopServer
	s.server.Dir, s.server.Stderr, s.server.Stdout = s.dir, log, log
	if err := s.server.Start(); err != nil {
		s.server = nil
		return err
	}
	client := &http.Client{Timeout: time.Second}
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); {
		resp, err := client.Get(s.publicURL + "/healthz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				s.checked++
				s.say("  ✓ %s/healthz answers", s.publicURL)
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("the server did not answer within %s; see %s", startTimeout, log.Name())
}

func (s *stage) stopServer() error {
	if s.server == nil {
		return nil
	}
	err := s.server.Process.Signal(syscall.SIGTERM)
	return errors.Join(err, s.server.Wait(), s.serverLog.Close())
}

// freePort asks the system for a port nobody listens on.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	addr := l.Addr().String()
	return addr, l.Close()
}

func (s *stage) write(name string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(s.path(name)), 0o755); err != nil {
		return err
	}
	return os.WriteFile(s.path(name), content, 0o644)
}
