package mirror

import "time"

const (
	// workers is how many files are fetched at once. One static host answers some
	// hundred in a second through so many; more would be a burden to it.
	workers = 8
	// maxProblems bounds the problems that a report names one by one.
	maxProblems = 100

	// pullTimeout bounds the look at all addresses of one vendor for one artifact:
	// somebody waits for a signature.
	pullTimeout = 10 * time.Second
	// pullAgain is how soon the same file is looked for again. A pipeline that asks
	// every second until its evidence is there costs its vendor's host one request in
	// this time.
	pullAgain = 15 * time.Second
	// maxPulls is how many pulls run at once, for all vendors: each may hold a
	// repository's largest file in memory.
	maxPulls = 16
	// maxVendorPulls is how many of them are one vendor's.
	maxVendorPulls = 4
	// maxAddresses is how many addresses are asked for one artifact: as many as a
	// certificate names.
	maxAddresses = 8
)
