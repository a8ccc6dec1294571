package ocsp

import "time"

// Bounds on responses.
const (
	// maxResponseBytes bounds a response. Ours has 1 KiB; with an RSA-8192 responder and
	// a dozen answers it has 8.
	maxResponseBytes = 64 << 10
	// maxAnswers bounds the answers in one response; responders send one, the lightweight
	// profile (RFC 5019 §2.2.1) allows no more.
	maxAnswers = 64
	// maxCertificates bounds the certificates beside a response; one is usual. Each may
	// cost a signature check.
	maxCertificates = 4
	// maxExtensions bounds each list of extensions; one or two are usual.
	maxExtensions = 16
	// maxNonceBytes bounds a nonce in a request. Responders need not take more than 32.
	maxNonceBytes = 32
)

const (
	// Skew is by how much two honest clocks may differ.
	Skew = 5 * time.Minute
	// DefaultMaxAge is the greatest age of an answer when a Checker does not say: CABF
	// Code Signing BR section 4.9.9 has answers renewed within four days, with at most
	// ten days of life; seven days is what CRLs have, and what browsers allow.
	DefaultMaxAge = 7 * 24 * time.Hour
)
