package lint

import "time"

// Bounds on certificates from outside.
const (
	// maxCertificateBytes bounds what Read takes; our largest has 8 KiB, PKITS and
	// zlint's samples have fewer.
	maxCertificateBytes = 64 << 10
	// maxDepth bounds nesting of DER; a certificate reaches 10.
	maxDepth = 32
)

// Bounds that rules hold certificates to.
const (
	// maxSerialOctets is RFC 5280 §4.1.2.2.
	maxSerialOctets = 20
	// minSerialBits is CABF Code Signing BR section 7.1: 64 bits from a good random source.
	minSerialBits = 64
	// maxLeafValidity is CABF Code Signing BR section 6.3.2 (ballot CSC-31); the period
	// counts both its first and its last second (RFC 5280 §4.1.2.5).
	maxLeafValidity = 460*24*time.Hour - time.Second
	// maxTSAMonths is the same section: a timestamp certificate lasts at most 135 months.
	maxTSAMonths = 135
	// maxResponderValidity: a responder certificate cannot be revoked, so it must be
	// short (RFC 6960 §4.2.2.2.1). A month and a day is our choice.
	maxResponderValidity = 31 * 24 * time.Hour
	// minRSABits, minCARSABits: CABF Code Signing BR sections 6.1.5.2 and 6.1.5.1.
	minRSABits   = 3072
	minCARSABits = 4096
	maxRSABits   = 8192 // verification time grows with the square of the length
	// minRSAExponent: NIST SP 800-89 asks for more than 2^16.
	minRSAExponent = 1<<16 + 1
	// maxNameRunes is ub-organization-name and ub-common-name, RFC 5280 appendix A.
	maxNameRunes = 64
)
