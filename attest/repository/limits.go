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
	// vendorEnvelopes and vendorFile are what a vendor itself may fill of a digest. The
	// rest is for those whom it must not crowd out: rebuilders, who may have to say that
	// a build is not what it claims, and the CA.
	vendorEnvelopes = MaxEnvelopes * 3 / 4
	vendorFile      = MaxFile * 3 / 4
	// MaxSubjects is how many files one Put may touch.
	MaxSubjects = attest.MaxSubjects

	// DefaultQuotaBytes and DefaultQuotaEnvelopes are what a vendor may have on file where
	// nothing else is configured: five years of a hundred builds a day, with five
	// envelopes of 8 KB each. A guess with room.
	DefaultQuotaBytes     = 8 << 30
	DefaultQuotaEnvelopes = 1_000_000
	// MaxList is how many artifacts one List returns.
	MaxList = 1000

	// maxRemembered is the size of a file that is kept in memory, in bytes; with what
	// package recent keeps, 64 MB at most. A guess: four envelopes of typical size.
	maxRemembered = 64 << 10

	maxVendor = 63 // a DNS label, so that a vendor can be a host name one day
)
