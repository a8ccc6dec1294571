package ledger

import (
	"context"
	"fmt"

	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/client"
)

// Append writes an entry and returns its receipt (c2sp.org/tlog-proof v1) and its
// index. It takes a little more than the checkpoint interval of 0.1 s. On error the
// entry may be in the log nevertheless, unless the error is a *receipt.Error about
// the entry itself. Errors: *receipt.Error, ErrClosed, the context's, and those of
// the disk.
func (l *Log) Append(ctx context.Context, e receipt.Entry) (raw []byte, index uint64, err error) {
	data, err := e.Marshal()
	if err != nil {
		return nil, 0, err
	}
	if _, err := receipt.ParseEntry(data); err != nil {
		return nil, 0, err
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return nil, 0, ErrClosed
	}
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	at, checkpoint, err := l.await.Await(ctx, l.add(ctx, tessera.NewEntry(data)))
	if err != nil {
		return nil, 0, fmt.Errorf("append to log: %w", err)
	}
	raw, err = l.receipt(ctx, data, at.Index, checkpoint)
	if err != nil {
		return nil, 0, fmt.Errorf("append to log: entry %d: %w", at.Index, err)
	}
	return raw, at.Index, nil
}

// Receipt makes a receipt for an entry that is in the log already, under the newest
// checkpoint.
func (l *Log) Receipt(ctx context.Context, e receipt.Entry, index uint64) ([]byte, error) {
	data, err := e.Marshal()
	if err != nil {
		return nil, err
	}
	checkpoint, err := l.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	return l.receipt(ctx, data, index, checkpoint)
}

// receipt builds a receipt and hands it out only if it verifies: one that does not
// would be found out by users, long after the assessment was accepted.
func (l *Log) receipt(ctx context.Context, data []byte, index uint64, checkpoint []byte) ([]byte, error) {
	cp, err := receipt.ParseCheckpoint(checkpoint, l.verifier)
	if err != nil {
		return nil, err
	}
	builder, err := client.NewProofBuilder(ctx, cp.Size, l.reader.ReadTile)
	if err != nil {
		return nil, err
	}
	path, err := builder.InclusionProof(ctx, index)
	if err != nil {
		return nil, err
	}
	hashes := make([][32]byte, len(path))
	for i, h := range path {
		if copy(hashes[i][:], h) != len(hashes[i]) {
			return nil, fmt.Errorf("proof hash of %d bytes", len(h))
		}
	}
	raw := receipt.Marshal(data, index, hashes, checkpoint)
	if _, err := receipt.Verify(raw, l.verifier); err != nil {
		return nil, err
	}
	return raw, nil
}
