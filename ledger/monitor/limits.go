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
	// defaultTimeout bounds one request, redirects and body included. A full bundle of
	// our entries has about 100 KiB, the largest that is possible 16 MiB.
	defaultTimeout = 30 * time.Second
	// step is how many entries are held in memory until they are verified; a multiple
	// of tileWidth, so that each bundle is fetched once.
	step = 16 * tileWidth
	// maxTilesKept bounds the tiles kept while proving. A proof for a log of 2^32
	// entries touches at most eight.
	maxTilesKept = 32
	// maxInForce is how many assessments may be in force, or in review: a CA is built for
	// 100,000. Each takes about 200 bytes, on disk as in memory.
	maxInForce = 1 << 18
	// maxEnded is how many assessments that ended last are remembered, at least, so that
	// a finding can say what ended one; twice as many at most.
	maxEnded = 10_000
	// maxKeys is how many keys of auditors are remembered.
	maxKeys = 1 << 16
	// maxRecent is how many entries that grant something are remembered by their hash. A
	// CA logs at most 1000 entries at once, and after a crash the same ones again.
	maxRecent = 4096
	// maxLine and maxLines bound the register's file; the longest line has about 220 bytes.
	maxLine  = 512
	maxLines = maxInForce + 2*maxEnded + maxKeys + maxRecent + 8
)
