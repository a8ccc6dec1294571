package ledger

import "time"

const (
	// checkpointInterval is how often a grown tree is published: the shortest that
	// tessera permits. It is most of what Append takes.
	checkpointInterval = 100 * time.Millisecond
	// batchAge is how long an entry waits for others to share its writes. Short,
	// since accepting assessments is rare and people wait for it.
	batchAge  = 5 * time.Millisecond
	batchSize = 256
	// pollInterval is how often the published checkpoint is looked at while an
	// Append waits.
	pollInterval = 10 * time.Millisecond
	// appendTimeout bounds Append when the caller's context does not: publication
	// stops when the disk is full or the clock is set back, and a request must not
	// hang on it.
	appendTimeout = 30 * time.Second
	// maxCheckpoint is how many bytes of a checkpoint file are read.
	maxCheckpoint = 32 << 10
	// maxTile and maxBundle are the largest files of the tile layout: 256 hashes, and
	// 256 entries with their length.
	maxTile   = 256 * 32
	maxBundle = 256 * (1<<16 + 1)
)
