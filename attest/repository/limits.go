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

	maxVendor = 63 // a DNS label, so that a vendor can be a host name one day
)
