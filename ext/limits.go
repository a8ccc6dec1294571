package ext

// Bounds on what a mark may hold. Parsers and printers share them; hallmark.asn1 repeats
// them by the same names and a test compares the two. Raising one is compatible for
// printers only after the verifiers in the field have been replaced: treat them as part
// of the format.
const (
	// MaxAssuranceBytes bounds the value of the Assurance extension. Sixteen claims with
	// every field at its bound stay below it, so it only stops a parser early.
	MaxAssuranceBytes = 32 << 10

	// MaxRepositoryBytes bounds the value of the AttestationRepository extension: eight
	// URLs at their bound and the framing around them.
	MaxRepositoryBytes = 5 << 10

	// MaxClaims: one per framework and track. Four frameworks are known; a guess with room.
	MaxClaims = 16

	// MaxLevel: the longest ladder known has 5 rungs, Common Criteria's EAL 7. Together
	// with MaxClaims it keeps the policies of a certificate under 150, far below the 1000
	// nodes at which OpenSSL gives up on a policy tree.
	MaxLevel = 9

	// MaxProperties: SLSA v1.2 defines two. A guess with room.
	MaxProperties = 8

	// MaxTokenLength bounds track, level token and property, in bytes.
	MaxTokenLength = 64

	// MaxURILength bounds the URI of a framework, in bytes. The longest known, a GitHub
	// permalink, has 141.
	MaxURILength = 255

	// MaxOriginLength bounds the name of a log, in bytes: a host name and a path.
	MaxOriginLength = 255

	// MaxLogIndex is the largest index of a log entry; tile logs count in signed 64 bits.
	MaxLogIndex = 1<<63 - 1

	// MaxURLs bounds the repository: one primary, some mirrors, one naming the build.
	MaxURLs = 8

	// MaxURLLength bounds one repository URL, in bytes. EvidenceURL adds 81 more.
	MaxURLLength = 512

	// MaxStapleBytes bounds a whole staple. It rides in every signature, so this is what a
	// package may grow by; also what a verifier may have to hold in memory.
	MaxStapleBytes = 1 << 20

	// MaxVSABytes bounds the verification summary: a DSSE envelope with a handful of
	// subjects and input attestations.
	MaxVSABytes = 64 << 10

	// MaxReceipts: one per claim.
	MaxReceipts = MaxClaims

	// MaxReceiptBytes: a proof of 63 hashes, a checkpoint with ten cosignatures and the
	// log entry itself stay below 10 KiB.
	MaxReceiptBytes = 16 << 10

	// MaxCRLs: leaf, tier and time stamping, and spare ones for a change of keys.
	MaxCRLs = 8

	// MaxCRLBytes: CRLs are sharded to 64 KiB at issuance; other CAs' may be larger.
	MaxCRLBytes = 256 << 10

	// MaxArcLength bounds the dotted text of an arc. With ".3.h1.h2.h3.level" behind it,
	// at most 34 characters, a policy stays within GnuTLS's 127.
	MaxArcLength = 90

	// MinArcComponents keeps arcs out of the reach of a typing mistake: what is shorter
	// belongs to ISO, ITU-T or a country.
	MinArcComponents = 4

	// MaxArcComponent is the largest value of one arc that crypto/x509, zlint and GnuTLS
	// take in the OID of an extension.
	MaxArcComponent = 1<<31 - 1
)
