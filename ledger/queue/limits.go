package queue

const (
	// maxBatch bounds what one Flush holds in memory and hands to the log: some four
	// megabytes of entries, 64 MiB if each were as long as can be, and what the log takes in
	// one checkpoint. Each batch writes some files of the log anew.
	maxBatch = 4096
	// maxMark bounds what one transaction writes, for which all others wait.
	maxMark = 1024
)
