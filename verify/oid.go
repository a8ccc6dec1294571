package verify

import "github.com/hallmark-pki/hallmark/ext"

// What the profile of CMS, timestamps, certificates and CRLs knows.
var (
	oidSignedData = ext.SignedData()
	oidTSTInfo    = ext.TSTInfo()

	oidContentType          = ext.ContentType()
	oidMessageDigest        = ext.MessageDigest()
	oidSigningTime          = ext.SigningTime()
	oidAlgorithmProtection  = ext.CMSAlgorithmProtection()
	oidSigningCertificateV2 = ext.SigningCertificateV2()
	oidTimeStampToken       = ext.TimeStampToken()

	oidSHA256 = ext.SHA256()
	oidSHA384 = ext.SHA384()
	oidSHA512 = ext.SHA512()

	oidRSAEncryption   = ext.RSAEncryption()
	oidSHA256WithRSA   = ext.SHA256WithRSA()
	oidSHA384WithRSA   = ext.SHA384WithRSA()
	oidSHA512WithRSA   = ext.SHA512WithRSA()
	oidECDSAWithSHA256 = ext.ECDSAWithSHA256()
	oidECDSAWithSHA384 = ext.ECDSAWithSHA384()
	oidECDSAWithSHA512 = ext.ECDSAWithSHA512()

	oidKeyUsage                 = ext.KeyUsage()
	oidAnyPolicy                = ext.AnyPolicy()
	oidExtKeyUsage              = ext.ExtKeyUsage()
	oidNameConstraints          = ext.NameConstraints()
	oidPolicyConstraints        = ext.PolicyConstraints()
	oidInhibitAnyPolicy         = ext.InhibitAnyPolicy()
	oidDeltaCRLIndicator        = ext.DeltaCRLIndicator()
	oidCRLReason                = ext.CRLReason()
	oidInvalidityDate           = ext.InvalidityDate()
	oidSubjectAltName           = ext.SubjectAltName()
	oidCRLDistributionPoints    = ext.CRLDistributionPoints()
	oidCertificatePolicies      = ext.CertificatePolicies()
	oidIssuingDistributionPoint = ext.IssuingDistributionPoint()

	oidQualifierCPS    = ext.QualifierCPS()
	oidQualifierNotice = ext.QualifierNotice()
	oidEmailAddress    = ext.EmailAddress()
)
