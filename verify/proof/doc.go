// Package proof answers: how does somebody who trusts neither this machine nor this program
// check a verdict? It writes, in one file, everything that the verdict rests on, as it was
// found, so that another program can come to its own.
//
// # What is in a proof
//
// A proof holds what was signed (digests, and what its format makes of them), the signature
// with all that travels in it (certificates, timestamp token, and the staple: verification
// summary, log receipts with their checkpoints, CRLs), the trust bundle, the status
// bundle, the policy and the time. The bundles are whole and byte for byte: an excerpt that
// leaves out a newer CRL could not be told from one that does not, and the status
// bundle's signature is over all of it.
//
// What was refused in the file around the signature (Container) is stated and cannot be
// checked without the file. Everything else can; the verdict is there to be compared and
// is not to be believed.
//
// Evidence is what the mark stands on: the assessments that it names by their digest, and
// statements about the file, such as rebuilders'. The verdict does not rest on it, since
// the CA has vouched for it. What it comes to, and what of it is missing, is in Grounds:
// every assessment is what the certificate says of it and signed by the auditor whom the
// certificate names, and so many operators have built the same file. The auditor's key
// stands beside the signature (attest.AddPublicKeys) and is known by its digest.
//
// # Format
//
// One JSON object, indented by two spaces, members in this order, all present, at most
// 96 MiB. There is one spelling: Parse refuses what Marshal would not have written. base64
// is standard and padded, times are RFC 3339 in UTC with whole seconds, digests lower-case hex.
//
//	{
//	  "version": 2,
//	  "file": {
//	    "name": "tool.deb",              for people
//	    "kind": "deb",                   deb, detached, pe, cab, msi, jar, oci; "" if it could not be read
//	    "sha256": "9f86…",               of the bytes before the signature; of oci, of the manifest; "" if unknown
//	    "algorithm": "sha256",           of the signed digest, as in-toto subjects name it
//	    "signed": "9f86…",               the signed digest
//	    "package": ""                    a Debian package's name, from its own bytes; "" if it has none
//	  },
//	  "container": "",                   a reason's code, of what only the file itself can show
//	  "to_be_signed": {                  what the signature must be over
//	    "content_type": "1.2.840…",      of a CMS, RFC 5652 §5.2; "" of a JWS
//	    "content": "",                   of a CMS that brings it along, DER, base64; "": detached
//	    "digest": "9f86…",               its message digest, SHA-256; "" of a JWS
//	    "timestamp": "1.2.840…",         the unsigned attribute with the token
//	    "media_type": "", "size": 0      of a JWS: the manifest's
//	  },
//	  "signatures": [                    one; of oci up to 64, of which one that is valid is enough
//	    {"form": "cms",                  cms or jws
//	     "bytes": "MII…"}                DER or JSON, base64
//	  ],
//	  "trust": "eyJ2…",                  the trust bundle's bytes, base64
//	  "status": "eyJ2…",                 the status bundle's bytes; "": there was none
//	  "policy": "dmVy…",                 the policy's bytes; "": the built-in one
//	  "demands": {…},                    what the policy means for this file; null if it is none
//	  "evidence": ["eyJw…"],             envelopes (DSSE, base64) that were at hand beside the file
//	  "grounds": {                       what they come to; like the verdict, to be compared
//	    "assessments": [                 one for each claim of the mark, in its order
//	      {"sha256": "9f86…",            of the DSSE payload, as the mark has it
//	       "state": "shown",             shown, key missing, missing, contradicts
//	       "why": ""}                    for people
//	    ],
//	    "reproduced": ["North Org"],     operators who built the same file, sorted, each once
//	    "contradicted": []               operators who could not
//	  },
//	  "at": "2026-03-01T12:00:00Z",      the clock
//	  "verdict": "valid",                valid, not valid, could not tell
//	  "codes": []                        of the reasons, in order
//	}
//
// demands has mode, require (a list of alternatives, each a list of framework, track and
// level of which all must hold; [] for some claim, whichever), revocation, timestamp, attestations,
// confirmed, assessments, max_status_age (seconds; 0: what each CRL says of itself) and
// exceptions (digest, vendor, expires). Words and meaning are those of the policy file;
// rules by package or vendor, and exceptions by package, have been applied.
package proof
