// Package attest reads and writes signed statements about software: who says what
// about which bytes, and has the saying been checked?
//
// # Envelope
//
// A statement travels in a DSSE envelope, a JSON object:
//
//	{"payloadType":"application/vnd.in-toto+json","payload":"<base64>","signatures":[{"keyid":"<hint>","sig":"<base64>"}]}
//
// The signature covers DSSE's pre-authentication encoding of payload type and
// payload (PAE), never the JSON around it. ParseEnvelope looks into an envelope
// and promises nothing; its result is called Unverified for that reason. Open
// checks signatures first and returns the bytes that were verified and nothing
// else: decide on what Open returned.
//
// The reader is stricter than DSSE asks for. Refused are: keys that appear twice
// in one object (two parsers would read two documents), field names that differ
// only in case, unknown fields of the envelope, text after the object, invalid
// UTF-8, base64 with line breaks or stray bits, and whatever exceeds the bounds in
// limits.go. A signature object may carry the fields "publicKey" and "extension" that
// build systems add in practice; they are ignored. Open ignores certificates as well
// ("cert", or "certificate" with "intermediates" and "timestamps"): who trusts a CA
// reads them with UnverifiedDocument.Certified. Both base64
// alphabets are read; the standard one is written.
//
// The keyid is an unauthenticated hint (so says DSSE) and plays no part here:
// every signature is tried with every key given, and what counts is the number of
// distinct keys, so a signature given twice or a key given twice counts once.
//
// # Keys
//
//	ECDSA P-256   SHA-256
//	ECDSA P-384   SHA-384
//	RSA           3072 to 8192 bits, PKCS #1 v1.5 with SHA-256 (RFC 8017 §8.2)
//	Ed25519       RFC 8032 §5.1.6, over the PAE itself
//
// RSA is PKCS #1 v1.5 only, because every HSM, cloud key service and openssl's
// default make that one; a second padding would be a second way to read the same
// key. ECDSA signatures are written as ASN.1 DER; r and s side by side without DER,
// as in the test vector of the DSSE document, are read as well.
//
// Sign and AddSignature take any crypto.Signer of these kinds. The message goes to
// crypto.SignMessage, so that a key which hashes for itself, as one in an ssh-agent
// does (crypto.MessageSigner), works like one that is given a digest.
//
// # Statement
//
// The payload is an in-toto Statement v1; v0.1 is read too, since most provenance
// in the field still is. Unknown fields inside a statement or predicate are
// ignored, as in-toto demands of readers. Predicates read: SLSA provenance v0.1, v0.2
// and v1, SLSA verification summary v1, in-toto test-result v0.1, vulns v0.1 and v0.2,
// link v0.3, SPDX 2 and CycloneDX 1 documents, gittuf's approvals, source-tool's source
// provenance, rebuild failure v1 (ours; RebuildFailure has the format). Written:
// provenance v1, summary v1, rebuild failure v1. Package gitcommit reads git commits.
//
// Functions are safe for concurrent use. The package links no network client or
// server code and no protobuf, because the install-time verifier links it.
package attest
