// Package ocsp answers: what does this OCSP response prove about this certificate, now?
//
// A response from the network is worth something only after every question of RFC 6960
// §3.2 has been asked, and golang.org/x/crypto/ocsp asks few of them: it takes a signer
// that may not sign OCSP, looks at no times, and picks one of several answers. Here:
//
//   - the certificate identifier is that of the certificate: serial number and the
//     hashes of the issuer's name and key, under a hash we know;
//   - there is exactly one answer for it;
//   - the signer is the issuer itself, or a certificate that the issuer signed directly,
//     with the purpose OCSPSigning, key usage digitalSignature and id-pkix-ocsp-nocheck,
//     valid now; it is the one that the response names;
//   - the signature is good, and of an algorithm with SHA-2;
//   - thisUpdate, nextUpdate and producedAt fit each other and the clock, within
//     Skew, and the answer is not older than MaxAge;
//   - a nonce that was sent came back;
//   - no critical extension is unknown, no extension stands twice.
//
// Check returns what was learned, good, revoked or unknown, or a *Refusal with a Code
// that says why the response proves nothing. "Unknown" and a refusal are both no "good".
//
// The package opens no socket: MarshalRequest makes the request, the caller fetches.
package ocsp
