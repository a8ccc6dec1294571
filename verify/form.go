package verify

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
)

// CheckForm demands of a certificate what RFC 5280 §4 has CAs do and crypto/x509 lets
// pass. Whatever breaks these rules was not made by a CA that keeps to any, and two
// readers may understand it in two ways. An anchor is not asked: it is a name and a key,
// RFC 5280 §6.1.1. The error says which rule.
func CheckForm(c *x509.Certificate) error {
	switch {
	case c.Version != 3:
		return fmt.Errorf("version %d, RFC 5280 §4.1.2.1", c.Version)
	case c.SerialNumber.Sign() <= 0 || c.SerialNumber.BitLen() > maxSerialBits:
		return errors.New("serial number is not positive or longer than 20 bytes, RFC 5280 §4.1.2.2")
	case len(c.AuthorityKeyId) == 0:
		return errors.New("no authority key identifier, RFC 5280 §4.2.1.1")
	case c.IsCA && len(c.SubjectKeyId) == 0:
		return errors.New("CA without subject key identifier, RFC 5280 §4.2.1.2")
	case !c.IsCA && c.KeyUsage&x509.KeyUsageCertSign != 0:
		return errors.New("no CA and may sign certificates, RFC 5280 §4.2.1.3")
	}
	for _, e := range c.Extensions {
		if err := checkExtension(c, e.Id, e.Critical, e.Value); err != nil {
			return err
		}
	}
	if err := checkValidity(c.RawTBSCertificate); err != nil {
		return err
	}
	return errors.Join(checkStrings(c.RawIssuer), checkStrings(c.RawSubject))
}

func isEmptyName(raw []byte) bool { return bytes.Equal(raw, []byte{0x30, 0}) }

func checkExtension(c *x509.Certificate, id asn1.ObjectIdentifier, critical bool, value []byte) error {
	switch {
	case id.Equal(oidNameConstraints) && !c.IsCA:
		return errors.New("name constraints in a certificate of no CA, RFC 5280 §4.2.1.10")
	case id.Equal(oidSubjectAltName) && !critical && isEmptyName(c.RawSubject):
		return errors.New("no subject, and alternative names that are not critical, RFC 5280 §4.2.1.6")
	case id.Equal(oidExtKeyUsage) && len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0:
		return errors.New("extended key usage for nothing, RFC 5280 §4.2.1.12")
	case id.Equal(oidSubjectAltName) && isEmptyName(value):
		return errors.New("alternative names, and none, RFC 5280 §4.2.1.6")
	case id.Equal(oidKeyUsage) && c.KeyUsage == 0:
		return errors.New("key usage for nothing, RFC 5280 §4.2.1.3")
	case id.Equal(oidCertificatePolicies):
		return checkQualifiers(value, critical)
	case id.Equal(oidNameConstraints):
		return checkSubtrees(value)
	}
	return nil
}
