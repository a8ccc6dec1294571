package notify

import "time"

// Bounds on an event. By construction the largest fits in MaxBodyBytes: news must not
// be what keeps a revocation from being recorded.
const (
	// MaxBodyBytes bounds the body of a request; Standard Webhooks recommends to stay
	// below 20 KB.
	MaxBodyBytes = 20 << 10
	// maxFields bounds the fields of an event's data; ours have ten.
	maxFields = 16
	// maxFieldBytes bounds one text as it stands in JSON. A longer one is cut: whoever
	// wants all of it asks the API.
	maxFieldBytes = 1024
	maxNameBytes  = 64
	maxNumber     = 32 // bytes
	// maxIDBytes bounds what a notice is about: its type, two digests and a time fit.
	maxIDBytes = 512
)

// Bounds on a delivery. Where Standard Webhooks names none they are a guess.
const (
	// attemptTimeout bounds one request with its answer; the recommendation is 15 to
	// 30 seconds.
	attemptTimeout = 20 * time.Second
	// firstDelay and backoff make the schedule: 5 s, 20 s, 80 s, 5 min, 21 min, 85 min,
	// 5.7 h, and from then on maxDelay.
	firstDelay = 5 * time.Second
	backoff    = 4
	maxDelay   = 6 * time.Hour
	// maxJitter is added to a delay at random, as a part of it, so that those who failed
	// together do not come back together.
	maxJitter = 0.25
	// GiveUpAfter is how long after its first try a delivery is given up, if that last
	// try fails: a long weekend.
	GiveUpAfter = 72 * time.Hour
	// maxRetryAfter bounds how long a webhook may ask us to wait.
	maxRetryAfter = 24 * time.Hour

	// maxAnswerBytes is how much of an answer is read, to use the connection again.
	// Nothing in it matters but the status.
	maxAnswerBytes = 4 << 10
	// maxAnswerHeader bounds an answer's header, where the Client is our own.
	maxAnswerHeader = 32 << 10
	// maxError bounds what is kept of an error.
	maxError = 200
	// maxBatch is how many notices one webhook's round holds in memory at once.
	maxBatch = 200
	// maxSettled is how many notices one transaction settles.
	maxSettled = 1000
)

// Bounds on a request that Verify judges.
const (
	// Tolerance is how far a request's timestamp may lie from the receiver's clock.
	// It bounds for how long a copied request can be sent again.
	Tolerance = 5 * time.Minute
	// maxHeaderBytes bounds each of the three headers; a signature has 47 bytes.
	maxHeaderBytes = 2048
	// maxSignatures bounds the signatures of one request; two are there while a secret
	// changes.
	maxSignatures = 16
)

// Bounds on a secret, from Standard Webhooks: 192 to 512 bits.
const (
	minSecretBytes = 24
	maxSecretBytes = 64
	newSecretBytes = 32
)
