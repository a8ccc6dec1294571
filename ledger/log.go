// Package ledger is the transparency log of assessments: which assessments were
// accepted, superseded and withdrawn, in an order that nobody can change later, not
// even the CA?
//
// It is a Merkle-tree log in the C2SP tlog-tiles layout, kept as files:
//
//	DIR/checkpoint          the newest signed tree head, c2sp.org/tlog-checkpoint
//	DIR/tile/<level>/…      hashes
//	DIR/tile/entries/…      entries, package ledger/receipt
//	DIR/.state/…            the log's own, not published
//	DIR/.lock               held by the process that appends
//
// Handler serves the published part; any static host can do the same. A receipt
// (package receipt) is checked with the log's public key alone.
//
// # Promises
//
// When Append returns, the entry is on disk and covered by a published, signed
// checkpoint, and the receipt has been verified. A process killed before that may
// leave the entry in the log without having said so: appending it again then gives
// a second entry with the same content, which is harmless and honest. A later
// checkpoint is always consistent with the earlier ones, as long as DIR is not
// restored from an old copy: Options.MinSize exists to notice that.
//
// The log needs a file system with locks and fsync, and one process at a time.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

var (
	// ErrLocked is returned by Open when another Log, in this process or another,
	// has the directory open.
	ErrLocked = errors.New("log directory is in use by another process")
	// ErrForeign is returned by Open when the directory's checkpoint is not signed
	// by our key for our origin: another log's directory, or another key.
	ErrForeign = errors.New("log directory belongs to another log")
	// ErrDamaged is returned by Open when the tiles do not lead to the signed root.
	ErrDamaged = errors.New("log directory is damaged")
	// ErrRolledBack is returned by Open when the log is smaller than Options.MinSize.
	ErrRolledBack = errors.New("log is older than the records that refer to it")
	// ErrClosed is returned by Append after Close.
	ErrClosed = errors.New("log is closed")
)

// Options for Open.
type Options struct {
	Dir    string      // created if absent
	Signer note.Signer // signs checkpoints; its name is the log's origin
	VKey   string      // the public key that belongs to Signer, a note verifier key
	// MinSize is the number of entries that the caller's records prove to have been
	// logged (highest index seen plus one); 0 checks nothing. A smaller log is an
	// old copy, and appending to it would sign a second history.
	MinSize uint64
	// Log receives the log library's messages; nil discards them. The library has
	// one sink for the whole process, set by the first Open.
	Log *slog.Logger
}

// Log is an open log. It is safe for concurrent use; concurrent appends share
// writes and checkpoints.
type Log struct {
	origin   string
	dir      string
	verifier note.Verifier
	add      tessera.AddFn
	await    *tessera.PublicationAwaiter
	reader   tessera.LogReader
	shutdown func(context.Context) error
	cancel   context.CancelFunc
	unlock   func() error

	mu      sync.RWMutex // held for reading while appending, for writing by Close
	closed  bool
	closing error
}

// Open opens the log in o.Dir or begins one. An existing log is checked first: its
// newest checkpoint must be signed by o.VKey for our origin, its newest entry must
// be included in that checkpoint, and it must have o.MinSize entries. Errors:
// ErrLocked, ErrForeign, ErrDamaged, ErrRolledBack. ctx bounds the opening only.
func Open(ctx context.Context, o Options) (*Log, error) {
	l, err := prepare(o)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	if err := l.start(ctx, o); err != nil {
		if l.cancel != nil {
			l.cancel()
		}
		return nil, fmt.Errorf("open log: %w", errors.Join(err, l.unlock()))
	}
	return l, nil
}

func prepare(o Options) (*Log, error) {
	if o.Signer == nil || o.Dir == "" {
		return nil, errors.New("directory and signer must be given")
	}
	v, err := note.NewVerifier(o.VKey)
	if err != nil {
		return nil, fmt.Errorf("verifier key: %w", err)
	}
	if v.Name() != o.Signer.Name() || v.KeyHash() != o.Signer.KeyHash() {
		return nil, errors.New("verifier key does not belong to the signer")
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, err
	}
	unlock, err := lockDir(o.Dir)
	if err != nil {
		return nil, err
	}
	return &Log{origin: v.Name(), dir: o.Dir, verifier: v, unlock: unlock}, nil
}

