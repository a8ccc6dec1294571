package workload

import "time"

const (
	// maxToken bounds a token in bytes: those of the large issuers have two or three
	// thousand, and a request's head has 32 KiB.
	maxToken = 16 << 10
	// maxAudiences bounds a token's audiences; each is looked up.
	maxAudiences = 8
	// maxCandidates bounds the machines with one issuer and audience. An audience is one
	// vendor's unless an officer says otherwise. A guess.
	maxCandidates = 1000
	// MaxClaims bounds the claims that a machine names beside its subject.
	MaxClaims = 16
	// MaxText bounds an issuer, audience, subject, or claim's value, in bytes.
	MaxText = 1024

	// maxIssuerBytes bounds an issuer's configuration and its key set; they have a few
	// thousand bytes.
	maxIssuerBytes = 256 << 10
	// maxKeys bounds the keys of one issuer: each may be tried on a token.
	maxKeys = 32
	// minRSABits is what NIST SP 800-57 asks for until 2030.
	minRSABits = 2048
	// maxRSABits: the time to verify grows with the square, and an issuer is whom a vendor
	// says. A signature that fills a token keeps a core busy for half a second for each key.
	maxRSABits = 8192

	// maxAge is how long after its issue a token is taken, however long it says it is
	// good: the longest that a run should take between getting a token and using it.
	maxAge = time.Hour
	// leeway is how far an issuer's clock may be ahead.
	leeway = time.Minute
	// keysAge is how long an issuer's keys are used without asking again, and keysPause
	// how long after asking it is not asked again.
	keysAge   = time.Hour
	keysPause = time.Minute

	// maxUses is how often one token is taken: a run that signs some hundred files.
	maxUses = 1000
	// maxUsed bounds the tokens of one vendor whose uses are remembered, some 100 bytes each
	// and for an hour at most: three runs in a second.
	maxUsed = 10_000
)
