package confirm

import "time"

const (
	// DefaultWithin is how long a signature may stay unconfirmed unless the operator says
	// otherwise: a rebuild takes minutes to hours, and somebody may have to be woken.
	DefaultWithin = 24 * time.Hour
	// MinWithin and MaxWithin bound what an operator may say. Nothing can be rebuilt in
	// less than a second; after a week most machines have installed what is waiting.
	MinWithin = time.Second
	MaxWithin = 7 * 24 * time.Hour

	// MaxHold is how long after its deadline a signature may be held at most, whoever
	// wants it: over a long weekend.
	MaxHold = 72 * time.Hour
	// DefaultHold is how long two officers hold a signature unless they say otherwise.
	DefaultHold = 24 * time.Hour
	// AgreeWithin is how soon the second officer must agree: longer ago, the first one
	// spoke of another situation.
	AgreeWithin = time.Hour

	// DefaultStorm* are the storm brake unless the operator says otherwise. Ten builds
	// found out within an hour are more likely one broken rebuilder than ten attacks.
	DefaultStormRevocations = 10
	DefaultStormWithin      = time.Hour
	DefaultStormWait        = 24 * time.Hour
	// MaxStormWait bounds how long the brake may keep a revocation waiting: who causes a
	// storm must not gain more than a hold could give.
	MaxStormWait = MaxHold
	// StormOfAll is how many vendors' worth of revocations brake everybody, unless the
	// operator says otherwise: one vendor's bad day is no reason to doubt the others', and a
	// rebuilder that is broken is soon found by as many. A guess.
	StormOfAll = 5
	// MaxStormRevocations bounds the number; above it, there is no brake to speak of.
	MaxStormRevocations = 10_000

	// listTick is what lists and OCSP answers count time in. Java takes a signature whose
	// timestamp is in the very second of the revocation for one that was made before it.
	listTick = time.Second

	// judgeGrace is how long after its time a signature is kept that cannot be judged,
	// because the repository cannot be read, say. Not confirmed is not confirmed.
	judgeGrace = 10 * time.Minute

	// sweepInterval is how often all open signatures are judged, beside when something
	// arrives: evidence that a mirror brought is not announced.
	sweepInterval = 10 * time.Minute
	// maxPoked bounds the artifacts remembered that something was filed about; beyond it
	// all are looked at.
	maxPoked = 4096
	// maxSettled bounds the signatures read at once for a tick; the rest has the next one.
	maxSettled = 1024

	// maxVerdicts bounds the verdicts in an incident, maxSteps its steps: an officer reads them.
	maxVerdicts = 64
	maxSteps    = 64
	// maxNote bounds an officer's words, in bytes: they go into the log, where a reason may
	// have 1000.
	maxNote = 500
	// maxDetail bounds what a notice says of the cause, in bytes.
	maxDetail = 500
)
