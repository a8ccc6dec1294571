package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/client"
)

// Indexed is an entry and its place in the log.
type Indexed struct {
	Index uint64
	Entry receipt.Entry
}

// Entries yields the entries from index from up to the newest checkpoint, in
// order. It ends after the first error. The bytes come from our own disk; whoever
// needs proof asks for a Receipt.
func (l *Log) Entries(ctx context.Context, from uint64) iter.Seq2[Indexed, error] {
	return func(yield func(Indexed, error) bool) {
		size, err := l.Size(ctx)
		if err != nil {
			yield(Indexed{}, err)
			return
		}
		for from < size {
			bundle, err := client.GetEntryBundle(ctx, l.reader.ReadEntryBundle, from/layout.EntryBundleWidth, size)
			if err != nil {
				yield(Indexed{}, fmt.Errorf("read entry %d: %w", from, err))
				return
			}
			first := from % layout.EntryBundleWidth
			if uint64(len(bundle.Entries)) <= first {
				yield(Indexed{}, fmt.Errorf("read entry %d: %w: bundle too short", from, ErrDamaged))
				return
			}
			for _, raw := range bundle.Entries[first:] {
				if from == size { // the bundle on disk may have grown past the checkpoint
					return
				}
				e, err := receipt.ParseEntry(raw)
				if err != nil {
					yield(Indexed{}, fmt.Errorf("read entry %d: %w", from, err))
					return
				}
				if !yield(Indexed{Index: from, Entry: e}, nil) {
					return
				}
				from++
			}
		}
	}
}

// Consistency proves that the tree of the newest checkpoint extends the one of an
// earlier size: the hashes of RFC 6962 §2.1.2, and the checkpoint they lead to.
func (l *Log) Consistency(ctx context.Context, smaller uint64) (path [][]byte, checkpoint []byte, err error) {
	checkpoint, err = l.Checkpoint(ctx)
	if err != nil {
		return nil, nil, err
	}
	cp, err := receipt.ParseCheckpoint(checkpoint, l.verifier)
	if err != nil {
		return nil, nil, err
	}
	if smaller > cp.Size {
		return nil, nil, fmt.Errorf("consistency proof: the log has %d entries, not %d", cp.Size, smaller)
	}
	if smaller == 0 || smaller == cp.Size {
		return nil, checkpoint, nil
	}
	builder, err := client.NewProofBuilder(ctx, cp.Size, l.reader.ReadTile)
	if err != nil {
		return nil, nil, fmt.Errorf("consistency proof: %w", err)
	}
	path, err = builder.ConsistencyProof(ctx, smaller, cp.Size)
	if err != nil {
		return nil, nil, fmt.Errorf("consistency proof: %w", err)
	}
	return path, checkpoint, nil
}

// checkNewest proves the newest entry into the checkpoint. The proof takes every
// hash on the tree's right edge, so a missing or foreign tile there shows.
func checkNewest(ctx context.Context, files client.FileFetcher, cp receipt.Checkpoint) error {
	last := cp.Size - 1
	bundle, err := client.GetEntryBundle(ctx, files.ReadEntryBundle, last/layout.EntryBundleWidth, cp.Size)
	if err != nil {
		return err
	}
	raw, err := entryAt(bundle, last)
	if err != nil {
		return err
	}
	builder, err := client.NewProofBuilder(ctx, cp.Size, files.ReadTile)
	if err != nil {
		return err
	}
	path, err := builder.InclusionProof(ctx, last)
	if err != nil {
		return err
	}
	leaf := rfc6962.DefaultHasher.HashLeaf(raw)
	return proof.VerifyInclusion(rfc6962.DefaultHasher, last, cp.Size, leaf, path, cp.Hash)
}

func entryAt(b api.EntryBundle, index uint64) ([]byte, error) {
	i := index % layout.EntryBundleWidth
	if uint64(len(b.Entries)) <= i {
		return nil, errors.New("entry bundle too short")
	}
	return b.Entries[i], nil
}

func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = fmt.Errorf("%s: more than %d bytes", path, limit)
	}
	return raw, err
}
