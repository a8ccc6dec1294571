package rebuild

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/bolt"
)

const (
	restartJobs  = 1000
	restartBatch = 50
	restartStore = "HALLMARK_TEST_REBUILD_STORE" // set in the child of TestRestart: the store that it works on
)

// TestRestart: a process that has queued a thousand jobs and given some out is killed; all
// of them are there when the store is opened again, those that were given out with their
// lease, and the others can be claimed.
func TestRestart(t *testing.T) {
	if child := os.Getenv(restartStore); child != "" {
		queueAndWait(t, child)
		return
	}
	path := filepath.Join(t.TempDir(), "hallmark.db") // not before: the child is killed, and would leave its own
	child := exec.Command(os.Args[0], "-test.run=^TestRestart$")
	child.Env = append(os.Environ(), restartStore+"="+path)
	out, err := child.StdoutPipe()
	must(t, err)
	_, err = child.StdinPipe() // the child waits for its end
	must(t, err)
	must(t, child.Start())
	queued, claimed := 0, ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := lines.Text()
		if fmt.Sscanf(line, "queued %d", &queued); strings.HasPrefix(line, "claimed ") {
			claimed = strings.TrimPrefix(line, "claimed ")
			break
		}
	}
	must(t, child.Process.Kill())
	if err := child.Wait(); err == nil {
		t.Error("the child ended by itself")
	}
	if queued != restartJobs || claimed == "" {
		t.Fatalf("the child said %d and %q", queued, claimed)
	}

	d, err := bolt.Open(path, bolt.Options{MustExist: true})
	must(t, err)
	t.Cleanup(func() { d.Close() })
	w := &world{t: t, store: d, repository: &memoryRepository{files: map[string][][]byte{}}, now: testStart.Add(time.Hour)}
	w.queue = w.newQueue()
	w.view(func(r store.Reader) error {
		f, err := Count(r, w.now)
		if err == nil && (f.Queued != restartJobs-1 || f.Claimed != 1) {
			err = fmt.Errorf("%+v", f)
		}
		return err
	})
	seen := map[string]bool{}
	for range restartBatch {
		got := w.claim(north)
		if got == nil || seen[got.Job.ID] || got.Job.Tries != 1 {
			t.Fatalf("after %d: %+v", len(seen), got)
		}
		seen[got.Job.ID] = true
	}
	id, lease, _ := strings.Cut(claimed, " ")
	given := w.job(id)
	if given.Lease != lease || given.Tries != 1 {
		t.Errorf("the job that was given out: %+v", given)
	}
	_, err = w.queue.Heartbeat(context.Background(), worker(north), given.ID, lease)
	must(t, err)
}

// queueAndWait is the child: it says what is acknowledged, and waits to be killed.
func queueAndWait(t *testing.T, path string) {
	d, err := bolt.Open(path, bolt.Options{})
	must(t, err)
	w := newWorldOn(t, d)
	w.rescope(func(s *audit.Scope) { s.Rebuilders = s.Rebuilders[:1] })
	for n := 0; n < restartJobs; n += restartBatch {
		must(t, d.Update(context.Background(), func(tx store.Tx) error {
			var errs []error
			for i := range restartBatch {
				r := w.request()
				r.SHA256 = hexOf(fmt.Sprint(n + i))
				_, err := w.queue.Enqueue(context.Background(), tx, r)
				errs = append(errs, err)
			}
			return errors.Join(errs...)
		}))
		fmt.Printf("queued %d\n", n+restartBatch)
	}
	given := w.claim(north).Job
	fmt.Printf("claimed %s %s\n", given.ID, given.Lease)
	io.Copy(io.Discard, os.Stdin)
}
