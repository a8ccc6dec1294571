package sign

import "github.com/hallmark-pki/hallmark/ext"

// Algorithms of the signatures made here.
var (
	oidSHA256 = ext.SHA256()
	oidSHA384 = ext.SHA384()
	oidSHA512 = ext.SHA512()

	oidRSAEncryption   = ext.RSAEncryption()
	oidECDSAWithSHA256 = ext.ECDSAWithSHA256()
	oidECDSAWithSHA384 = ext.ECDSAWithSHA384()
	oidECDSAWithSHA512 = ext.ECDSAWithSHA512()
)
