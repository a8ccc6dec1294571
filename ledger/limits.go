package ledger

import "time"

const (
	// batchAge is how long the log library waits for more entries to write together.
	// What we hand it at once is added in less; a longer batch may be cut in two.
	batchAge = time.Millisecond
	// batchSize is how many entries are written together: bundles of the tile layout, which
	// saves the partial files in between.
	batchSize = 4096
	// maxCommit is how many entries are added before a checkpoint is written: about what
	// takes half a second.
	maxCommit = 4096
	// maxGather is how long a commit waits at most for callers to come back. Making a
	// receipt takes a tenth of a millisecond, and a hundred callers have one processor.
	maxGather = 10 * time.Millisecond
	// collectInterval is how often the library removes partial tiles that full ones
	// have replaced, 100 bundles at a time. Its own once a minute would fall behind a
	// log that grows by more than 400 entries a second.
	collectInterval = 10 * time.Second
	// publishRetry is how long to wait before a failed publication is tried again, and
	// maxRetry what that grows to: a witness that is away is asked at least so often.
	publishRetry = 100 * time.Millisecond
	maxRetry     = 10 * time.Second
	// refreshInterval is how old the witnesses' cosignatures on an unchanged log may
	// be: whoever wonders whether a log is hidden from them looks at their time.
	refreshInterval = 10 * time.Minute
	// witnessTimeout bounds one round of asking all witnesses.
	witnessTimeout = 5 * time.Second
	// maxWitnesses, with cosignatures of some 200 bytes each, keeps receipts far below
	// receipt.MaxReceipt.
	maxWitnesses = 16
	// maxWitnessAnswer is what is read of a witness's answer: a signature line.
	maxWitnessAnswer = 8 << 10
	// appendTimeout bounds Append when the caller's context does not: publication
	// stops when the disk is full or the clock is set back, and a request must not
	// hang on it.
	appendTimeout = 30 * time.Second
	// maxReorder is how often AppendAll tries again when the log library has changed the
	// order of entries. It can only if the process stands still for milliseconds at
	// one instruction; thrice in a row, something else is wrong.
	maxReorder = 3
	// maxCheckpoint is how many bytes of a checkpoint file are read.
	maxCheckpoint = 32 << 10
	// maxTile and maxBundle are the largest files of the tile layout: 256 hashes, and
	// 256 entries with their length.
	maxTile   = 256 * 32
	maxBundle = 256 * (1<<16 + 1)
	// checkpointMode: everybody may read the log.
	checkpointMode = 0o644
)
