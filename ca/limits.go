package ca

import "time"

// Bounds on what comes from outside.
const (
	// maxCSRBytes bounds a certification request. RSA-8192 with a few attributes takes 3 KB;
	// requests that bring extensions along grow, and those are dropped anyway.
	maxCSRBytes = 16 << 10
	// maxTimestampRequestBytes bounds an RFC 3161 request; with SHA-512, a policy and a nonce it has under 200 bytes.
	maxTimestampRequestBytes = 4 << 10
	// maxNonceBits bounds the nonce echoed in a timestamp. Clients send 64 to 160 bits; a guess with room.
	maxNonceBits = 512
	// maxFileBytes bounds each file of the hierarchy's directory, except CRLs.
	maxFileBytes = 1 << 20
	// maxOrderBytes bounds the files that travel to and from a ceremony. A request or certificate with 100 policies takes
	// 4 KB, in base64 6; a new root orders two for each of at most maxOrdered CAs.
	maxOrderBytes = 1 << 20
	// maxRequestBytes bounds one request in an order, maxOrderedPolicies its policies: every level of every track of 50 ladders.
	maxRequestBytes    = 32 << 10
	maxOrderedPolicies = 512
	// maxOrdered bounds what one order asks for: 16 tiers in several generations under two roots. A guess.
	maxOrdered = 128
	// maxListGap is by how much the number of an offline CA's list may go up at once: by one for each answer that was signed
	// and never came into force. A guess: nobody calls off a hundred ceremonies.
	maxListGap = 100
	// maxGenerations bounds the issuing CAs of one tier. A guess: one a year for a life.
	maxGenerations = 99
	// maxBlocked bounds the keys of all lists together: Debian's of 3072 and 4096 bits have 100,000 each; a guess with room.
	maxBlocked = 4 << 20
	// maxClaims and maxRepositories are the extension's own bounds (ext/hallmark.asn1).
	maxClaims       = 16
	maxRepositories = 8
	// maxNote bounds the free text of a revocation. A guess.
	maxNote = 1024
	// maxLeafMolds bounds the molds kept for each issuing CA, of about 30 KB: one for each vendor and combination of levels
	// that asks often. A guess.
	maxLeafMolds = 1024
	// maxPending bounds the requests of one vendor that wait for an officer: each may have brought the service a key to
	// make. A guess.
	maxPending = 64
	// maxVendorKeys bounds the keys that the service keeps for one vendor, which it makes on request and, on a token, for
	// good. A guess: one for each of a hundred products, for years; a renewal has the same key.
	maxVendorKeys = 1000
)

// Bounds on keys: CABF Code Signing BR section 6.1.5.2, and a ceiling so that one request cannot keep a core busy.
const (
	minRSABits = 3072
	maxRSABits = 8192
	// minRSAExponent: smaller ones have made broken padding checks forgeable (NIST SP 800-89 asks for more than 2^16).
	minRSAExponent = 1<<16 + 1
)

// maxPublishBytes is how many bytes of lists go into one transaction, more or less: a tenth of a second's work.
const maxPublishBytes = 4 << 20

// Mass revocation.
const (
	// massBatch is how many certificates one transaction revokes: half a megabyte of records, a tenth of a second.
	massBatch = 200
	// massScan is how many records are read for a batch before what has been found is dealt with, so that progress is
	// on record also where few match.
	massScan = 5000
	// maxTogether bounds the other certificates of a compromised key that are revoked in one transaction with it. More
	// than a few means a key used build after build, and the rest is done batch by batch.
	maxTogether = massBatch
)

// OCSP answers signed ahead.
const (
	// presignPage is how many certificates are read at a time to sign answers ahead. A guess.
	presignPage = 1000
)

