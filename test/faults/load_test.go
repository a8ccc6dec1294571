package faults

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/store"
)

// These say to the test binary that it is a child, which of them, and where.
const (
	childVar = "HALLMARK_TEST_FAULTS_CHILD"
	dirVar   = "HALLMARK_TEST_FAULTS_DIR"
	atVar    = "HALLMARK_TEST_FAULTS_AT" // failing child: which call fails, see fault
)

func TestMain(m *testing.M) {
	children := map[string]func(context.Context, string) error{"load": load, "fault": faulty}
	child, ok := children[os.Getenv(childVar)]
	if !ok {
		os.Exit(m.Run())
	}
	if err := child(context.Background(), os.Getenv(dirVar)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const (
	// loadWorkers issue and revoke at once, beside one who publishes lists and one who logs.
	loadWorkers = 12
	// revokeOneIn and publishOneIn say how often a worker does that in place of issuing.
	revokeOneIn, publishOneIn = 4, 40
)

// load works until it is killed. It tells of each call when it has returned.
func load(ctx context.Context, dir string) error {
	w, err := open(ctx, dir)
	if err != nil {
		return err
	}
	tell(os.Stdout, ack{Done: true}) // open: the load begins
	var group sync.WaitGroup
	for range loadWorkers {
		group.Go(func() { w.work(ctx) })
	}
	group.Go(func() { w.readLists(ctx) })
	group.Go(func() { w.drain(ctx) })
	group.Wait()
	return nil
}

// work issues, and now and then revokes what it has issued or publishes lists.
func (w *world) work(ctx context.Context) {
	var mine []string
	for {
		switch {
		case rand.N(publishOneIn) == 0:
			if err := w.ca.PublishCRLs(ctx); err != nil {
				tell(os.Stdout, ack{Failed: "publish: " + err.Error()})
			}
		case len(mine) > 0 && rand.N(revokeOneIn) == 0:
			serial := mine[len(mine)-1]
			mine = mine[:len(mine)-1]
			if err := w.ca.Revoke(ctx, serial, store.Revocation{Reason: ca.ReasonSuperseded, By: "vera"}); err != nil {
				tell(os.Stdout, ack{Failed: "revoke: " + err.Error()})
				continue
			}
			tell(os.Stdout, ack{Revoked: serial})
		default:
			issued, err := w.issue(ctx)
			if err != nil {
				tell(os.Stdout, ack{Failed: "issue: " + err.Error()})
				continue
			}
			serial := ca.SerialKey(issued.Certificate.SerialNumber)
			tell(os.Stdout, ack{Issued: serial, SHA256: hexSHA256(issued.Certificate.Raw)})
			mine = append(mine, serial)
		}
	}
}

// readLists tells the numbers of the lists as clients see them, in the order in which
// one client sees them.
func (w *world) readLists(ctx context.Context) {
	for {
		var seen []ack
		err := w.store.View(ctx, func(r store.Reader) error {
			seen = nil
			for list, err := range store.CRLs.All(r, "") {
				if err != nil {
					return err
				}
				seen = append(seen, ack{Listed: listName(list), Number: list.Number})
			}
			return nil
		})
		if err != nil {
			seen = []ack{{Failed: "read lists: " + err.Error()}}
		}
		for _, a := range seen {
			tell(os.Stdout, a)
		}
		time.Sleep(5 * time.Millisecond) // a pace, not a wait: the workers shall get the processor
	}
}

// drain logs what waits.
func (w *world) drain(ctx context.Context) {
	for {
		n, err := w.queue.Flush(ctx)
		if err != nil {
			tell(os.Stdout, ack{Failed: "log: " + err.Error()})
		}
		if n == 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
