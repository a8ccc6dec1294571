package ledger

import (
	"context"
	"fmt"

	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// Append writes an entry and returns its receipt (c2sp.org/tlog-proof v1) and its
// index. It takes some milliseconds, and as long as the witnesses take. On error the
// entry may be in the log nevertheless, unless the error is a *receipt.Error about
// the entry itself. Errors: *receipt.Error, ErrNotCosigned, ErrClosed, the context's,
// and those of the disk.
func (l *Log) Append(ctx context.Context, e receipt.Entry) (raw []byte, index uint64, err error) {
	data, err := marshal(e)
	if err != nil {
		return nil, 0, err
	}
	indexes, at, err := l.append(ctx, [][]byte{data})
	if err != nil {
		return nil, 0, fmt.Errorf("append to log: %w", err)
	}
	raw, err = l.receipt(ctx, data, indexes[0], at)
	if err != nil {
		return nil, 0, fmt.Errorf("append to log: entry %d: %w", indexes[0], err)
	}
	return raw, indexes[0], nil
}

// AppendAll writes entries in their order, maybe with others' between them, and waits
// once until all are published. It returns their indexes, which ascend. None is written
// if one of them is refused; after another error some may be in the log or not. Errors
// are those of Append.
func (l *Log) AppendAll(ctx context.Context, entries []receipt.Entry) (indexes []uint64, err error) {
	if len(entries) == 0 {
		return nil, nil
	}
	data := make([][]byte, len(entries))
	for i, e := range entries {
		if data[i], err = marshal(e); err != nil {
			return nil, fmt.Errorf("entry %d of %d: %w", i, len(entries), err)
		}
	}
	indexes, _, err = l.append(ctx, data)
	if err != nil {
		return nil, fmt.Errorf("append %d entries to log: %w", len(entries), err)
	}
	return indexes, nil
}

// AppendRaw is AppendAll for entries as receipt.Entry.Marshal has written them.
func (l *Log) AppendRaw(ctx context.Context, entries [][]byte) (indexes []uint64, err error) {
	if len(entries) == 0 {
		return nil, nil
	}
	for i, raw := range entries {
		if _, err := receipt.ParseEntry(raw); err != nil {
			return nil, fmt.Errorf("entry %d of %d: %w", i, len(entries), err)
		}
	}
	if indexes, _, err = l.append(ctx, entries); err != nil {
		return nil, fmt.Errorf("append %d entries to log: %w", len(entries), err)
	}
	return indexes, nil
}

// marshal makes sure that what is written can be read.
func marshal(e receipt.Entry) ([]byte, error) {
	data, err := e.Marshal()
	if err != nil {
		return nil, err
	}
	_, err = receipt.ParseEntry(data)
	return data, err
}

// append adds leaves in their order and waits for a checkpoint that covers them.
func (l *Log) append(ctx context.Context, leaves [][]byte) ([]uint64, head, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return nil, head{}, ErrClosed
	}
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	if ctx.Err() != nil {
		return nil, head{}, l.committer.why(ctx)
	}
	return l.committer.do(ctx, leaves)
}

// Receipt makes a receipt for an entry that is in the log already, under the newest
// checkpoint.
func (l *Log) Receipt(ctx context.Context, e receipt.Entry, index uint64) ([]byte, error) {
	data, err := e.Marshal()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	at, err := l.committer.await(ctx)
	if err != nil {
		return nil, fmt.Errorf("receipt of entry %d: %w", index, err)
	}
	// A prover of its own: the shared one would keep the tiles of all the old entries
	// that anybody ever asked about.
	at.prover = newProver(at.Size, l.reader.ReadTile)
	return l.receipt(ctx, data, index, at)
}

// receipt builds a receipt and hands it out only if it would verify: one that does not
// would be found out by users, long after the assessment was accepted. The checkpoint
// was verified when it was published, so the way to its root is left.
func (l *Log) receipt(ctx context.Context, data []byte, index uint64, at head) ([]byte, error) {
	path, err := at.prover.inclusion(ctx, index)
	if err != nil {
		return nil, err
	}
	leaf := rfc6962.DefaultHasher.HashLeaf(data)
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, index, at.Size, leaf, path, at.Hash); err != nil {
		return nil, &receipt.Error{Reason: receipt.NotIncluded, Err: err}
	}
	hashes := make([][32]byte, len(path))
	for i, h := range path {
		hashes[i] = [32]byte(h) // of SHA-256: VerifyInclusion has computed with it
	}
	raw := receipt.Marshal(data, index, hashes, at.raw)
	if len(raw) > receipt.MaxReceipt {
		return nil, &receipt.Error{Reason: receipt.TooLarge, Detail: "receipt"}
	}
	return raw, nil
}
