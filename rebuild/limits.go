package rebuild

import "time"

const (
	// MaxWait is how long a claim waits for work: less than clients and proxies do.
	MaxWait = 30 * time.Second
	// lookInterval is how soon a waiting claim looks again though nobody woke it: jobs
	// may come from another process, or from a transaction whose caller forgot to Poke.
	lookInterval = 5 * time.Second
	// maxPolls is how many claims of one rebuilder wait at once. Each holds a request
	// open; machines of one operator may share an id. A guess.
	maxPolls = 8
	// maxWaits is how many claims of all rebuilders wait at once: a quarter of the requests
	// that a server works on. Further ones are answered without waiting.
	maxWaits = 128

	// leaseTime is how long a job stays with a rebuilder that is not heard of.
	leaseTime = 5 * time.Minute
	// HeartbeatInterval is how often a rebuilder says that it is still at work: three
	// times within a lease, so that two may be lost.
	HeartbeatInterval = leaseTime / 3
	// maxHold is how long heartbeats keep a job: whole distributions build in less.
	maxHold = 24 * time.Hour
	// maxTries is how often a job is given out before it is given up: what kills a
	// rebuilder five times will do so again. A guess.
	maxTries = 5
	// firstPause is how long a job rests after its first lease ran out; each further
	// pause is four times as long, up to maxPause.
	firstPause = time.Minute
	maxPause   = time.Hour
	// maxAge is how long a job waits for a rebuilder that does not come.
	maxAge = 14 * 24 * time.Hour
	// stuckAfter is when a job that waits is worth an administrator's look.
	stuckAfter = 24 * time.Hour

	// maxOpen bounds the jobs of one vendor that are not over, so that one vendor does
	// not fill everybody's queue: a distribution of 10,000 packages with six rebuilders. A
	// guess.
	maxOpen = 60_000
	// maxLook is how many jobs one claim judges in one transaction, before it has found
	// one to give out.
	maxLook = 32
	// maxPassed is how many jobs one claim reads, those that it passes over included: tens of
	// milliseconds, and no more than one vendor's mistake makes of a day's builds. A guess.
	maxPassed = 5000
	// maxPassedOfVendor is how many of them are one vendor's, and maxGivenUpOfVendor how many
	// of the jobs that it gives up: the other vendors get their turn in the same claim.
	maxPassedOfVendor  = 1000
	maxGivenUpOfVendor = 8
	// maxSwept is how many jobs one transaction gives up.
	maxSwept = 200

	// MaxEnvelopes is how many statements one outcome has: the rebuild's own and those of
	// what was run on the artifact. A repository keeps 64 for an artifact.
	MaxEnvelopes = 16
	// maxOutcomeBytes bounds them together: a bill of materials of a large program is
	// under a megabyte. A guess.
	maxOutcomeBytes = 4 << 20
	// maxEvidence bounds the envelopes in which a source is looked for: what a repository
	// keeps for one artifact.
	maxEvidence = 64

	maxIDBytes      = 64   // of a job's id; ours have 32
	maxNameBytes    = 256  // of a product or person
	maxURIBytes     = 2048 // of a source
	maxQuotedLength = 200  // of text from outside, in messages and records
)
