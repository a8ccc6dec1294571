package receipt

// Bounds on what comes from outside.
const (
	// MaxEntry is the size of an entry in bytes: two URIs, two digests and a reason
	// of MaxReason fit with room for JSON escapes.
	MaxEntry = 16 << 10
	// MaxReceipt is the size of a receipt: the entry in base64, 64 hashes, and a
	// checkpoint with some cosignatures.
	MaxReceipt = 40 << 10
	// MaxReason is the length of an entry's reason in bytes.
	MaxReason = 2048
	// MaxURI is the length of a vendor's or framework's URI in bytes.
	MaxURI = 2048

	maxTrack = 128
	maxLevel = 100 // no ladder known has more than five rungs
)
