package rebuild

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/attest/repository"
)

// TestIndependently: a vendor that files what it may about an artifact does not keep a
// rebuilder's mismatch out.
func TestIndependently(t *testing.T) {
	w := newWorld(t)
	files, err := repository.Open(t.TempDir())
	must(t, err)
	w.queue.Repository = files.Independent()
	w.ask(w.request())
	got := w.claim(north)
	for i := 0; ; i++ {
		_, err := files.Put(context.Background(), "acme", w.statement(fmt.Sprintf("https://example.com/%d", i), w.keys["builder"]))
		if errors.Is(err, repository.ErrFull) {
			break
		}
		must(t, err)
	}
	envelope := w.failed(got.Job, attest.RebuildMismatch, nil)
	if _, err := w.queue.Outcome(context.Background(), worker(north), got.Job.ID, [][]byte{envelope}); err != nil {
		t.Fatal(err)
	}
	filed, err := files.Get(context.Background(), "acme", artifact)
	if err != nil || string(filed[len(filed)-1]) != string(envelope) {
		t.Errorf("not filed: %v", err)
	}
}
