package repository

import "github.com/hallmark-pki/hallmark/attest"

// Bounds, shared by writer and reader.
const (
	// MaxEnvelopes is how many envelopes one digest may have: provenance, some
	// rebuilders, scans, summaries. Past it a repository is being filled, not used.
	MaxEnvelopes = 64
	// MaxFile is the size of one file in bytes; with typical envelopes of 16 KB the
	// count is reached first.
	MaxFile = 8 << 20
	// MaxSubjects is how many files one Put may touch.
	MaxSubjects = attest.MaxSubjects

	// maxRemembered is the size of a file that is kept in memory, in bytes; with what
	// package recent keeps, 64 MB at most. A guess: four envelopes of typical size.
	maxRemembered = 64 << 10

	maxVendor = 63 // a DNS label, so that a vendor can be a host name one day
)
