package attestation

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// object is an attestation object, WebAuthn Level 2 section 6.5.4. ACME's
// device-attest-01 leaves authData empty.
type object struct {
	Format    string    `cbor:"fmt"`
	Statement statement `cbor:"attStmt"`
	AuthData  []byte    `cbor:"authData"`
}

// statement has the members of the step and the tpm format.
type statement struct {
	Version   string   `cbor:"ver"`
	Algorithm int64    `cbor:"alg"` // COSE
	Signature []byte   `cbor:"sig"`
	X5C       [][]byte `cbor:"x5c"`
	CertInfo  []byte   `cbor:"certInfo"`
	PubArea   []byte   `cbor:"pubArea"`
}

// COSE algorithms. RS1 is RSA with SHA-1, which many TPMs still speak: it is refused.
const (
	coseES256 = -7
	coseRS256 = -257
)

// decoding is the strict mode: no repeated keys, no unknown members, no indefinite
// lengths, no tags, and nothing behind the object.
func decoding() (cbor.DecMode, error) {
	return cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField, UTF8: cbor.UTF8RejectInvalid, FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
		MaxNestedLevels: maxNested, MaxArrayElements: maxElements, MaxMapPairs: maxElements,
	}.DecMode()
}

// parseObject reads an attestation object, as bytes or in base64url without padding.
func parseObject(raw []byte, format Format) (statement, []*x509.Certificate, error) {
	if text := bytes.TrimSpace(raw); len(text) > 0 && text[0] < 0x80 { // an object is a CBOR map, 0xa0 and up
		decoded, err := base64.RawURLEncoding.Strict().DecodeString(string(text))
		if err != nil {
			return statement{}, nil, refuse(Malformed, "neither CBOR nor base64url")
		}
		raw = decoded
	}
	mode, err := decoding()
	if err != nil {
		return statement{}, nil, refuse(Malformed, "%v", err)
	}
	var o object
	if err := mode.Unmarshal(raw, &o); err != nil {
		return statement{}, nil, refuse(Malformed, "%s", clip(err.Error()))
	}
	if o.Format != string(format) {
		return statement{}, nil, refuse(Malformed, "the object is of format %q, not %q", clip(o.Format), format)
	}
	if len(o.AuthData) > 0 {
		return statement{}, nil, refuse(Malformed, "authData belongs to logins, not to key attestations")
	}
	if n := len(o.Statement.X5C); n == 0 || n > maxCertificates {
		return statement{}, nil, refuse(Malformed, "x5c has %d certificates, want 1 to %d", n, maxCertificates)
	}
	var certs []*x509.Certificate
	for i, der := range o.Statement.X5C {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return statement{}, nil, refuse(Malformed, "x5c[%d]: %v", i, err)
		}
		certs = append(certs, cert)
	}
	return o.Statement, certs, nil
}

func (v *Verifier) step(s Statement, now time.Time) (Attested, error) {
	st, certs, err := parseObject(s.Data, Step)
	if err != nil {
		return Attested{}, err
	}
	if st.Version != "" || st.CertInfo != nil || st.PubArea != nil {
		return Attested{}, refuse(Malformed, "members of another format")
	}
	out, err := v.slot(Step, certs, s, now)
	if err != nil {
		return Attested{}, err
	}
	mode, err := decoding()
	if err != nil {
		return Attested{}, refuse(Malformed, "%v", err)
	}
	var signature []byte
	if err := mode.Unmarshal(st.Signature, &signature); err != nil {
		return Attested{}, refuse(Malformed, "sig is not a byte string in a byte string")
	}
	if err := answers(certs[0].PublicKey, st.Algorithm, s.Challenge, signature); err != nil {
		return Attested{}, err
	}
	out.Bound = true
	return out, nil
}

// answers checks the key's signature over the challenge.
func answers(pub crypto.PublicKey, algorithm int64, challenge string, signature []byte) error {
	if challenge == "" {
		return refuse(BadChallenge, "there is no challenge to answer")
	}
	sum := sha256.Sum256([]byte(challenge))
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() || algorithm != coseES256 {
			return refuse(BadSignature, "an elliptic curve key signs with ES256 on P-256, not with algorithm %d", algorithm)
		}
		if ecdsa.VerifyASN1(k, sum[:], signature) {
			return nil
		}
	case *rsa.PublicKey:
		if algorithm != coseRS256 {
			return refuse(BadSignature, "an RSA key signs with RS256, not with algorithm %d", algorithm)
		}
		if rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], signature) == nil {
			return nil
		}
	default:
		return refuse(BadSignature, "a key of type %T", pub)
	}
	return refuse(BadChallenge, "the key's signature is not over this request's challenge")
}
