package attestation

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"slices"
	"strings"
	"time"

	"github.com/google/go-tpm/legacy/tpm2"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/smallstep/go-attestation/attest"
	"go.step.sm/crypto/x509util"
)

var (
	oidSubjectAltName = ext.SubjectAltName()
	oidAIK            = ext.AIKCertificate()
)

func (v *Verifier) tpm(s Statement, now time.Time) (Attested, error) {
	st, certs, err := parseObject(s.Data, TPM)
	if err != nil {
		return Attested{}, err
	}
	if st.Version != "2.0" || st.Algorithm != coseRS256 {
		return Attested{}, refuse(Malformed, "version %q with algorithm %d, want 2.0 with RS256: an RSA attestation key and SHA-256", clip(st.Version), st.Algorithm)
	}
	ak := certs[0]
	// The name of a TPM is a directoryName, which crypto/x509 does not read.
	ak.UnhandledCriticalExtensions = slices.DeleteFunc(ak.UnhandledCriticalExtensions, oidSubjectAltName.Equal)
	root, err := v.chain(TPM, certs, now)
	if err != nil {
		return Attested{}, err
	}
	out := Attested{Root: root, Bound: true}
	if err := out.readAK(ak); err != nil {
		return Attested{}, err
	}
	pub, err := certified(st, ak, s.Challenge)
	if err != nil {
		return Attested{}, err
	}
	return out, sameKey(pub, s.Key)
}

// readAK checks what WebAuthn Level 2 section 8.3.1 wants of an attestation key's
// certificate, and reads which TPM it is.
func (a *Attested) readAK(c *x509.Certificate) error {
	if c.Version != 3 || len(c.Subject.Names) > 0 {
		return refuse(Extension, "the attestation key's certificate is not of version 3 with an empty subject")
	}
	if !slices.ContainsFunc(c.UnknownExtKeyUsage, oidAIK.Equal) {
		return refuse(Extension, "the certificate is not an attestation key's: tcg-kp-AIKCertificate is missing")
	}
	names, err := x509util.ParseSubjectAlternativeNames(c)
	if err != nil {
		return refuse(Extension, "%s", clip(err.Error()))
	}
	d := names.TPMHardwareDetails
	if d.Manufacturer == "" || d.Model == "" || d.Version == "" {
		return refuse(Extension, "the certificate does not name the TPM's maker, model and version")
	}
	a.Details = []string{"manufacturer " + d.Manufacturer, "model " + d.Model, "version " + d.Version}
	a.Device = strings.Join([]string{d.Manufacturer, d.Model, d.Version}, " ")
	if len(names.PermanentIdentifiers) > 0 && names.PermanentIdentifiers[0].Identifier != "" {
		a.Device = names.PermanentIdentifiers[0].Identifier
	}
	return nil
}

// certified returns the key that the attestation key certified, for this challenge.
func certified(st statement, ak *x509.Certificate, challenge string) (crypto.PublicKey, error) {
	pub, info, err := decodeCertification(st)
	if err != nil {
		return nil, err
	}
	const stays = tpm2.FlagFixedTPM | tpm2.FlagFixedParent | tpm2.FlagSensitiveDataOrigin
	if pub.Attributes&stays != stays {
		return nil, refuse(Exportable, "the TPM did not make the key, or may let it be duplicated: fixedTPM, fixedParent and sensitiveDataOrigin are not all set")
	}
	if pub.Attributes&tpm2.FlagSign == 0 {
		return nil, refuse(Extension, "the key is not one that signs")
	}
	params := attest.CertificationParameters{Public: st.PubArea, CreateAttestation: st.CertInfo, CreateSignature: st.Signature}
	if err := params.Verify(attest.VerifyOpts{Public: ak.PublicKey, Hash: crypto.SHA256}); err != nil {
		return nil, refuse(BadSignature, "%v", err)
	}
	want := sha256.Sum256([]byte(challenge))
	if challenge == "" || subtle.ConstantTimeCompare(want[:], info.ExtraData) != 1 {
		return nil, refuse(BadChallenge, "extraData is not the SHA-256 of this request's challenge")
	}
	key, err := pub.Key()
	if err != nil {
		return nil, refuse(Malformed, "%v", err)
	}
	return key, nil
}

// decodeCertification reads the TPM's three structures. The library stops reading where
// a structure ends; encoding again shows what it left over. It also trusts that a
// signature is RSA's, so that is looked at first.
func decodeCertification(st statement) (pub tpm2.Public, info *tpm2.AttestationData, err error) {
	if pub, err = tpm2.DecodePublic(st.PubArea); err != nil {
		return pub, nil, refuse(Malformed, "pubArea: %v", err)
	}
	if pub.Type != tpm2.AlgRSA && pub.Type != tpm2.AlgECC {
		return pub, nil, refuse(Malformed, "pubArea is of neither an RSA nor an elliptic curve key")
	}
	if pub.NameAlg != tpm2.AlgSHA256 && pub.NameAlg != tpm2.AlgSHA384 {
		return pub, nil, refuse(Malformed, "the key is named by neither SHA-256 nor SHA-384")
	}
	if again, err := pub.Encode(); err != nil || !bytes.Equal(again, st.PubArea) {
		return pub, nil, refuse(Malformed, "pubArea has bytes behind its end")
	}
	if info, err = tpm2.DecodeAttestationData(st.CertInfo); err != nil {
		return pub, nil, refuse(Malformed, "certInfo: %v", err)
	}
	if info.Type != tpm2.TagAttestCertify || info.AttestedCertifyInfo == nil || info.AttestedCertifyInfo.Name.Digest == nil ||
		info.AttestedCertifyInfo.Name.Digest.Alg != pub.NameAlg {
		return pub, nil, refuse(Malformed, "certInfo does not certify a key")
	}
	if again, err := info.Encode(); err != nil || !bytes.Equal(again, st.CertInfo) {
		return pub, nil, refuse(Malformed, "certInfo has bytes behind its end")
	}
	sig, err := tpm2.DecodeSignature(bytes.NewBuffer(st.Signature))
	if err != nil || sig.RSA == nil || sig.Alg != tpm2.AlgRSASSA || sig.RSA.HashAlg != tpm2.AlgSHA256 {
		return pub, nil, refuse(Malformed, "sig is not RSASSA with SHA-256")
	}
	if again, err := sig.Encode(); err != nil || !bytes.Equal(again, st.Signature) {
		return pub, nil, refuse(Malformed, "sig has bytes behind its end")
	}
	return pub, info, nil
}
