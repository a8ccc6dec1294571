package monitor

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api/layout"
)

const (
	tileWidth = layout.TileWidth
	hashBytes = 32 // of SHA-256
)

// tree reads the tiles and entries of the tree that a checkpoint signs. What it reads
// is unverified until it leads to the root.
type tree struct {
	source *source
	signed signed
	tiles  map[tileAddress][][]byte
	ranges *compact.RangeFactory // one for all: ranges of two cannot be compared
}

type tileAddress struct{ level, index uint64 }

func newTree(s *source, cp signed) *tree {
	return &tree{
		source: s, signed: cp, tiles: map[tileAddress][][]byte{},
		ranges: &compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren},
	}
}

// split returns the hashes of the subtrees that make up the first n entries, and those
// of the rest. Together they lead to the signed root, so that each is the one that the
// log committed to.
func (t *tree) split(ctx context.Context, n uint64) (before, rest [][]byte, err error) {
	if before, err = t.nodes(ctx, 0, n); err != nil {
		return nil, nil, err
	}
	if rest, err = t.nodes(ctx, n, t.signed.Size); err != nil {
		return nil, nil, err
	}
	whole, err := t.rangeOf(0, n, before)
	if err != nil {
		return nil, nil, err
	}
	right, err := t.rangeOf(n, t.signed.Size, rest)
	if err != nil {
		return nil, nil, err
	}
	if err := whole.AppendRange(right, nil); err != nil {
		return nil, nil, err
	}
	if !hasRoot(whole, t.signed.Hash) {
		return nil, nil, fmt.Errorf("%w: its tiles do not", ErrUnproven)
	}
	return before, rest, nil
}

// extend reads the entries from the end of r up to, not including, to, adds them to r,
// and returns them if r then is the tree's own beginning.
func (t *tree) extend(ctx context.Context, r *compact.Range, to uint64) ([][]byte, error) {
	portion, err := t.entries(ctx, r.End(), to)
	if err != nil {
		return nil, err
	}
	for _, raw := range portion {
		if err := r.Append(rfc6962.DefaultHasher.HashLeaf(raw), nil); err != nil {
			return nil, err
		}
	}
	if err := t.isPrefix(ctx, r); err != nil {
		return nil, err
	}
	return portion, nil
}

// isPrefix checks that r is the tree's own beginning.
func (t *tree) isPrefix(ctx context.Context, r *compact.Range) error {
	before, _, err := t.split(ctx, r.End())
	if err != nil {
		return err
	}
	own, err := t.rangeOf(0, r.End(), before)
	if err != nil {
		return err
	}
	if !r.Equal(own) {
		return fmt.Errorf("%w: its entries do not", ErrUnproven)
	}
	return nil
}

// nodes reads the hashes of the largest subtrees that make up entries begin to end.
func (t *tree) nodes(ctx context.Context, begin, end uint64) ([][]byte, error) {
	var hashes [][]byte
	for _, id := range compact.RangeNodes(begin, end, nil) {
		level, index, height, place := layout.NodeCoordsToTileAddress(uint64(id.Level), id.Index)
		tile, err := t.tile(ctx, tileAddress{level, index})
		if err != nil {
			return nil, err
		}
		first, last := place<<height, (place+1)<<height
		if last > uint64(len(tile)) {
			return nil, fmt.Errorf("tile %d/%d holds %d hashes, not %d", level, index, len(tile), last)
		}
		subtree := t.ranges.NewEmptyRange(0)
		for _, h := range tile[first:last] {
			if err := subtree.Append(h, nil); err != nil {
				return nil, err
			}
		}
		root, err := subtree.GetRootHash(nil)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, root)
	}
	return hashes, nil
}

func (t *tree) tile(ctx context.Context, at tileAddress) ([][]byte, error) {
	if tile, ok := t.tiles[at]; ok {
		return tile, nil
	}
	width := layout.PartialTileSize(at.level, at.index, t.signed.Size)
	raw, isFull, err := t.source.getPartial(ctx, func(p uint8) string { return layout.TilePath(at.level, at.index, p) }, width, maxTile)
	if err != nil {
		return nil, err
	}
	tile, err := parseTile(raw, isFull, width)
	if err != nil {
		return nil, fmt.Errorf("%w: tile %d/%d: %w", ErrUnproven, at.level, at.index, err)
	}
	if len(t.tiles) == maxTilesKept {
		clear(t.tiles)
	}
	t.tiles[at] = tile
	return tile, nil
}

// entries reads the entries from index from up to, not including, to.
func (t *tree) entries(ctx context.Context, from, to uint64) ([][]byte, error) {
	var all [][]byte
	for r := range layout.Range(from, to-from, t.signed.Size) {
		raw, isFull, err := t.source.getPartial(ctx, func(p uint8) string { return layout.EntriesPath(r.Index, p) }, r.Partial, maxBundle)
		if err != nil {
			return nil, err
		}
		bundle, err := parseBundle(raw, count(isFull, r.Partial))
		if err != nil {
			return nil, fmt.Errorf("%w: entry bundle %d: %w", ErrUnproven, r.Index, err)
		}
		all = append(all, bundle[r.First:r.First+r.N]...)
	}
	return all, nil
}

// count is how many hashes or entries a file must hold. A partial one that the log has
// replaced comes as the full one.
func count(isFull bool, width uint8) int {
	if isFull || width == 0 {
		return tileWidth
	}
	return int(width)
}

func parseTile(raw []byte, isFull bool, width uint8) ([][]byte, error) {
	n := count(isFull, width)
	if len(raw) != n*hashBytes {
		return nil, fmt.Errorf("%d bytes instead of %d hashes", len(raw), n)
	}
	hashes := make([][]byte, n)
	for i := range hashes {
		hashes[i] = raw[i*hashBytes : (i+1)*hashBytes]
	}
	return hashes, nil
}

// parseBundle reads exactly n entries, each behind its length in two bytes.
func parseBundle(raw []byte, n int) ([][]byte, error) {
	entries := make([][]byte, n)
	for i := range entries {
		if len(raw) < 2 {
			return nil, fmt.Errorf("ends within entry %d of %d", i, n)
		}
		size := int(binary.BigEndian.Uint16(raw))
		if raw = raw[2:]; len(raw) < size {
			return nil, fmt.Errorf("ends within entry %d of %d", i, n)
		}
		entries[i], raw = raw[:size], raw[size:]
	}
	if len(raw) > 0 {
		return nil, fmt.Errorf("%d bytes behind the last of %d entries", len(raw), n)
	}
	return entries, nil
}

// rangeOf copies hashes: a range changes its own while it grows.
func (t *tree) rangeOf(begin, end uint64, hashes [][]byte) (*compact.Range, error) {
	r, err := t.ranges.NewRange(begin, end, slices.Clone(hashes))
	if err != nil {
		return nil, fmt.Errorf("entries %d to %d: %w", begin, end, err)
	}
	return r, nil
}

func hasRoot(r *compact.Range, want []byte) bool {
	if r.End() == 0 {
		return bytes.Equal(rfc6962.DefaultHasher.EmptyRoot(), want)
	}
	got, err := r.GetRootHash(nil)
	return err == nil && bytes.Equal(got, want)
}
