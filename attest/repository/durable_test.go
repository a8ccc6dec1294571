package repository

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

type failing struct {
	osFiles
	steps int
	late  bool
}

var errDisk = errors.New("disk says no")

func (f *failing) step(do func() error) error {
	f.steps--
	if f.steps == 0 {
		if f.late {
			_ = do() // the lie is the point
		}
		return errDisk
	}
	return do()
}

func (f *failing) writeSync(p string, d []byte) error {
	return f.step(func() error { return f.osFiles.writeSync(p, d) })
}
func (f *failing) rename(a, b string) error {
	return f.step(func() error { return f.osFiles.rename(a, b) })
}
func (f *failing) mkdir(p string) error { return f.step(func() error { return f.osFiles.mkdir(p) }) }
func (f *failing) syncDir(p string) error {
	return f.step(func() error { return f.osFiles.syncDir(p) })
}

func TestEveryStepFails(t *testing.T) {
	for _, first := range []bool{true, false} {
		for _, late := range []bool{true, false} {
			for n := 1; ; n++ {
				dir := t.TempDir()
				before := []string(nil)
				if !first {
					old := envelope(t, "old", "a")
					if _, err := opened(t, dir).Put(ctx, "acme", old); err != nil {
						t.Fatal(err)
					}
					before = []string{string(old)}
				}
				after := append(before, string(envelope(t, "new", "a")))
				r, err := open(dir, &failing{steps: n, late: late})
				if err != nil {
					t.Fatal(err)
				}
				_, err = r.Put(ctx, "acme", envelope(t, "new", "a"))
				if err == nil {
					if n != 10 { // three folders with two steps each, write, rename, sync
						t.Errorf("%d steps, want 9: is each folder still synced?", n-1)
					}
					break
				}
				if !errors.Is(err, errDisk) {
					t.Fatal(err)
				}
				if got := fmt.Sprint(get(t, r, "acme", "a")); got != fmt.Sprint(before) && got != fmt.Sprint(after) {
					t.Errorf("step %d (late %v) left neither old nor new: %s", n, late, got)
				}
				again := opened(t, dir)
				if left, _ := os.ReadDir(filepath.Join(dir, scratch)); len(left) > 0 {
					t.Errorf("step %d left %v", n, left)
				}
				if _, err := again.Put(ctx, "acme", envelope(t, "new", "a")); err != nil {
					t.Errorf("step %d cannot be repaired: %v", n, err)
				}
				if got := fmt.Sprint(get(t, again, "acme", "a")); got != fmt.Sprint(after) {
					t.Errorf("step %d, repaired: %s", n, got)
				}
			}
		}
	}
}

func TestConcurrentPuts(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for i := range 16 {
		r := opened(t, dir) // each its own: as several processes would
		wg.Go(func() {
			for j := range 4 {
				if _, err := r.Put(ctx, "acme", envelope(t, fmt.Sprint(i%8, j), "a", "b")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, a := range []string{"a", "b"} {
		if got := get(t, opened(t, dir), "acme", a); len(got) != 32 {
			t.Errorf("%s has %d envelopes, want 32", a, len(got))
		}
	}
	checkUsage(t, opened(t, dir), 0)
}

// checkUsage holds what is noted against what is there: each kill may have come between
// the last envelope, which stands in two files, and the note.
func checkUsage(t *testing.T, r *Repository, kills int64) {
	t.Helper()
	noted := usage(t, r, "acme")
	real, err := r.countUsage("acme")
	if err != nil {
		t.Fatal(err)
	}
	if missed := real.Envelopes - noted.Envelopes; missed < 0 || missed > 2*kills {
		t.Errorf("%d envelopes are there, %d are noted, after %d kills", real.Envelopes, noted.Envelopes, kills)
	}
}

const childEnv = "HALLMARK_TEST_REPOSITORY"

func TestChild(t *testing.T) {
	dir := os.Getenv(childEnv)
	if dir == "" {
		return
	}
	r := opened(t, dir)
	for i := 0; ; i++ {
		note := fmt.Sprintf("%d-%d", os.Getpid(), i)
		artifact := fmt.Sprint(i / 3)
		if _, err := r.Put(ctx, "acme", envelope(t, note, artifact, "x"+artifact)); err != nil && !errors.Is(err, ErrFull) {
			t.Fatal(err)
		}
		fmt.Printf("\nput %s %s\n", note, artifact)
	}
}

func TestKill(t *testing.T) {
	dir := t.TempDir()
	type put struct{ note, artifact string }
	var acknowledged []put
	for round := range 5 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$")
		cmd.Env = append(os.Environ(), childEnv+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		in := bufio.NewScanner(out)
		for n := 0; n < 20+7*round && in.Scan(); {
			var p put
			if k, _ := fmt.Sscanf(in.Text(), "put %s %s", &p.note, &p.artifact); k == 2 {
				acknowledged = append(acknowledged, p)
				n++
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed, as we wanted
	}
	if len(acknowledged) < 100 {
		t.Fatalf("the child acknowledged %d puts only", len(acknowledged))
	}
	r := opened(t, dir)
	checkUsage(t, r, 5)
	for _, p := range acknowledged {
		for _, a := range []string{p.artifact, "x" + p.artifact} {
			if all := strings.Join(get(t, r, "acme", a), "\n"); !strings.Contains(all, string(envelope(t, p.note, p.artifact, "x"+p.artifact))) {
				t.Errorf("acknowledged, then lost: %v", p)
			}
		}
	}
}
