package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/hallmark-pki/hallmark/durable"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/api/layout"
)

// publisher signs the tree, has the witnesses cosign it and puts the checkpoint in its
// place. tessera's own publication does so every 0.1 s at most, which would be most of
// what an append takes.
type publisher struct {
	dir    string
	reader tessera.LogReader
	sign   func(ctx context.Context, size uint64, root []byte) ([]byte, error) // asks the witnesses as well
	policy receipt.Policy                                                      // what a checkpoint must hold to be published
}

// head is a checkpoint in its place; the zero head is that of a log without one.
type head struct {
	raw []byte
	receipt.Checkpoint
	prover *prover
}

// read returns what is published already. The error of a log without a checkpoint wraps
// fs.ErrNotExist.
func (p *publisher) read() (head, error) {
	raw, err := readBounded(filepath.Join(p.dir, layout.CheckpointPath), maxCheckpoint)
	if err != nil {
		return head{}, err
	}
	cp, err := receipt.ParseCheckpoint(raw, p.policy.Logs...)
	if err != nil {
		return head{}, err
	}
	return head{raw: raw, Checkpoint: cp, prover: newProver(cp.Size, p.reader.ReadTile)}, nil
}

// publish brings the checkpoint up to the tree. Without growth it returns last, unless
// isForced has that signed and cosigned anew.
func (p *publisher) publish(ctx context.Context, last head, isForced bool) (head, error) {
	size, err := p.reader.IntegratedSize(ctx)
	if err != nil {
		return head{}, err
	}
	if size == last.Size && last.raw != nil && !isForced {
		return last, nil
	}
	next := newProver(size, p.reader.ReadTile)
	root, err := next.root(ctx)
	if err != nil {
		return head{}, fmt.Errorf("root of %d entries: %w", size, err)
	}
	if err := next.extends(ctx, last.Checkpoint, root); err != nil {
		return head{}, err
	}
	raw, err := p.sign(ctx, size, root)
	if err != nil && len(p.policy.Witnesses) > 0 {
		return head{}, fmt.Errorf("%w: %w", ErrNotCosigned, err)
	}
	if err != nil {
		return head{}, err
	}
	cp, err := p.policy.ParseCheckpoint(raw)
	if err != nil {
		return head{}, err
	}
	if cp.Size != size || !bytes.Equal(cp.Hash, root) {
		return head{}, errors.New("the signer signed another tree")
	}
	if err := durable.WriteFile(filepath.Join(p.dir, layout.CheckpointPath), raw, checkpointMode); err != nil {
		return head{}, err
	}
	return head{raw: raw, Checkpoint: cp, prover: next}, nil
}
