package rebuild

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/store"
)

// Store is the part of a store driver used here.
type Store interface {
	View(ctx context.Context, fn func(store.Reader) error) error
	Update(ctx context.Context, fn func(store.Tx) error) error
}

// Repository is the attestation repository; see repository.Independent.
type Repository interface {
	// Put files an envelope under the artifacts that it names; it is on disk when Put
	// returns. Filing it once more changes nothing.
	Put(ctx context.Context, vendor string, envelope []byte) ([]string, error)
	// Get returns the envelopes about an artifact; none is no error.
	Get(ctx context.Context, vendor, sha256 string) ([][]byte, error)
}

// Queue keeps the jobs of rebuilders. Store, Repository and Now must be set; nothing may
// be set any more once it is used. It is safe for concurrent use.
type Queue struct {
	Store      Store
	Repository Repository
	Now        func() time.Time
	// Operators is how many different operators are asked about a build, unless the
	// request says; 0: every rebuilder of the audited scope.
	Operators int
	// Filed is told of an artifact about which a rebuilder's outcome was filed, or a job
	// given up, after that is durable. nil: nobody is told.
	Filed func(vendor, sha256 string)

	opener audit.Opener

	mu    sync.Mutex
	woken chan struct{}  // closed when there is work; nil: nobody waits
	ended chan struct{}  // closed when nobody is to wait any more
	polls map[string]int // claims under way, by rebuilder
	waits int            // all of them
}

// Check says what is missing.
func (q *Queue) Check() error {
	if q.Store == nil || q.Repository == nil || q.Now == nil {
		return errors.New("rebuild queue: store, repository and clock are required")
	}
	if q.Operators < 0 {
		return fmt.Errorf("rebuild queue: %d operators", q.Operators)
	}
	return nil
}

func (q *Queue) now() time.Time { return q.Now().UTC() }

// Poke wakes the claims that wait. Whoever calls Enqueue calls it after the commit; if
// not, they look for themselves within seconds. It never blocks.
func (q *Queue) Poke() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.woken != nil {
		close(q.woken)
		q.woken = nil
	}
}

// EndWaits lets every claim that waits, and every later one, return without waiting: the
// server is about to stop.
func (q *Queue) EndWaits() {
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case <-q.end():
	default:
		close(q.end())
	}
}

// end is closed by EndWaits; the caller holds mu.
func (q *Queue) end() chan struct{} {
	if q.ended == nil {
		q.ended = make(chan struct{})
	}
	return q.ended
}

// signals returns what is closed when there may be work, and when waiting is over.
func (q *Queue) signals() (woken, ended <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.woken == nil {
		q.woken = make(chan struct{})
	}
	return q.woken, q.end()
}

// enter counts a claim, and says whether there is room for it to wait.
func (q *Queue) enter(rebuilder string) (mayWait bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.polls == nil {
		q.polls = map[string]int{}
	}
	if q.polls[rebuilder] >= maxPolls {
		return false, refuse(CodeFull, "let fewer machines ask at once", "%d claims of this rebuilder wait already", maxPolls)
	}
	q.polls[rebuilder]++
	q.waits++
	return q.waits <= maxWaits, nil
}

func (q *Queue) leave(rebuilder string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waits--
	if q.polls[rebuilder]--; q.polls[rebuilder] == 0 {
		delete(q.polls, rebuilder)
	}
}

// tell calls Filed.
func (q *Queue) tell(vendor, sha256 string) {
	if q.Filed != nil {
		q.Filed(vendor, sha256)
	}
}
