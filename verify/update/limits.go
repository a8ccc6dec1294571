package update

import "time"

const (
	// maxMetadataBytes bounds a file of metadata; ours have 2 KiB.
	maxMetadataBytes = 64 << 10
	// maxRoots bounds how many roots are followed; one a year is many.
	maxRoots = 256
	// exchangeTimeout bounds one file over the network: the largest status bundle at 1 MB/s.
	exchangeTimeout = time.Minute
	// totalTimeout bounds a whole update: what a timer started must not pile up.
	totalTimeout = 5 * time.Minute
)
