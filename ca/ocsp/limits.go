package ocsp

const (
	// MaxRequestBytes bounds a request; RFC 6960 §A.1 puts GET requests under 255 bytes, a signed one with
	// its chain fits as well.
	MaxRequestBytes = 4 << 10
	// maxIDs bounds the certificates in one request; openssl sends as many as it is given, browsers one.
	maxIDs = 16
	// maxNonceBytes is RFC 9654 §2.1's.
	maxNonceBytes = 128
	// maxAnswers bounds the answers that a Cache keeps, and the requests that lead to them: a kilobyte each, so
	// some 80 MB.
	maxAnswers = 64 << 10
	// maxKeptRequestBytes bounds a request that is kept as a key; RFC 5019 §2.1.1 requests have 80 to 130 bytes.
	maxKeptRequestBytes = 256
)
