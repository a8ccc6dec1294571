package receipt

// Bounds on what comes from outside.
const (
	// MaxEntry is the size of an entry in bytes. The longest that is not far-fetched,
	// with two URIs and a reason of their full lengths and 16 assessments, has half of
	// it; what only JSON escapes would blow up further is refused.
	MaxEntry = 16 << 10
	// MaxReceipt is the size of a receipt: the entry in base64 (22 KiB), 64 hashes
	// (3 KiB), and a checkpoint with the cosignatures of some dozens of witnesses.
	MaxReceipt = 40 << 10
	// MaxReason is the length of an entry's reason in bytes.
	MaxReason = 2048
	// MaxURI is the length of a vendor's or framework's URI in bytes.
	MaxURI = 2048
	// SaltBytes is how many random bytes hide a text in Commit: as many as its hash has.
	SaltBytes = 32

	maxTrack = 128
	maxLevel = 100 // no ladder known has more than five rungs
	maxTier  = 64
	// A serial number has 20 bytes (RFC 5280 §4.1.2.2), a certificate 16 claims.
	maxSerialBytes = 20
	maxAssessments = 16
	// maxName is the length of a witness's name: of a host and a path.
	maxName = 255
	// maxUnix is the last second of the year 9999: later ones have no RFC 3339 form.
	maxUnix = 253402300799
)
