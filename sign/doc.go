// Package sign answers: may this build be signed, and what does its signature look like?
//
// # The gate
//
// Package sign/gate holds a build, which is one digest, against the scope of every
// assessment that the vendor's certificate rests on. Only what it grants is signed.
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
