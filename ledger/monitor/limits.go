package monitor

import "time"

// Bounds on what the log's server sends.
const (
	// maxCheckpoint is the size of a checkpoint with room for cosignatures; package
	// receipt reads no more than 40 KiB.
	maxCheckpoint = 32 << 10
	// maxTile and maxBundle are the largest files of the tile layout: 256 hashes, and
	// 256 entries with their length in two bytes.
	maxTile   = tileWidth * hashBytes
	maxBundle = tileWidth * (1<<16 + 1)
	// maxHeader bounds a response's header; a static host sends some hundred bytes.
	maxHeader = 32 << 10
	// maxURL is the length of the log's address; ours have a few dozen bytes.
	maxURL = 1024
	// maxRedirects on the same host: servers redirect for a missing slash.
	maxRedirects = 3
	// defaultTimeout bounds one request, redirects and body included. A full bundle of
	// our entries has about 100 KiB, the largest that is possible 16 MiB.
	defaultTimeout = 30 * time.Second
	// step is how many entries are held in memory until they are verified; a multiple
	// of tileWidth, so that each bundle is fetched once.
	step = 16 * tileWidth
	// maxTilesKept bounds the tiles kept while proving. A proof for a log of 2^32
	// entries touches at most eight.
	maxTilesKept = 32
)
