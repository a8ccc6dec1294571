package ocsp

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"

	"github.com/hallmark-pki/hallmark/ext"
)

// What responses may be, and be signed with.
var (
	oidBasic   = ext.OCSPBasic()
	oidNonce   = ext.OCSPNonce()
	oidNoCheck = ext.OCSPNoCheck()
	oidSHA1    = ext.SHA1()
	oidSHA256  = ext.SHA256()
	oidSHA384  = ext.SHA384()
	oidSHA512  = ext.SHA512()

	oidSHA1WithRSA     = ext.SHA1WithRSA()
	oidSHA256WithRSA   = ext.SHA256WithRSA()
	oidSHA384WithRSA   = ext.SHA384WithRSA()
	oidSHA512WithRSA   = ext.SHA512WithRSA()
	oidECDSAWithSHA256 = ext.ECDSAWithSHA256()
	oidECDSAWithSHA384 = ext.ECDSAWithSHA384()
	oidECDSAWithSHA512 = ext.ECDSAWithSHA512()
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
