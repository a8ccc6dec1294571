package doctor

import (
	"bytes"
	"context"

	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
)

// grown is the tree of the entries that were read, RFC 6962 §2.1: a few hashes.
type grown struct{ tree *compact.Range }

func newGrown() grown {
	return grown{(&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)}
}

func (g grown) add(entry []byte) error {
	return g.tree.Append(rfc6962.DefaultHasher.HashLeaf(entry), nil)
}

// root holds the entries against what the log's key has signed. The log itself looks at
// its newest entry only when it is opened; one that was changed on disk before, with its
// record in the store, shows here.
func (e *examination) root(ctx context.Context, g grown) error {
	raw, err := e.Log.Checkpoint(ctx)
	if err != nil {
		return err
	}
	signed, err := receipt.ParseCheckpoint(raw, e.LogKey)
	if err != nil {
		return err
	}
	have := rfc6962.DefaultHasher.EmptyRoot()
	if g.tree.End() > 0 {
		if have, err = g.tree.GetRootHash(nil); err != nil {
			return err
		}
	}
	if g.tree.End() != signed.Size || !bytes.Equal(have, signed.Hash) {
		e.problem("ledger", "its files were changed, or the disk is failing: restore the log from a backup that leads to this root, and look at who can write to it",
			"its %d entries do not lead to the root of %d that its checkpoint signs", g.tree.End(), signed.Size)
	}
	return nil
}
