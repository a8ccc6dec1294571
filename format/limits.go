package format

const (
	// MaxSignatureBytes bounds a signature. A CMS with chain, timestamp and a
	// staple of one VSA, some receipts and a 64 KiB CRL has about 90 KiB; ten
	// times that leaves room for several CRLs.
	MaxSignatureBytes = 1 << 20

	// maxMembers bounds the ar members of a package. deb(5) knows three, and
	// other signers append a few; the rest is a guess.
	maxMembers = 64

	// copyBufferBytes is the read size for digests and copies: from 128 KiB on,
	// SHA-256 and not the system call is what takes the time.
	copyBufferBytes = 256 << 10
)