// Times.
const (
	// MaxValidity is the longest a code-signing certificate may last: CABF Code Signing BR section 6.3.2 (ballot CSC-31).
	// The period counts both its first and its last second (RFC 5280 §4.1.2.5), hence one less.
	MaxValidity = 460*24*time.Hour - time.Second
	// backdate is how far before its issue a certificate begins, for clocks that run late.
	backdate = 5 * time.Minute
	// minValidity is the shortest certificate worth issuing: less is a race with the end of the assessment.
	minValidity = time.Minute
	// pendingTime is how long a request waits for an officer: CABF Code Signing BR section 4.2.1 lets what was checked for
	// a request grow old much longer; a month is when people have forgotten what they asked for. A guess.
	pendingTime = 30 * 24 * time.Hour
	// collectTime is how long an approved request waits to be collected: what the officer saw should still be so. A guess.
	collectTime = 7 * 24 * time.Hour
	// BuildValidity is how long a certificate for one build lasts, cut to the full hour: its key signs once, at once, and
	// the timestamp keeps the signature alive. A day leaves room for a service that is down in between.
	BuildValidity = 24 * time.Hour
	// MaxClientValidity bounds a person's mTLS certificate: a year and a month to renew in.
	MaxClientValidity = 400 * 24 * time.Hour

	// crlValidity is thisUpdate to nextUpdate: CABF Code Signing BR section 4.9.7 allows 7 days.
	crlValidity = 7*24*time.Hour - time.Second
	// crlRefresh is the age at which an unchanged list is made anew: daily, and the server looks once an hour.
	crlRefresh = 22 * time.Hour
	// revokedKeptYears is how long after its end a revoked certificate stays on the list: CABF Code Signing BR
	// section 4.9.7.
	revokedKeptYears = 10
	// offlineCRLValidity is for lists of CA certificates and of the TSA: CABF Code Signing BR section 4.9.7, 12 months.
	offlineCRLValidity = 365 * 24 * time.Hour

	// ocspValidity is how long a response counts: 8 hours are the least that the CABF BR allow (section 4.9.10).
	// Who replays one hides a revocation for no longer.
	ocspValidity = 8 * time.Hour
	// presignAhead is how long before half of that is over a response signed ahead is signed anew; upkeep comes once an hour.
	presignAhead = 90 * time.Minute
	// presignLongLived: certificates that last for longer are asked about for longer.
	presignLongLived = 48 * time.Hour
	// responderValidity is the life of a delegated responder certificate; it carries id-pkix-ocsp-nocheck, so it cannot
	// be revoked and must be short (RFC 6960 §4.2.2.2.1).
	responderValidity = 30 * 24 * time.Hour
	// serverValidity is the life of the server's TLS certificate, renewed in memory at half of it.
	serverValidity = 90 * 24 * time.Hour

	rootValidity     = 20 * 365 * 24 * time.Hour
	issuerValidity   = 15 * 365 * 24 * time.Hour
	operatorValidity = 20 * 365 * 24 * time.Hour
	// tsaValidity: signatures are judged by timestamps for years after they were made; CABF Code Signing BR section 6.3.2
	// allows a timestamp certificate 135 months.
	tsaValidity = 11 * 365 * 24 * time.Hour

	// orderLife is how long an order may wait for its ceremony, and an answer for its import: longer than people take to
	// meet, shorter than they remember what it was about.
	orderLife = 30 * 24 * time.Hour
	// orderSkew is how far two machines' clocks may be apart; the offline one is set by hand.
	orderSkew = time.Hour

	// minStatusOverlap is how long a new status key stands in the trust bundle at least before it signs: machines update once
	// a day, and one that was off over a weekend learns it with the bundle that the new key signs.
	minStatusOverlap = 24 * time.Hour
	maxStatusOverlap = 90 * 24 * time.Hour
	// statusLife is how long what the key before signed last may still be in use: a status bundle holds for six days, and
	// clocks differ.
	statusLife = 7 * 24 * time.Hour

	// timestampAccuracy is what the TSA states and what RFC 3628 §5.2 asks for: its times are rounded to whole seconds,
	// which takes half of it; the other half is the clock's (timesource.MaxOffset).
	timestampAccuracy = time.Second
)

// serialBytes is the length of a serial number: over 126 random bits, where the CABF BR ask for 64.
const serialBytes = 16

// A vendor's certificate has a longer one, see newLeafSerial: 96 random bits in each millisecond.
const (
	leafSerialBytes = 18
	serialTimeBytes = 6
)

// leftoverBatch is how many leftovers one transaction puts on record: enough that a commit costs little, and few enough
// that others do not wait for a second. A guess.
const leftoverBatch = 500
