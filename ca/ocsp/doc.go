// Package ocsp answers: what does this OCSP request (RFC 6960) ask, how is the answer
// written, and where is it when the next one asks the same?
//
// It knows neither the store nor the CA: package ca looks statuses up, has a delegated
// responder's key sign (Signer), and keeps what was signed (Cache).
//
// golang.org/x/crypto/ocsp is not used for it: that writes extensions of a single answer,
// but not those of the response, where the nonce belongs; it answers for one certificate
// only, and reads no nonce. Tests hold this package against it, and against openssl.
package ocsp
