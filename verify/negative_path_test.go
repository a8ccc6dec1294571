package verify_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"

	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// stampCA dates signatures by an authority under a CA that differs in one thing.
func stampCA(edit pki.Edit) negative {
	return negative{config: func(t *testing.T, p *pki.PKI, c *verify.Config) {
		old := p.StampCA.Cert
		p.StampCA = p.Issue(t, p.Root, func(c *x509.Certificate) {
			c.Subject, c.BasicConstraintsValid, c.IsCA, c.KeyUsage = old.Subject, true, true, old.KeyUsage
			c.NotBefore, c.NotAfter, c.ExtKeyUsage = old.NotBefore, old.NotAfter, old.ExtKeyUsage
		}, edit)
		p.TSA = p.NewTSA(t)
		c.Status = p.Status(t)
	}}
}

// otherRoot puts everything under a root that differs in one thing.
func otherRoot(edit pki.Edit) negative {
	return negative{config: func(t *testing.T, p *pki.PKI, c *verify.Config) {
		old, high := p.Root.Cert, p.High.Cert
		stampRoot := *p.Root
		p.Root = p.Issue(t, nil, func(c *x509.Certificate) {
			c.Subject, c.BasicConstraintsValid, c.IsCA, c.KeyUsage = old.Subject, true, true, old.KeyUsage
			c.NotBefore, c.NotAfter = old.NotBefore, old.NotAfter
		}, edit)
		p.High = p.Issue(t, p.Root, func(c *x509.Certificate) {
			c.Subject, c.BasicConstraintsValid, c.IsCA, c.KeyUsage = high.Subject, true, true, high.KeyUsage
			c.NotBefore, c.NotAfter = high.NotBefore, high.NotAfter
		}, p.Ceiling(t, 4))
		p.Leaf = p.NewLeaf(t, p.High, p.Claims(3))
		c.Trust, c.Status = p.Trust(), p.Status(t)
		c.Trust.TimestampRoots = []*x509.Certificate{stampRoot.Cert}
	}}
}

func unknownCritical(c *x509.Certificate) {
	c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}})
}

// criticalExtension adds one whose DER is given; the library makes none of these from a template.
func criticalExtension(id int, der ...byte) pki.Edit {
	return func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, id}, Critical: true, Value: der})
	}
}

// requireExplicitPolicy is policyConstraints with requireExplicitPolicy 0, RFC 5280 §4.2.1.11.
func requireExplicitPolicy() pki.Edit { return criticalExtension(36, 0x30, 3, 0x80, 1, 0) }

func oid(c ...uint64) x509.OID {
	o, err := x509.OIDFromInts(c)
	if err != nil {
		panic(err) // a constant
	}
	return o
}

// pathNegatives are about the rules of RFC 5280 §6.1 for the certificates between.
func pathNegatives() []negative {
	otherPolicy := func(c *x509.Certificate) { c.Policies = []x509.OID{oid(1, 3, 6, 1, 4, 1, 32473, 9)} }
	both := func(edits ...pki.Edit) pki.Edit {
		return func(c *x509.Certificate) {
			for _, e := range edits {
				e(c)
			}
		}
	}
	return []negative{
		issuer(unknownCritical).as("of the issuing CA", verify.CriticalExtension),
		stampCA(unknownCritical).as("unknown critical extension of its CA", verify.TimestampUntrusted),
		issuer(func(c *x509.Certificate) {
			c.PermittedURIDomains, c.PermittedDNSDomainsCritical = []string{"other.example.com"}, true
		}).as("another domain permitted", verify.NameConstraint),
		issuer(func(c *x509.Certificate) {
			c.ExcludedURIDomains, c.PermittedDNSDomainsCritical = []string{"vendor.example.com"}, true
		}).as("the vendor's domain excluded", verify.NameConstraint),
		otherRoot(func(c *x509.Certificate) {
			c.ExcludedURIDomains, c.PermittedDNSDomainsCritical = []string{".example.com"}, true
		}).as("excluded by the root", verify.NameConstraint),
		issuer(both(otherPolicy, requireExplicitPolicy())).as("none of the path's policies is the issuer's", verify.PolicyConstraint),
		// Level 4 is mapped from level 1, which is all that the tier has.
		issuer(func(c *x509.Certificate) {
			low, high := c.Policies[0], c.Policies[len(c.Policies)-1]
			c.Policies = c.Policies[:1]
			c.PolicyMappings = []x509.PolicyMapping{{IssuerDomainPolicy: low, SubjectDomainPolicy: high}}
		}).as("mapped to a higher level", verify.TierCeiling),
		issuer(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }).as("issuing CA may not sign certificates", verify.ChainUntrusted),
		issuer(func(c *x509.Certificate) { c.IsCA, c.MaxPathLenZero, c.SubjectKeyId = false, false, []byte{1} }).as("issuing CA is none", verify.ChainUntrusted),
		otherRoot(func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, true }).as("path longer than the root allows", verify.ChainUntrusted),
		stampCA(func(c *x509.Certificate) { c.ExtKeyUsage = nil }).as("its CA is for anything", verify.TimestampUntrusted),
		stampCA(func(c *x509.Certificate) { c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageAny) }).as("its CA is for any usage", verify.TimestampUntrusted),
		stampCA(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning} }).as("its CA is for code", verify.TimestampUntrusted),
		stampCA(func(c *x509.Certificate) { c.NotAfter = c.NotBefore.AddDate(6, 1, 0) }).as("its CA expired", verify.TimestampUntrusted),
		{name: "its CA, compromised", want: verify.TimestampRevoked, config: func(t *testing.T, p *pki.PKI, c *verify.Config) {
			c.Status.CRLs = append(c.Status.CRLs, p.CRL(t, p.Root, 8, pki.Revocation{At: after, Reason: 2}.Revoke(t, p.StampCA.Cert)))
		}},
		{name: "issuing CA's key compromised later", want: verify.IssuerRevoked, config: func(t *testing.T, p *pki.PKI, c *verify.Config) {
			c.Status.CRLs = append(c.Status.CRLs, p.CRL(t, p.Root, 8, pki.Revocation{At: after, Reason: 2}.Revoke(t, p.High.Cert)))
		}},
	}
}
