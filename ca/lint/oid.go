package lint

import "github.com/hallmark-pki/hallmark/ext"

// Extensions and attributes that the rules know.
var (
	oidSubjectKeyIdentifier   = ext.SubjectKeyIdentifier()
	oidKeyUsage               = ext.KeyUsage()
	oidSubjectAltName         = ext.SubjectAltName()
	oidBasicConstraints       = ext.BasicConstraints()
	oidCRLDistributionPoints  = ext.CRLDistributionPoints()
	oidCertificatePolicies    = ext.CertificatePolicies()
	oidAuthorityKeyIdentifier = ext.AuthorityKeyIdentifier()
	oidExtKeyUsage            = ext.ExtKeyUsage()
	oidAuthorityInfoAccess    = ext.AuthorityInfoAccess()
	oidOCSPNoCheck            = ext.OCSPNoCheck()

	oidCountry      = ext.Country()
	oidOrganization = ext.Organization()
	oidCommonName   = ext.CommonName()
)
