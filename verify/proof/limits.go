package proof

const (
	// maxBytes bounds a proof: a status bundle may have 64 MiB, which base64 makes 86.
	maxBytes = 96 << 20
	// maxSignatures is how many signatures of one image are judged.
	maxSignatures = 64
	// maxEvidence is what a repository keeps about one artifact, and an assessment for each
	// claim of a mark.
	maxEvidence = 256 + 16
)
