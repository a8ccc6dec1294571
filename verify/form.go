package verify

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// checkForm demands of a certificate what RFC 5280 §4 has CAs do and crypto/x509 lets
// pass. Whatever breaks these rules was not made by a CA that keeps to any, and two
// readers may understand it in two ways. An anchor is not asked: it is a name and a key,
// RFC 5280 §6.1.1.
func checkForm(c *x509.Certificate) error {
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
	return nil
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
	case id.Equal(oidCertificatePolicies) && critical:
		return checkQualifiers(value)
	}
	return nil
}

// checkQualifiers refuses qualifiers that RFC 5280 §4.2.1.4 does not define: where the
// extension is critical they must be understood.
func checkQualifiers(der []byte) error {
	bad := errors.New("malformed certificate policies")
	in := cryptobyte.String(der)
	var policies cryptobyte.String
	if !in.ReadASN1(&policies, cbasn1.SEQUENCE) || !in.Empty() {
		return bad
	}
	for !policies.Empty() {
		var policy, qualifiers cryptobyte.String
		var present bool
		if !policies.ReadASN1(&policy, cbasn1.SEQUENCE) || !policy.SkipASN1(cbasn1.OBJECT_IDENTIFIER) ||
			!policy.ReadOptionalASN1(&qualifiers, &present, cbasn1.SEQUENCE) || !policy.Empty() {
			return bad
		}
		for !qualifiers.Empty() {
			var one cryptobyte.String
			var id asn1.ObjectIdentifier
			if !qualifiers.ReadASN1(&one, cbasn1.SEQUENCE) || !one.ReadASN1ObjectIdentifier(&id) {
				return bad
			}
			if !id.Equal(oidQualifierCPS) && !id.Equal(oidQualifierNotice) {
				return fmt.Errorf("critical certificate policies with unknown qualifier %v, RFC 5280 §4.2.1.4", id)
			}
		}
	}
	return nil
}

// checkConstraints adds to the name constraints that crypto/x509 has found to hold, RFC 5280
// §4.2.1.10, what it leaves out. It never permits what the library does not.
func checkConstraints(chain []*x509.Certificate) error {
	for i := len(chain) - 1; i > 0; i-- {
		ca := chain[i]
		isLax := slices.ContainsFunc(ca.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidNameConstraints) && !e.Critical })
		if isLax {
			// The library refuses forms of names that it does not compare only where the
			// extension is critical, as it must be.
			return because(IssuerUnfit, "%q: name constraints are not critical", ca.Subject)
		}
		for _, c := range chain[:i] {
			if err := checkNames(ca, c); err != nil {
				return because(IssuerUnfit, "%q below %q: %v", c.Subject, ca.Subject, err)
			}
		}
	}
	return nil
}

// checkNames: the library takes a host for its whole domain, where the RFC has a period
// in front say so, and does not look for e-mail addresses in the subject.
func checkNames(ca, c *x509.Certificate) error {
	if len(ca.PermittedEmailAddresses)+len(ca.ExcludedEmailAddresses) > 0 {
		if slices.ContainsFunc(c.Subject.Names, func(n pkix.AttributeTypeAndValue) bool { return n.Type.Equal(oidEmailAddress) }) {
			return errors.New("e-mail addresses are constrained, and its subject has one")
		}
	}
	for _, address := range c.EmailAddresses {
		_, host, _ := strings.Cut(address, "@")
		if !isPermitted(host, ca.PermittedEmailAddresses) && !slices.Contains(ca.PermittedEmailAddresses, address) {
			return fmt.Errorf("e-mail address %.64q is not permitted", address)
		}
	}
	for _, u := range c.URIs {
		if !isPermitted(u.Hostname(), ca.PermittedURIDomains) {
			return fmt.Errorf("URI %.64q is not permitted", u)
		}
	}
	return nil
}

func isPermitted(host string, permitted []string) bool {
	return len(permitted) == 0 || slices.ContainsFunc(permitted, func(p string) bool {
		if strings.HasPrefix(p, ".") {
			return strings.HasSuffix(strings.ToLower(host), strings.ToLower(p))
		}
		return strings.EqualFold(host, p)
	})
}

// checkMappings refuses CAs that declare policies to be the same: what a mark's policy
// would then mean is not what it says. RFC 5280 §4.2.1.5.
func checkMappings(issuers []*x509.Certificate) error {
	i := slices.IndexFunc(issuers, func(c *x509.Certificate) bool { return len(c.PolicyMappings) > 0 })
	if i >= 0 {
		return because(TierCeiling, "%q maps policies", issuers[i].Subject)
	}
	return nil
}
