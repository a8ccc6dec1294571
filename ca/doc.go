// Package ca answers one question: may this key have a certificate that says this,
// and if so, which one is it and what became of it?
//
// # The gate
//
// There is one way to a code-signing certificate: (*CA).Issue, which asks gate.go
// for a grant. The HTTP API calls it, the signing service calls it, and smallstep's
// Authority calls it as its certificate service (package ca/stepca): JWK, OIDC,
// X5C or ACME tokens only say who asks. A grant holds claims that signed
// assessments in force support, re-verified at that moment, and nothing a client
// typed.
//
// Where the tier asks for it (templates/tiers.yaml), Issue also wants an officer's
// approval of this very request, and hardware that keeps the key: admit looks in the
// store for both, so no way in goes round them. RequestApproval puts a request before
// the officers, Approve and Deny are their answers, Collect issues.
//
// # Order of issuing
//
// After letsencrypt/boulder: grant → to-be-signed content → lint under a throwaway
// key → intent durable → real key → record durable → deliver.
//
//   - The CA key signs the very bytes that were linted and recorded: a ticket from
//     the linter is used up by one signature, and nothing else reaches the key.
//   - A crash before the intent leaves nothing; after it, an Intent on record with
//     no certificate, which nobody holds. No certificate is returned before its
//     record is durable.
//   - The recording transaction checks again that each assessment is in force and
//     that the vendor may still have certificates. If not, the certificate is
//     recorded as revoked and the request refused.
//
// # Files
//
// Init makes a directory, whole or not at all; Open reads it; a Site changes it:
//
//	hierarchy.json        name, tiers, generations and roots, OID arc, public URL, where keys live
//	certs/root.pem        self-signed; the trust anchor
//	certs/<id>.pem        issuing CA under a root; its policies are its ceiling
//	certs/<id>-twin.pem   same name and key, self-signed: trusts one tier alone
//	certs/<id>-by-<root>.pem  the same name and key under another root
//	certs/timestamping.pem, certs/tsa.pem, certs/operator.pem
//	crls/root.crl, crls/timestamping.crl
//	keys/<name>.pem       PKCS#8, encrypted under the passphrase, mode 0600; not for keys on tokens
//	ceremony/             an order that waits for an offline root
//
// Open never reads keys/root.pem or keys/timestamping.pem: they may be moved away
// once Init is done, and are needed again for a Site's changes. The
// keys of an offline root never are there: see SignOrder.
//
// OCSP responder certificates and the server's TLS certificate live for days, with
// keys that exist only in memory: there is no file to steal or to renew in time.
package ca
