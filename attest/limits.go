package attest

// Bounds on what comes from outside. The parser, the repository and the verifier
// share them, so that what one stores the other can read.
const (
	// MaxEnvelope is the size of an envelope in bytes. The largest real provenance
	// in our test material has 30 KB; statements that embed whole bills of material
	// are larger and should refer to them by digest. A guess with room.
	MaxEnvelope = 1 << 20
	// MaxDepth is how deep JSON may nest: real provenance stays below 16, and a
	// recursive reader of a deeper document costs stack, not insight.
	MaxDepth = 64
	// MaxSignatures bounds the work of Open together with MaxKeys.
	MaxSignatures = 16
	// MaxKeys is how many keys may be tried: 16 signatures under 64 keys are 1024
	// verifications, under 0.3 s with the slowest key type.
	MaxKeys = 64
	// MaxRing is how many keys a Keyring may hold: those of a scope's builders,
	// rebuilders and attestors, of several scopes. Trying is bounded by MaxKeys.
	MaxRing = 4096
	// MaxSubjects is how many artifacts one statement may be about. A release with
	// every architecture and language pack has some hundreds.
	MaxSubjects = 1024
	// MaxDescriptors bounds dependencies, materials and input attestations of one
	// predicate; a large image build lists some thousand packages.
	MaxDescriptors = 16384
	// MaxDigests is how many algorithms one digest set may name.
	MaxDigests = 16
	// MaxRebuildDiff is the size in bytes of the diff in a rebuild failure: what a person
	// reads. Whoever needs all of it has the source, the recipe and the artifact.
	MaxRebuildDiff = 64 << 10

	maxSignature    = 1024     // bytes; an RSA signature under the largest key taken
	maxRSABits      = 8192     // verification time grows with the square
	minRSABits      = 3072     // CA/Browser Forum code signing requirements §6.1.5.2
	maxString       = 16 << 10 // bytes of one name, URI or id
	maxPayloadType  = 256
	maxLevels       = 64       // verified levels in a summary, controls, severities
	maxTests        = 16384    // tests of one run by name; a guess, large suites have some thousand
	maxVulns        = 16384    // findings of one scan; a base image may have thousands
	maxChain        = 64 << 10 // bytes of the certificates of one signature; real ones have 3 KB
	maxCertificates = 8        // intermediates of one signature
	maxTimestamps   = 4        // tokens of one signature
	maxApprovers    = 256      // of one change
	maxPublicKey    = 16 << 10
	maxSteps        = 64  // of one layout; supply chains that people draw have under ten
	maxRules        = 256 // of one step; applying them takes the product of rules and artifacts
	minRuleWords    = 2   // "ALLOW pattern"
	maxRuleWords    = 10  // "MATCH pattern IN prefix WITH PRODUCTS IN prefix FROM step"
	maxRebuildGot   = 256 // files of one rebuild; two runs with the packages of a large source package

	// fewKeys of an object are compared with each other; more go through a map, or a
	// hostile object would cost the square of its length.
	fewKeys = 16

	// maxSignatureObject is the largest signature object that we write: maxSignature
	// bytes in base64, a key id of 64 digits, and the JSON around them.
	maxSignatureObject = (maxSignature+2)/3*4 + 64 + 64
)
