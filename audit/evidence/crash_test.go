package evidence

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The tests in this file start this test binary again as a child, which puts files in
// a folder and says so line by line.
const (
	childVar = "HALLMARK_TEST_EVIDENCE_CHILD" // which of children
	dirVar   = "HALLMARK_TEST_EVIDENCE_DIR"
	roundVar = "HALLMARK_TEST_EVIDENCE_ROUND"
)

var children = map[string]func(s *Store, round string) error{
	"puts":   childPuts,
	"hangs":  childHangs,
	"limits": childMeetsLimit,
}

func TestMain(m *testing.M) {
	child, ok := children[os.Getenv(childVar)]
	if !ok {
		os.Exit(m.Run())
	}
	s, err := Open(os.Getenv(dirVar))
	if err == nil {
		err = child(s, os.Getenv(roundVar))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// content is what a child's n-th file holds.
func content(round string, n int) string {
	return strings.Repeat(fmt.Sprintf("file %d of round %s\n", n, round), 1+n%7*5000)
}

// childPuts puts files until it is killed, and names each that was acknowledged.
func childPuts(s *Store, round string) error {
	for n := 0; ; n++ {
		data := content(round, n)
		if _, err := s.Put(context.Background(), digestOf(data), strings.NewReader(data)); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// childHangs comes half way through a file, says so, and waits for the end.
func childHangs(s *Store, _ string) error {
	half := io.MultiReader(strings.NewReader(strings.Repeat("x", chunkBytes)), readerFunc(func([]byte) (int, error) {
		fmt.Println("half way")
		time.Sleep(time.Hour)
		return 0, io.ErrUnexpectedEOF
	}))
	_, err := s.Put(context.Background(), digestOf("never comes to this"), half)
	return err
}

// childMeetsLimit puts a file that is larger than files may become, and then a small one.
func childMeetsLimit(s *Store, _ string) error {
	signal.Ignore(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: chunkBytes, Max: chunkBytes}); err != nil {
		return err
	}
	large, small := strings.Repeat("large", chunkBytes), "small"
	if _, err := s.Put(context.Background(), digestOf(large), strings.NewReader(large)); !errors.Is(err, syscall.EFBIG) {
		return fmt.Errorf("the large file: %w", err)
	}
	_, err := s.Put(context.Background(), digestOf(small), strings.NewReader(small))
	return err
}

// start starts a child and returns what it prints.
func start(t *testing.T, name, dir, round string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childVar+"="+name, dirVar+"="+dir, roundVar+"="+round)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() // killed, as we wanted
	if cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the child ended by itself: %v", cmd.ProcessState)
	}
}

// leftovers counts what Put has not finished.
func leftovers(t *testing.T, dir string) (n int) {
	t.Helper()
	for _, name := range listing(t, dir) {
		if isTemporary(filepath.Base(name)) {
			n++
		}
	}
	return n
}

// TestKill kills a process while it puts files, at moments that differ, and finds every
// file that was acknowledged, whole, and nothing that is not.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[string]string{}
	for round := range 5 {
		cmd, lines := start(t, "puts", dir, fmt.Sprint(round))
		for n := 0; lines.Scan(); n++ {
			data := content(fmt.Sprint(round), n)
			acknowledged[digestOf(data)] = data
			if n == 3+round {
				time.AfterFunc(time.Duration(round)*1700*time.Microsecond, func() { cmd.Process.Kill() })
			}
		}
		if cmd.Wait(); cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("the child ended by itself: %v", cmd.ProcessState)
		}
		s := openTest(t, dir)
		for digest, data := range acknowledged {
			if got, err := read(s, digest); got != data || err != nil {
				t.Errorf("round %d: read %d bytes of %d, %v", round, len(got), len(data), err)
			}
		}
		for digest, err := range s.All() {
			if err == nil {
				_, err = read(s, digest)
			}
			if err != nil {
				t.Errorf("round %d: %v", round, err)
			}
		}
		if n := leftovers(t, dir); n != 0 {
			t.Errorf("round %d: %d unfinished files", round, n)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if len(acknowledged) < 5*4 {
		t.Errorf("%d files", len(acknowledged))
	}
}

// TestLeftover: a file whose writer was killed is no evidence, and is gone after the
// next Open.
func TestLeftover(t *testing.T) {
	dir := t.TempDir()
	cmd, lines := start(t, "hangs", dir, "")
	if !lines.Scan() {
		t.Fatal("the child said nothing")
	}
	// While its writer lives it is nobody's to remove.
	s := openTest(t, dir)
	if n := leftovers(t, dir); n != 1 {
		t.Fatalf("%d unfinished files while one is written", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	kill(t, cmd)
	if n := leftovers(t, dir); n != 1 {
		t.Fatalf("%d unfinished files after the kill", n)
	}
	s = openTest(t, dir)
	if got := listing(t, dir); len(got) != 1 {
		t.Errorf("left %v", got)
	}
	if digests, errs := all(s); len(digests)+len(errs) != 0 {
		t.Errorf("All = %v, %v", digests, errs)
	}
}

// TestLeavesAlone: names that only look like leftovers stay.
func TestLeavesAlone(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	digest := put(t, s, "test")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	shard := filepath.Join(dir, "sha256", digest[:2])
	for name, gone := range map[string]bool{
		"." + digest + ".123": true, "." + digest + ".": false, "." + digest: false, digest + ".123": false, ".short.123": false,
	} {
		path := filepath.Join(shard, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		s := openTest(t, dir)
		if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) != gone {
			t.Errorf("%s: %v", name, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFullDisk: a write that fails stores nothing and leaves nothing, and the folder
// goes on working.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	cmd, _ := start(t, "limits", dir, "")
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if n := leftovers(t, dir); n != 0 { // before Open could remove it
		t.Errorf("%d unfinished files", n)
	}
	s := openTest(t, dir)
	if digests, errs := all(s); len(digests) != 1 || digests[0] != digestOf("small") || len(errs) != 0 {
		t.Errorf("All = %v, %v", digests, errs)
	}
}
