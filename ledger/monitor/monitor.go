// Package monitor watches a transparency log from outside: does the log still say
// what it said before, and what is new in it?
//
// All it trusts is the log's verifier key and the last checkpoint that it verified
// itself, which it keeps in a file. Each Check fetches the newest checkpoint and
// accepts it only if
//
//   - the log's key signed it, for the log's own origin;
//   - it extends the checkpoint kept: the log's tiles, which must lead to the new root,
//     must also lead to the old one. If they lead to another, the log has forked, and
//     Conflict carries the evidence; a log with fewer entries has rolled back;
//   - the entries served lead to the new root, so that each of them is the one that the
//     log committed to, at its index, and none is missing (RFC 6962 §2.1).
//
// The first Check takes the checkpoint it finds and verifies every entry from the
// first on. What one monitor cannot see is a log that shows others another history:
// compare the states of two monitors in different places, which are checkpoints, or
// have witnesses' cosignatures demanded (Options.Witnesses).
//
// # Does the CA keep to what it logged?
//
// Proofs say that the log is one history, not that it is a good one. So each Check also
// reads it: a certificate.issued entry must rely on assessments that are in force where
// it stands, accepted before it, for that vendor, and neither ended nor in review since.
// What does not is a Finding. To know what is in force, a second file beside the state
// file, with ".assessments" behind its name, keeps a summary of the entries so far. It
// is made anew from the log when it is not there or does not belong to the checkpoint
// kept: all entries are then fetched and verified again, and their findings handed out
// again.
//
// It links neither the log's own code nor the CA's.
package monitor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api/layout"
	"golang.org/x/mod/sumdb/note"
)

// Options for New.
type Options struct {
	URL   string // where the log is served: http or https, /checkpoint and /tile/ below it
	Key   string // the log's verifier key, a note vkey
	State string // the file that keeps the last checkpoint; made by the first Check
	// Witnesses must have cosigned what is served, as receipt.Policy has it; none: nobody
	// must. Quorum is how many of them, 0 meaning all.
	Witnesses []note.Verifier
	Quorum    int
	// Timeout bounds each request; 0 means 30 s.
	Timeout time.Duration
}

// Follower follows one log. It keeps nothing in memory between two Checks. One
// follower at a time may use a state file.
type Follower struct {
	key    note.Verifier
	policy receipt.Policy
	state  string
	source *source
	step   uint64
}

// Entry is a verified entry of the log.
type Entry struct {
	Index uint64
	Raw   []byte // the leaf, as the log has it
	Entry receipt.Entry
	// Unread is why Raw is not an entry that this release can read; Entry is then zero.
	// The log did commit to these bytes.
	Unread error
	// Findings are what is wrong with a certificate.issued entry.
	Findings []Finding
	// IsOld says that the entry was there at the checkpoint kept, and was handed out by an
	// earlier Check. Old entries are handed out only with findings.
	IsOld bool

	register *register
}

// Auditors returns every name that the log has for the auditors whom the entry concerns,
// as far as the log has told so far: SHA-256 digests of keys, and commitments
// (receipt.Commit), in lower-case hex, sorted. A certificate concerns those who signed
// its assessments. It may be called until the function that was handed the entry returns.
func (e Entry) Auditors() []string { return e.register.auditors(e.Entry) }

// Round is what a Check found.
type Round struct {
	Origin     string
	Before     uint64 // entries at the checkpoint kept before, 0 in the first round
	Size       uint64 // entries now
	Checkpoint []byte // the newest, as signed
}

