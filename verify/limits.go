package verify

import "time"

// Bounds on what comes from outside. Each is far above what our own tools write,
// and low enough that a hostile file costs milliseconds.
const (
	// maxSignatureBytes bounds a CMS signature: the same 1 MiB that format allows.
	maxSignatureBytes = 1 << 20
	// maxTokenBytes bounds a timestamp token; one with three certificates has 5 KiB.
	maxTokenBytes = 64 << 10
	// maxDepth bounds nesting of DER. A token inside a signature inside nothing
	// else reaches 16; recursion deeper than that is somebody trying.
	maxDepth = 32
	// maxCertificates bounds the certificates in one CMS. Path building is
	// exponential in the worst case; 3 is usual, 8 leaves room for cross-signing.
	maxCertificates = 8
	// maxCertificateBytes bounds one certificate; ours have 2 KiB, with 16 claims 8.
	maxCertificateBytes = 32 << 10
	// maxSerialBits is what 20 bytes hold of a positive number, RFC 5280 §4.1.2.2.
	maxSerialBits = 159
	// maxAttributes bounds signed and unsigned attributes each; we write 5 and 2.
	maxAttributes = 16
	// maxSignatureValueBytes is an RSA-8192 signature, the largest key taken.
	maxSignatureValueBytes = 1024
	// maxRSABits: verification time grows with the square of the key's length.
	maxRSABits = 8192
	// minLeafRSABits is what the CA/Browser Forum demands of code signing keys.
	minLeafRSABits = 3072
	// minRSABits is the least for any other certificate of a chain.
	minRSABits = 2048

	// MaxTrustBytes bounds a trust bundle: some hundred certificates.
	MaxTrustBytes = 1 << 20
	// maxTrustItems bounds each list in a trust bundle.
	maxTrustItems = 64
	// MaxStatusBytes bounds a status bundle. A whole CA with 32 empty shards per tier has
	// 70 KiB; revoking 100,000 certificates at once adds 10 MiB.
	MaxStatusBytes = 64 << 20
	// maxStatusSignature bounds the second line of a status bundle, in bytes: a key's id
	// and a signature by the largest key taken have 1.5 KiB.
	maxStatusSignature = 4 << 10
	// maxTransitions bounds the assessments that ended before their time: a CA with ten
	// thousand vendors and a withdrawal a year each reaches it in six years. A guess.
	maxTransitions = 1 << 16
	// maxTransitionBytes bounds one of them as text; ours have 140.
	maxTransitionBytes = 1 << 10
	// maxCheckpointBytes bounds a log's checkpoint: a few lines and a signature of each witness.
	maxCheckpointBytes = 16 << 10
	// maxCRLs bounds the CRLs in a status bundle: three tiers of 4,096 shards, the most
	// that a hierarchy may have, and room for a fourth while a tier's CA is replaced.
	maxCRLs = 16384
	// maxStapledCRLs bounds the CRLs of a staple: leaf, tier and timestamp authority, and
	// spare ones.
	maxStapledCRLs = 8
	// maxCRLBytes bounds one CRL: about 200,000 revoked certificates.
	maxCRLBytes = 8 << 20

	// maxPolicyBytes bounds a policy file before YAML sees it.
	maxPolicyBytes = 256 << 10
	// maxAlternatives and maxAllOf bound `require`; a guess.
	maxAlternatives = 32
	maxAllOf        = 16
	// maxRules bounds the list of rules, each of which is looked at for every file.
	maxRules = 1024
	// maxExceptions bounds the list of exceptions: whoever needs more has another policy.
	maxExceptions = 1024
	// maxPolicyText bounds one text of a policy, in bytes.
	maxPolicyText = 1024

	// maxReceipts bounds the receipts of a staple: one per claim, of which there are 16.
	maxReceipts = 16
	// maxFetchedBytes bounds what a Fetcher returns for one address.
	maxFetchedBytes = 4 << 20
	// maxFetchedEnvelopes bounds the lines looked at in it.
	maxFetchedEnvelopes = 64

	// maxKnownPaths bounds the paths that a Verifier remembers of each kind, twice over:
	// tiers and timestamp authorities of the trusted CAs, with room for years of renewals,
	// and as many signers.
	maxKnownPaths = 128

	// maxKnownCertificates bounds the parsed certificates that a Verifier remembers, and the
	// receipts, and the CRLs, each twice over: some 10 KiB each, or 100 KiB where somebody tries.
	maxKnownCertificates = 64

	// maxKnownBytes bounds one receipt or stapled CRL that is remembered: we write some KiB.
	maxKnownBytes = 64 << 10

	// confirmationLag is how much newer than the deadline of a provisional signature
	// revocation data must be to have its revocation: the CA acts within a minute or so.
	confirmationLag = 5 * time.Minute

	// clockSkew is by how much two honest clocks may differ. Five minutes is what
	// Kerberos and most certificate checkers take; machines without a battery
	// clock are off by years, which no tolerance covers.
	clockSkew = 5 * time.Minute
)
