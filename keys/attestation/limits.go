package attestation

const (
	// maxBytes bounds a statement: a YubiKey's chain of five certificates takes 6 KB as
	// PEM, a TPM's with an AK certificate and its issuers 5 KB as CBOR.
	maxBytes = 32 << 10
	// maxCertificates bounds the chain: slot, F9, and the three that Yubico has put
	// between F9 and its root since firmware 5.7, with room for one more.
	maxCertificates = 6
	// maxRSABits bounds the keys of a chain: the time to verify with one grows with the
	// square of its length, and what fits maxBytes takes a second. Makers use 4096 at most.
	maxRSABits = 8192
	// maxRoots bounds the trust anchors of a format; a collection of all makers of TPMs
	// has about a hundred.
	maxRoots = 256
	// maxQuoted bounds what of the input is repeated in an error.
	maxQuoted = 40
	// maxNested bounds the nesting of CBOR: the deepest is a byte string in x5c in
	// attStmt in the object.
	maxNested = 4
	// maxElements bounds arrays and maps of CBOR; the library has no smaller bound than
	// this one, and the largest of ours has 6.
	maxElements = 16
)