// New checks the options. It opens nothing.
func New(o Options) (*Follower, error) {
	key, err := note.NewVerifier(o.Key)
	if err != nil {
		return nil, fmt.Errorf("monitor: verifier key: %w", err)
	}
	if o.State == "" || o.Timeout < 0 {
		return nil, errors.New("monitor: a state file must be named, and the timeout not be negative")
	}
	if o.Quorum < 0 || o.Quorum > len(o.Witnesses) {
		return nil, fmt.Errorf("monitor: %d of %d witnesses cannot cosign", o.Quorum, len(o.Witnesses))
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	s, err := newSource(o.URL, o.Timeout)
	if err != nil {
		return nil, fmt.Errorf("monitor: %w", err)
	}
	policy := receipt.Policy{Logs: []note.Verifier{key}, Witnesses: o.Witnesses, Quorum: o.Quorum}
	return &Follower{key: key, policy: policy, state: o.State, source: s, step: step}, nil
}

// Check verifies what the log serves now against the state, hands each new entry to
// each, in order, and then keeps the new checkpoint durably. Entries come in portions,
// each verified before it is handed out. If a later portion fails, or each returns an
// error, the state stays as it was, and the next Check begins there again.
//
// Errors: *Conflict; ErrUnreachable, ErrForeign, ErrUnproven, ErrState, ErrTooMany; those
// of ctx and of each.
func (f *Follower) Check(ctx context.Context, each func(Entry) error) (Round, error) {
	last, err := readState(f.state, f.key)
	if err != nil {
		return Round{}, err
	}
	now, err := f.newest(ctx)
	if err != nil {
		return Round{}, err
	}
	if err := compare(last, now); err != nil {
		return Round{}, err
	}
	isComplete, err := hasRegister(f.state+registerSuffix, last)
	if err != nil {
		return Round{}, err
	}
	if now.Size > last.Size || !isComplete {
		if err := f.follow(ctx, last, now, each); err != nil {
			return Round{}, err
		}
	}
	if now.Size > last.Size || last.isFirst() {
		// Last of all: a state without its register is mended, one that is ahead of what was
		// handed out is not.
		if err := writeState(f.state, now); err != nil {
			return Round{}, err
		}
	}
	return Round{Origin: now.Origin, Before: last.Size, Size: now.Size, Checkpoint: now.raw}, nil
}

func (f *Follower) newest(ctx context.Context) (signed, error) {
	raw, err := f.source.get(ctx, layout.CheckpointPath, maxCheckpoint)
	if err != nil {
		return signed{}, err
	}
	cp, err := f.policy.ParseCheckpoint(raw)
	if receipt.Is(err, receipt.NotCosigned) {
		return signed{}, fmt.Errorf("%w: %w", ErrNotCosigned, err)
	}
	if err != nil {
		return signed{}, fmt.Errorf("%w: %w", ErrForeign, err)
	}
	return signed{raw: raw, Checkpoint: cp}, nil
}

// compare finds the conflicts that show without a proof.
func compare(last, now signed) error {
	switch {
	case now.Size < last.Size:
		return conflict(RolledBack, last, now)
	case now.Size > last.Size || bytes.Equal(now.Hash, last.Hash):
		return nil
	case last.isFirst(): // the root of no entries is known beforehand
		return fmt.Errorf("%w: the root of an empty log is another", ErrUnproven)
	}
	return conflict(Forked, last, now)
}

func conflict(kind Kind, last, now signed) *Conflict {
	return &Conflict{Kind: kind, Seen: last.raw, Served: now.raw, SeenSize: last.Size, ServedSize: now.Size}
}

// follow verifies the way from last to now, which is not shorter, and keeps the register
// of now.
func (f *Follower) follow(ctx context.Context, last, now signed, each func(Entry) error) error {
	t := newTree(f.source, now)
	before, rest, err := t.split(ctx, last.Size)
	if err != nil {
		return err
	}
	grown, err := t.rangeOf(0, last.Size, before)
	if err != nil {
		return err
	}
	if !hasRoot(grown, last.Hash) {
		c := conflict(Forked, last, now)
		c.Proof = slices.Concat(before, rest)
		return c
	}
	path := f.state + registerSuffix
	r, err := readRegister(path, last)
	if err != nil {
		return err
	}
	w := walk{tree: t, step: f.step, seen: last.Size, register: r, each: each}
	if r == nil { // from the first entry on
		w.register = newRegister()
		if grown, err = t.rangeOf(0, 0, nil); err != nil {
			return err
		}
	}
	if err := w.from(ctx, grown); err != nil {
		return err
	}
	return writeRegister(path, w.register, now)
}

// walk reads a tree's entries to its end.
type walk struct {
	tree     *tree
	step     uint64
	seen     uint64 // entries before this index are old
	register *register
	each     func(Entry) error
}

func (w walk) from(ctx context.Context, grown *compact.Range) error {
	for from := grown.End(); from < w.tree.signed.Size; {
		to := min(w.tree.signed.Size-from, w.step-from%w.step) + from
		portion, err := w.tree.extend(ctx, grown, to)
		if err != nil {
			return fmt.Errorf("entries %d to %d: %w", from, to-1, err)
		}
		for i, raw := range portion {
			if err := w.hand(from+uint64(i), raw); err != nil {
				return err
			}
		}
		from = to
	}
	return nil
}

// hand takes a verified entry into the register and hands it out.
func (w walk) hand(index uint64, raw []byte) error {
	e := Entry{Index: index, Raw: raw, IsOld: index < w.seen, register: w.register}
	if e.Entry, e.Unread = receipt.ParseEntry(raw); e.Unread == nil {
		var err error
		if e.Findings, err = w.register.add(index, digest(rfc6962.DefaultHasher.HashLeaf(raw)), e.Entry); err != nil {
			return err
		}
	}
	if e.IsOld && len(e.Findings) == 0 {
		return nil
	}
	return w.each(e)
}
