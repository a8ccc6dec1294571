package child

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/verify"
)

const address = "https://attestations.example.com/vendor/sha256/00/00.jsonl"

// script writes a child that does this.
func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), Name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFetch(t *testing.T) {
	t.Setenv("HALLMARK_SECRET", "x")
	// What was asked, where, and with what of ours.
	f := Fetcher{Program: script(t, `printf '%s|' "$#" "$@" "$(pwd)" "$HALLMARK_SECRET" "$HOME"; cat`)}
	got, err := f.Fetch(context.Background(), address)
	if want := "2|evidence|" + address + "|/|||"; err != nil || string(got) != want {
		t.Errorf("%q %v", got, err)
	}
}

// TestHostile: whatever the child does, there is an answer soon, and it is a refusal.
func TestHostile(t *testing.T) {
	for name, c := range map[string]struct {
		does  string
		want  error
		says  string
		limit time.Duration
	}{
		"nothing there":                {does: "exit 3", want: verify.ErrNotFound},
		"nothing there, with output":   {does: "echo x; exit 3", want: ErrProtocol},
		"fails":                        {does: "exit 1", says: "exit status 1"},
		"fails, with a good answer":    {does: `echo '{"good":1}'; exit 1`, says: "exit status 1"},
		"fails and says why":           {does: "echo 'hallmark-fetch: no route'>&2; echo second>&2; exit 1", says: "exit status 1: no route"},
		"killed after a good answer":   {does: `echo '{"good":1}'; kill -9 $$`, says: "signal: killed"},
		"endless":                      {does: "exec yes", want: ErrTooLarge},
		"endless, then success":        {does: "trap '' PIPE TERM; head -c 5000000 /dev/zero; exit 0", want: ErrTooLarge},
		"endless complaint":            {does: "exec yes >&2", want: context.DeadlineExceeded, limit: 300 * time.Millisecond},
		"hangs":                        {does: "exec sleep 60", want: context.DeadlineExceeded, limit: 100 * time.Millisecond},
		"leaves its pipe to somebody":  {does: "sleep 5 & echo '{}'", want: exec.ErrWaitDelay},
		"interpreter that is no shell": {does: "exec /nonexistent/program", says: "exit status 127"},
	} {
		t.Run(name, func(t *testing.T) {
			program := script(t, c.does) // before others fork, or they hold it open for writing
			t.Parallel()
			body, err := (Fetcher{Program: program, timeout: c.limit}).Fetch(context.Background(), address)
			if err == nil || body != nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%.40q %v", body, err)
			}
			if len(err.Error()) > 2*maxComplaint {
				t.Errorf("%d bytes of error", len(err.Error()))
			}
			if errors.Is(err, verify.ErrNotFound) && c.want != verify.ErrNotFound {
				t.Error("taken for an answer that there is nothing:", err)
			}
		})
	}
}

func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (Fetcher{Program: script(t, "exit 0")}).Fetch(ctx, address); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestAddresses: nothing that could be taken for an option reaches the child.
func TestAddresses(t *testing.T) {
	f := Fetcher{Program: script(t, "exit 0")}
	for _, a := range []string{"", "--help", "http://example.com/", "file:///etc/passwd", "https://example.com/a b", "https://example.com/\n", "https://example.com/ü",
		"https://example.com/" + strings.Repeat("x", maxURL)} {
		if _, err := f.Fetch(context.Background(), a); !errors.Is(err, ErrAddress) {
			t.Errorf("%.40q: %v", a, err)
		}
	}
}

func TestMissing(t *testing.T) {
	plain := filepath.Join(t.TempDir(), Name)
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// The PATH is nobody's business.
	t.Setenv("PATH", filepath.Dir(script(t, "exit 0")))
	for _, p := range []string{filepath.Join(t.TempDir(), Name), plain, t.TempDir(), Name} {
		if _, err := (Fetcher{Program: p}).Fetch(context.Background(), address); !errors.Is(err, ErrMissing) {
			t.Errorf("%s: %v", p, err)
		}
		if err := Usable(p); !errors.Is(err, ErrMissing) {
			t.Errorf("%s: %v", p, err)
		}
		if _, err := Pass(context.Background(), p, nil, nil, nil, nil); !errors.Is(err, ErrMissing) {
			t.Errorf("%s: %v", p, err)
		}
	}
	if p, err := Find(); err == nil && p != LibraryPath {
		t.Error(p)
	}
}

// TestFind: beside the program itself, not beside a link to it.
func TestFind(t *testing.T) {
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	beside := filepath.Join(filepath.Dir(own), Name)
	if err := os.WriteFile(beside, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(beside)
	if got, err := Find(); err != nil || got != beside {
		t.Errorf("%s %v", got, err)
	}
	if err := Usable(""); err != nil {
		t.Error(err)
	}
}

func TestPass(t *testing.T) {
	var out, complaint strings.Builder
	code, err := Pass(context.Background(), script(t, `cat; echo "$@"; echo no >&2; exit 7`), []string{"update", "--help"}, strings.NewReader("in "), &out, &complaint)
	if code != 7 || err != nil || out.String() != "in update --help\n" || complaint.String() != "no\n" {
		t.Errorf("%d %v %q %q", code, err, &out, &complaint)
	}
	if code, err = Pass(context.Background(), script(t, "exit 0"), nil, nil, &out, &complaint); code != 0 || err != nil {
		t.Error(code, err)
	}
	if code, err = Pass(context.Background(), script(t, "kill -9 $$"), nil, nil, &out, &complaint); err == nil {
		t.Error("killed is not an exit code:", code)
	}
}

func ExampleFetcher() {
	_, err := Fetcher{Program: "/nonexistent/" + Name}.Fetch(context.Background(), address)
	fmt.Println(errors.Is(err, ErrMissing))
	// Output: true
}
