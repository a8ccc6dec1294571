package ocsp

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"
)

// Object identifiers of OCSP; all theirs.
var (
	oidBasic   = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}  // id-pkix-ocsp-basic, RFC 6960 §4.2.1
	oidNonce   = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}  // id-pkix-ocsp-nonce, RFC 6960 §4.4.1
	oidNoCheck = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}  // id-pkix-ocsp-nocheck, RFC 6960 §4.2.2.2.1
	oidSHA1    = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}             // RFC 3370 §2.1
	oidSHA256  = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1} // RFC 5754 §2.2
	oidSHA384  = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2} // RFC 5754 §2.3
	oidSHA512  = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3} // RFC 5754 §2.4

	oidSHA1WithRSA     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 5}  // RFC 3370 §3.2
	oidSHA256WithRSA   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11} // RFC 5754 §3.2
	oidSHA384WithRSA   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12} // RFC 5754 §3.2
	oidSHA512WithRSA   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13} // RFC 5754 §3.2
	oidECDSAWithSHA256 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}   // RFC 5754 §3.3
	oidECDSAWithSHA384 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}   // RFC 5754 §3.3
	oidECDSAWithSHA512 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}   // RFC 5754 §3.3
)

// hashOf returns a hash that may name an issuer. SHA-1 is what RFC 5019 §2.1.1 asks
// for: it selects an answer, and a second name with that hash would need a second
// preimage.
func hashOf(id asn1.ObjectIdentifier) (crypto.Hash, bool) {
	switch {
	case id.Equal(oidSHA1):
		return crypto.SHA1, true
	case id.Equal(oidSHA256):
		return crypto.SHA256, true
	case id.Equal(oidSHA384):
		return crypto.SHA384, true
	case id.Equal(oidSHA512):
		return crypto.SHA512, true
	}
	return 0, false
}

// signatureOf returns a signature algorithm that is accepted.
func signatureOf(id asn1.ObjectIdentifier, sha1Unsafe bool) (x509.SignatureAlgorithm, bool) {
	for _, a := range []struct {
		id        asn1.ObjectIdentifier
		algorithm x509.SignatureAlgorithm
	}{
		{oidSHA256WithRSA, x509.SHA256WithRSA}, {oidSHA384WithRSA, x509.SHA384WithRSA}, {oidSHA512WithRSA, x509.SHA512WithRSA},
		{oidECDSAWithSHA256, x509.ECDSAWithSHA256}, {oidECDSAWithSHA384, x509.ECDSAWithSHA384}, {oidECDSAWithSHA512, x509.ECDSAWithSHA512},
	} {
		if id.Equal(a.id) {
			return a.algorithm, true
		}
	}
	return x509.SHA1WithRSA, sha1Unsafe && id.Equal(oidSHA1WithRSA)
}
