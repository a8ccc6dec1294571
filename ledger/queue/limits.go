package queue

// maxBatch bounds what one Flush holds in memory and one transaction writes: about a
// megabyte of entries, 16 MiB if each were as long as can be, and a fraction of what the
// log takes in one checkpoint.
const maxBatch = 1000
