// Package ledger is the transparency log of what a CA does: which auditors were
// accredited, which assessments were in force when, and which certificates rest on
// them, in an order that nobody can change later, not even the CA?
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
// When Append or AppendAll returns, the entries are on disk and covered by a published,
// signed checkpoint, and the receipt has been verified. A process killed before that
// may leave an entry in the log without having said so: appending it again then gives
// a second entry with the same content, which is harmless and honest. A later
// checkpoint is always consistent with the earlier ones, as long as DIR is not
// restored from an old copy: Options.MinSize exists to notice that.
//
// # Witnesses
//
// With Options.Witnesses, no checkpoint is published, and so nothing acknowledged,
// before enough of them have cosigned it (c2sp.org/tlog-witness). While they are away,
// appends fail after 30 s at most, with ErrNotCosigned, and what was added until that
// was known is published when they are back. There is no way to go on without them but
// to open the log with other ones.
//
// The log needs a file system with locks and fsync, and one process at a time.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"github.com/hallmark-pki/hallmark/durable"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

// treeState is where the log library keeps how far it has come.
const treeState = ".state/treeState"

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
	// ErrNotCosigned is returned when too few witnesses cosigned: they refuse, or cannot
	// be reached, or have seen another history of this log.
	ErrNotCosigned = errors.New("witnesses have not cosigned")
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
	// Witnesses cosign every checkpoint; none: nobody does. WitnessQuorum is how many
	// of them are enough, 0 meaning all. A lower number lets the log work while some
	// are away, and lets as many look away.
	Witnesses     []Witness
	WitnessQuorum int
	// WitnessTransport carries what is asked of witnesses; nil means
	// http.DefaultTransport.
	WitnessTransport http.RoundTripper
	// Log receives the log library's messages; nil discards them. The library has
	// one sink for the whole process, set by the first Open.
	Log *slog.Logger
}

// Log is an open log. It is safe for concurrent use; concurrent appends share
// writes and checkpoints.
type Log struct {
	origin    string
	dir       string
	verifier  note.Verifier
	committer *committer // nil until the log is open
	reader    tessera.LogReader
	shutdown  func(context.Context) error
	cancel    context.CancelFunc
	unlock    func() error

	mu      sync.RWMutex // held for reading while appending, for writing by Close
	closed  bool
	closing error
}

// Open opens the log in o.Dir or begins one. An existing log is checked first: its
// newest checkpoint must be signed by o.VKey for our origin, its newest entry must
// be included in that checkpoint, and it must have o.MinSize entries. Errors:
// ErrLocked, ErrForeign, ErrDamaged, ErrRolledBack, and for a new log ErrNotCosigned:
// the checkpoint of no entries is cosigned as well. ctx bounds the opening only.
func Open(ctx context.Context, o Options) (*Log, error) {
	l, err := prepare(o)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	if err := l.start(ctx, o); err != nil {
		l.stop()
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
	if err := durable.MkdirAll(o.Dir, 0o755); err != nil {
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
	// The appender works until Close, whatever becomes of the caller's context.
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l.cancel = cancel
	c, err := l.openTree(background, o)
	if err != nil {
		return err
	}
	last, err := c.publisher.read()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return l.startFirst(ctx, background, c)
	case err != nil:
		return err
	}
	size, err := l.reader.IntegratedSize(ctx)
	if err != nil {
		return err
	}
	if size < last.Size {
		return fmt.Errorf("%w: %s knows of %d entries, the checkpoint signs %d", ErrDamaged, treeState, size, last.Size)
	}
	c.newest = last
	// The witnesses may be other ones than when it was signed.
	_, err = c.publisher.policy.ParseCheckpoint(last.raw)
	c.isReady = err == nil
	l.run(background, c)
	return nil
}

// startFirst waits for the first checkpoint. A process that died between making the
// directory and signing the empty tree has left none.
func (l *Log) startFirst(ctx, background context.Context, c *committer) error {
	l.run(background, c)
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	if _, err := c.await(ctx); err != nil {
		return fmt.Errorf("first checkpoint: %w", err)
	}
	return nil
}

func (l *Log) run(background context.Context, c *committer) {
	l.committer = c
	go c.run(background)
}

// openTree sets the log library up. Nothing is published by it but the checkpoint of a
// new log.
func (l *Log) openTree(background context.Context, o Options) (*committer, error) {
	group, policy, err := witnessGroup(o, l.verifier)
	if err != nil {
		return nil, err
	}
	client := witnessClient(o.WitnessTransport)
	driver, err := posix.New(background, posix.Config{Path: o.Dir, HTTPClient: client})
	if err != nil {
		return nil, err
	}
	opts := appendOptions(o.Signer, group)
	app, shutdown, reader, err := tessera.NewAppender(background, driver, opts)
	if err != nil && len(o.Witnesses) > 0 {
		// The first opening of all asks the witnesses. The second leaves that to us: we
		// ask more than once, and say what is wrong.
		app, shutdown, reader, err = tessera.NewAppender(background, driver, opts)
	}
	if err != nil {
		return nil, err
	}
	l.shutdown, l.reader = shutdown, reader
	p := &publisher{dir: o.Dir, reader: reader, sign: opts.CheckpointPublisher(reader, client), policy: policy}
	return newCommitter(app.Add, p, o.Log), nil
}

// appendOptions leaves publication to us (publisher): the library's interval is the
// longest there is, and it never signs a tree that has not grown.
func appendOptions(signer note.Signer, group tessera.WitnessGroup) *tessera.AppendOptions {
	return tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithCheckpointInterval(math.MaxInt64).
		WithCheckpointRepublishInterval(0).
		WithGarbageCollectionInterval(collectInterval).
		WithWitnesses(group, &tessera.WitnessOptions{Timeout: witnessTimeout}).
		WithBatching(batchSize, batchAge)
}

// stop ends what works in the background, before the directory is given free.
func (l *Log) stop() {
	if l.cancel != nil {
		l.cancel()
	}
	if l.committer != nil {
		<-l.committer.finished
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
	// Without it, the library would take the log for a new one, and begin to overwrite it.
	if _, err := os.Stat(filepath.Join(l.dir, treeState)); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
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
	l.stop()
	if err = errors.Join(err, l.unlock()); err != nil {
		l.closing = fmt.Errorf("close log: %w", err)
	}
	return l.closing
}
