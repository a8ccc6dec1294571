// Package sign answers: may this build be signed, and what does its signature look like?
//
// # The gate
//
// Decide holds a build, which is one digest, against the scope of every assessment
// that the vendor's certificate rests on. The rules are in the files named after the
// requirement they serve; gate.go lists them. What counts is an envelope signed with
// a builder key of that scope and nothing else: evidence about another artifact, by
// another signer, or about another build is as good as none. A build is signed when
// one envelope satisfies every rule, under each of the assessments.
//
// # The signature
//
// BuildCMS makes a detached CMS SignedData (RFC 5652 §5) over a digest; the artifact
// never gets here. Certificates inside: the vendor's and its issuing CA's, not the
// root's. Unsigned attributes: an RFC 3161 token over the signature value
// (id-aa-timeStampToken), and the staple of package ext: the SLSA verification
// summary that this service signs, the log receipts of the assessments, and the
// issuing CA's current CRL.
//
// # What is durable
//
// Service.Sign returns a signature only after the record of it is durable, written
// in a transaction that also checks once more that the certificate has not been
// revoked and that each assessment is in force. A crash before that leaves nothing
// outside this process; an error from the store may leave a record of a signature
// that nobody has.
package sign
