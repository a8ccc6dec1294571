package bolt

import "time"

const (
	// defaultLockTimeout is how long Open waits for another process to let go: enough
	// for a restart that overlaps by a moment, short enough for a person to wait.
	defaultLockTimeout = time.Second

	// maxGroup bounds how many changes share a commit, and so how long the first of
	// them waits for the last. At about 20 µs a change this is under 10 ms.
	maxGroup = 256

	// minMap is the least address space that is mapped. While a reader is at work the
	// map cannot move, and a writer that needs more waits: with a slow backup, everybody
	// would. Address space is free, so there is room to grow into; memory is not used.
	minMap = 1 << 30

	// growthRoom is how many times its size at opening the file may reach before the map
	// must move.
	growthRoom = 4

	// fileMode: records hold encrypted keys and who did what.
	fileMode = 0o600
)
