package format

import (
	"encoding/asn1"

	"github.com/hallmark-pki/hallmark/ext"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// blockSuffix is the suffix that Java gives the file of a CMS by the signer's key.
func blockSuffix(signature []byte) string {
	if alg, ok := signatureAlgorithm(signature); ok && len(alg) == 7 && alg[:6].Equal(ext.RSAEncryption()[:6]) {
		return "RSA"
	}
	return "EC"
}

// signatureAlgorithm reads the algorithm of a CMS's first signer, RFC 5652 §5.3. It is
// for a file's name; nothing is believed for it.
func signatureAlgorithm(der []byte) (asn1.ObjectIdentifier, bool) {
	in := cryptobyte.String(der)
	var info, wrapped, data, signers, signer, algorithm cryptobyte.String
	var alg asn1.ObjectIdentifier
	tag := contextTag(0).Constructed()
	ok := in.ReadASN1(&info, cbasn1.SEQUENCE) && info.SkipASN1(cbasn1.OBJECT_IDENTIFIER) &&
		info.ReadASN1(&wrapped, tag) && wrapped.ReadASN1(&data, cbasn1.SEQUENCE) &&
		data.SkipASN1(cbasn1.INTEGER) && data.SkipASN1(cbasn1.SET) && data.SkipASN1(cbasn1.SEQUENCE) &&
		data.SkipOptionalASN1(tag) && data.ReadASN1(&signers, cbasn1.SET) &&
		signers.ReadASN1(&signer, cbasn1.SEQUENCE) &&
		signer.SkipASN1(cbasn1.INTEGER) && signer.SkipASN1(cbasn1.SEQUENCE) && signer.SkipASN1(cbasn1.SEQUENCE) &&
		signer.SkipOptionalASN1(tag) &&
		signer.ReadASN1(&algorithm, cbasn1.SEQUENCE) && algorithm.ReadASN1ObjectIdentifier(&alg)
	return alg, ok
}
