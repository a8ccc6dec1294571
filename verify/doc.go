// Package verify answers: may this file be installed here?
//
// The answer is Valid, NotValid or CouldNotTell, with reasons that programs can
// switch on (Code). Only Valid lets a file pass. The package opens no socket; it
// links no CA, store or server. It reads one file, the signature in or beside it,
// and three things that the machine's owner provides: Trust (whom to believe),
// Status (what has been revoked) and Policy (what to demand).
//
// # What is checked, in this order
//
//  1. The container: where the signature sits, and that nothing follows it (format).
//  2. The signature: CMS SignedData, RFC 5652 §5, in one strict profile. DER without
//     trailing bytes, detached, exactly one signer, SHA-256, ECDSA or RSA; signed
//     attributes content-type, message-digest, signing-time, signingCertificateV2
//     (RFC 5035 §3) and CMSAlgorithmProtection (RFC 6211 §2), none twice. The signer's
//     certificate is the one inside whose issuer and serial number are named, whose
//     hash was signed, and whose key verifies.
//  3. The timestamp: an RFC 3161 token over the signature value, by an authority whose
//     chain ends in a timestamp root. Its time is the trusted time. Without a token,
//     where the policy allows that, the trusted time is now.
//  4. The chain, RFC 5280 §6, at the trusted time, to a root of the trust bundle, with
//     only the certificates inside the signature as intermediates. Those below the root
//     keep to the rules of RFC 5280 §4 that crypto/x509 does not look at (CheckForm).
//  5. Revocation, compared by time; see below.
//  6. The mark (ext): claims and certificate policies agree, the issuing CA's tier
//     covers every claim, every assessment was in force at the trusted time.
//  7. The assessments: none had ended before the trusted time (Status.Assessments).
//  8. The policy's requirements on the claims. Since a vendor is known from 4 on and a
//     package's name from 1 on, it is then that a rule of the policy is chosen.
//  9. Evidence, if the policy demands it: the verification summary and the log receipts.
//
// Failures of 1 to 4 and 6 end the judgement; the others are all reported.
//
// # Revocation
//
// CRLs come from the status bundle and from the staple of the signature. Of those an
// issuing key signed, the highest number counts. A revocation takes effect at the
// earlier of its revocationDate and its invalidityDate (RFC 5280 §5.3.2); a signature
// with a trusted timestamp from before that moment survives. One without a timestamp
// never does, and none survives a compromised key whose invalidityDate is not given.
// A CRL that is too old still refuses what it lists.
//
// Covered is the signer's certificate, as far as the policy demands; CA certificates
// below the anchor and the timestamp authority's certificates are refused if a CRL at
// hand lists them, but no CRL for them is demanded. Anchors are removed from the trust
// bundle, not revoked. OCSP is not used: it needs a network.
//
// # Two questions about the past
//
// With Config.Now in the past a file is judged as a machine would have done then: data
// that is younger is refused. Config.AsOf asks for that moment's state by all that is
// known today: what took effect later does not count, and how old the data may be is
// asked of Now.
//
// # What is not authenticated
//
// The staple and the set of certificates stand outside of the signature. Nothing in
// them is believed for being there: certificates count if they form the path,
// summaries, receipts and CRLs carry signatures of their own. Anyone can remove a
// staple, or add certificates that lead nowhere; neither makes a bad file good.
package verify
