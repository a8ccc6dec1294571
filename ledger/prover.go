package ledger

import (
	"context"
	"fmt"
	"sync"

	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/client"
)

// prover makes proofs in the tree of one size, for many goroutines. It remembers the
// tiles that it has read and the nodes that it has computed, so that the receipts of
// entries that were published together cost little more than one. What it remembers
// grows with the entries that are asked about: one is for one checkpoint.
type prover struct {
	size uint64
	read client.TileFetcherFunc

	mu    sync.Mutex
	tiles map[tileID]api.HashTile
	nodes map[compact.NodeID][]byte
}

type tileID struct{ level, index uint64 }

func newProver(size uint64, read client.TileFetcherFunc) *prover {
	return &prover{size: size, read: read, tiles: map[tileID]api.HashTile{}, nodes: map[compact.NodeID][]byte{}}
}

// inclusion is the proof of RFC 6962 §2.1.1.
func (p *prover) inclusion(ctx context.Context, index uint64) ([][]byte, error) {
	nodes, err := proof.Inclusion(index, p.size)
	if err != nil {
		return nil, err
	}
	return p.path(ctx, nodes)
}

// consistency is the proof of RFC 6962 §2.1.2.
func (p *prover) consistency(ctx context.Context, smaller uint64) ([][]byte, error) {
	nodes, err := proof.Consistency(smaller, p.size)
	if err != nil {
		return nil, err
	}
	return p.path(ctx, nodes)
}

func (p *prover) path(ctx context.Context, nodes proof.Nodes) ([][]byte, error) {
	hashes, err := p.hashes(ctx, nodes.IDs)
	if err != nil {
		return nil, err
	}
	return nodes.Rehash(hashes, rfc6962.DefaultHasher.HashChildren)
}

// root computes the root hash from the tiles.
func (p *prover) root(ctx context.Context) ([]byte, error) {
	if p.size == 0 {
		return rfc6962.DefaultHasher.EmptyRoot(), nil
	}
	hashes, err := p.hashes(ctx, compact.RangeNodes(0, p.size, nil))
	if err != nil {
		return nil, err
	}
	whole, err := newRange(p.size, hashes)
	if err != nil {
		return nil, err
	}
	return whole.GetRootHash(nil)
}

func (p *prover) hashes(ctx context.Context, ids []compact.NodeID) ([][]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	hashes := make([][]byte, len(ids))
	for i, id := range ids {
		h, err := p.node(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("node %d/%d: %w", id.Level, id.Index, err)
		}
		hashes[i] = h
	}
	return hashes, nil
}

// node must be called with mu held.
func (p *prover) node(ctx context.Context, id compact.NodeID) ([]byte, error) {
	if h, ok := p.nodes[id]; ok {
		return h, nil
	}
	level, index, height, place := layout.NodeCoordsToTileAddress(uint64(id.Level), id.Index)
	tile, err := p.tile(ctx, tileID{level, index})
	if err != nil {
		return nil, err
	}
	first, last := place<<height, (place+1)<<height
	if last > uint64(len(tile.Nodes)) {
		return nil, fmt.Errorf("tile %d/%d holds %d hashes, not %d", level, index, len(tile.Nodes), last)
	}
	subtree, err := newRange(0, nil)
	if err != nil {
		return nil, err
	}
	for _, h := range tile.Nodes[first:last] {
		if err := subtree.Append(h, nil); err != nil {
			return nil, err
		}
	}
	h, err := subtree.GetRootHash(nil)
	if err != nil {
		return nil, err
	}
	p.nodes[id] = h
	return h, nil
}

func (p *prover) tile(ctx context.Context, id tileID) (api.HashTile, error) {
	if tile, ok := p.tiles[id]; ok {
		return tile, nil
	}
	raw, err := p.read(ctx, id.level, id.index, layout.PartialTileSize(id.level, id.index, p.size))
	if err != nil {
		return api.HashTile{}, err
	}
	var tile api.HashTile
	if err := tile.UnmarshalText(raw); err != nil {
		return api.HashTile{}, fmt.Errorf("tile %d/%d: %w", id.level, id.index, err)
	}
	p.tiles[id] = tile
	return tile, nil
}

func newRange(end uint64, hashes [][]byte) (*compact.Range, error) {
	return (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewRange(0, end, hashes)
}

// extends checks that the tree with this root begins with that of last. So the key
// never signs two histories, whatever became of the files under us.
func (p *prover) extends(ctx context.Context, last receipt.Checkpoint, root []byte) error {
	if p.size < last.Size {
		return fmt.Errorf("%w: %d entries after a checkpoint of %d", ErrRolledBack, p.size, last.Size)
	}
	if last.Size == 0 {
		return nil
	}
	path, err := p.consistency(ctx, last.Size)
	if err != nil {
		return fmt.Errorf("consistency with %d entries: %w", last.Size, err)
	}
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, last.Size, p.size, path, last.Hash, root); err != nil {
		return fmt.Errorf("%w: the tree does not extend the checkpoint of %d entries: %w", ErrDamaged, last.Size, err)
	}
	return nil
}