func (l *Log) start(ctx context.Context, o Options) error {
	quiet(o.Log)
	if err := l.check(ctx, o.MinSize); err != nil {
		return err
	}
	driver, err := posix.New(ctx, posix.Config{Path: o.Dir})
	if err != nil {
		return err
	}
	// The appender works until Close, whatever becomes of the caller's context.
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l.cancel = cancel
	opts := tessera.NewAppendOptions().
		WithCheckpointSigner(o.Signer).
		WithCheckpointInterval(checkpointInterval).
		WithBatching(batchSize, batchAge)
	app, shutdown, reader, err := tessera.NewAppender(background, driver, opts)
	if err != nil {
		return err
	}
	l.add, l.shutdown, l.reader = app.Add, shutdown, reader
	l.await = tessera.NewPublicationAwaiter(background, reader.ReadCheckpoint, pollInterval)
	return l.awaitFirst(ctx)
}

// awaitFirst waits for a checkpoint to be there. A process that died between making
// the directory and signing the empty tree has left none; the appender then makes
// up for it after an interval.
func (l *Log) awaitFirst(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	for {
		_, err := l.Checkpoint(ctx)
		if err == nil {
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("first checkpoint: %w", ctx.Err())
		case <-time.After(pollInterval):
		}
	}
}

// check judges what lies in the directory before anything is written to it.
func (l *Log) check(ctx context.Context, minSize uint64) error {
	raw, err := readBounded(filepath.Join(l.dir, "checkpoint"), maxCheckpoint)
	if errors.Is(err, fs.ErrNotExist) {
		return l.checkEmpty(minSize)
	}
	if err != nil {
		return err
	}
	cp, err := receipt.ParseCheckpoint(raw, l.verifier)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrForeign, err)
	}
	if cp.Size < minSize {
		return fmt.Errorf("%w: %d entries, the records know of %d", ErrRolledBack, cp.Size, minSize)
	}
	if cp.Size == 0 {
		return nil
	}
	files := client.FileFetcher{Root: l.dir}
	if err := checkNewest(ctx, files, cp); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return nil
}

// checkEmpty accepts a directory without a checkpoint only while nothing was ever
// acknowledged from it: the first checkpoint, of the empty tree, precedes entries.
func (l *Log) checkEmpty(minSize uint64) error {
	if minSize > 0 {
		return fmt.Errorf("%w: no checkpoint, the records know of %d entries", ErrRolledBack, minSize)
	}
	if _, err := os.Stat(filepath.Join(l.dir, "tile")); err == nil {
		return fmt.Errorf("%w: entries without a checkpoint", ErrDamaged)
	}
	return nil
}

// Origin is the log's name, the first line of its checkpoints.
func (l *Log) Origin() string { return l.origin }

// Checkpoint returns the newest published checkpoint as signed, verified.
func (l *Log) Checkpoint(ctx context.Context) ([]byte, error) {
	raw, err := l.reader.ReadCheckpoint(ctx)
	if err != nil {
		return nil, fmt.Errorf("read checkpoint: %w", err)
	}
	if _, err := receipt.ParseCheckpoint(raw, l.verifier); err != nil {
		return nil, fmt.Errorf("read checkpoint: %w", err)
	}
	return raw, nil
}

// Size is the number of entries covered by the newest published checkpoint.
func (l *Log) Size(ctx context.Context) (uint64, error) {
	raw, err := l.Checkpoint(ctx)
	if err != nil {
		return 0, err
	}
	cp, err := receipt.ParseCheckpoint(raw, l.verifier)
	return cp.Size, err
}

// Close waits until what was appended is published, as long as ctx permits, and
// gives the directory free. Appends under way finish first; later ones get
// ErrClosed. Closing twice returns what the first call returned.
func (l *Log) Close(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return l.closing
	}
	l.closed = true
	err := l.shutdown(ctx)
	l.cancel()
	if err = errors.Join(err, l.unlock()); err != nil {
		l.closing = fmt.Errorf("close log: %w", err)
	}
	return l.closing
}
