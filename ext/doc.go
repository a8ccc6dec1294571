// Package ext answers: what exactly does a hallmark certificate say, in which bytes?
//
// A certificate issued by a hallmark CA says how well its holder builds software. It
// says so three times, for three kinds of reader:
//
//   - the Assurance extension (arc.1), for programs that know hallmark;
//   - the AttestationRepository extension (arc.2), the URLs under which the evidence for
//     each artifact is published;
//   - certificate policies under arc.3, for programs that know nothing but
//     RFC 5280 §4.2.1.4, such as "openssl verify -explicit_policy -policy OID".
//
// ReadMark reads all three and refuses a certificate in which they disagree. A fourth
// object, the Staple (arc.4), travels in the signature instead of the certificate, and
// arc.5 names the time stamping policy. The package imports nothing of this project and
// opens nothing: bytes in, values out. All of it is safe for concurrent use.
//
// # Arc
//
// "arc" is the object identifier under which a CA's marks live. DefaultArc needs no
// registration: it is a UUID split into arcs under 1.2.840.113556.1.8000.2554. An
// operator with a Private Enterprise Number uses that instead (ParseArc), and tells
// verifiers so in the trust bundle. No arc value exceeds 2^31-1: crypto/x509, GnuTLS and
// zlint refuse a whole certificate over a single larger one.
//
// # Encoding
//
// Everything is DER (X.690); the module is hallmark.asn1 beside this file, with an
// example encoding of every type. Both extensions are non-critical, so that programs
// unaware of them accept the certificate. Tags are implicit.
//
//	Assurance ::= SEQUENCE {
//	    version  Version,                                -- INTEGER, 1
//	    claims   SEQUENCE SIZE (1..maxClaims) OF Claim }
//
//	Claim ::= SEQUENCE {
//	    framework       URI,                             -- "https://slsa.dev/spec/v0.1/"
//	    track           Token,                           -- "slsa"
//	    level           Level,                           -- 1..9
//	    levelID     [0] Token OPTIONAL,                  -- "SLSA_LEVEL_3"
//	    properties  [1] SEQUENCE SIZE (1..maxProperties) OF Token OPTIONAL,
//	    assessment      AssessmentRef }
//
//	AssessmentRef ::= SEQUENCE {
//	    payload     SHA256Digest,     -- of the signed assessment (DSSE payload)
//	    auditor     SHA256Digest,     -- of the auditor's SubjectPublicKeyInfo
//	    assessedAt  Instant,          -- GeneralizedTime YYYYMMDDHHMMSSZ
//	    validUntil  Instant,
//	    logOrigin   LogOrigin,        -- the log's name, as in its checkpoints
//	    logIndex    LogIndex }
//
//	AttestationRepository ::= SEQUENCE {
//	    version  Version,
//	    urls     SEQUENCE SIZE (1..maxURLs) OF RepositoryURL }
//
//	Staple ::= SEQUENCE {
//	    version   Version,
//	    vsa       [0] VSA OPTIONAL,   -- DSSE envelope, JSON
//	    receipts  [1] SEQUENCE SIZE (1..maxReceipts) OF Receipt OPTIONAL,
//	    crls      [2] SEQUENCE SIZE (1..maxCRLs) OF CRL OPTIONAL }
//
// There is one encoding of a value: what ParseX accepts, Marshal of the result prints
// again byte for byte. Unknown versions, trailing bytes, BER forms and fields this
// version does not know are refused, each with its own Reason. Bounds are in limits.go
// and, by the same names, in the module.
//
// Text is ASCII without spaces or controls. A framework is known by its URI, compared
// byte for byte; no normalisation. A claim with level 0 does not exist, and there is at
// most one claim per (framework, track). Ladders are never merged: a level means nothing
// without its framework and track.
//
// # Policies
//
// The claim (framework, track, level) gives one policy for its level and one for each
// lower level, so that asking for level 2 accepts level 3:
//
//	arc.3.h1.h2.h3.level
//
// h1, h2 and h3 are the first three 28-bit groups, most significant bit first, of
//
//	SHA-256("hallmark policy" 0x00 framework-URI 0x00 track)
//
// so that anyone can derive the policy of any framework, and two frameworks never share
// one. docs/oids.md lists those of the catalogues we ship.
//
// # Evidence
//
// The attestations about an artifact, DSSE envelopes one a line (JSON Lines), are at
//
//	<url>/sha256/<first two hex digits>/<64 hex digits>.jsonl
//
// for every URL of the repository extension and the SHA-256 of the artifact
// (EvidenceURL): a layout that any static file host can serve. A URL in a certificate
// is still untrusted input to whoever fetches it; this package only ensures its form.
package ext
