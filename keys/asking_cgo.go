//go:build cgo && !nopkcs11

package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"
	"io"
	"math/big"

	"github.com/miekg/pkcs11"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// askingSigner signs with a key that wants the PIN again for each signature
// (CKA_ALWAYS_AUTHENTICATE, PKCS #11 v2.40 §4.4): the signature slot of PIV cards,
// such as 9c of a YubiKey. The library beneath go.step.sm/crypto knows no second
// login. It holds no lock of modules: its key has the token open, so that nobody
// ends the module before close.
type askingSigner struct {
	ctx    *pkcs11.Ctx
	slot   uint
	handle pkcs11.ObjectHandle
	public crypto.PublicKey
	pin    string
}

func newAskingSigner(uri, path string, slot uint, o object, public crypto.PublicKey, pin string) (*askingSigner, error) {
	ctx := pkcs11.New(path)
	if ctx == nil {
		return nil, refuse(NoModule, Redact(uri), "%s cannot be loaded again", quote(path))
	}
	return &askingSigner{ctx: ctx, slot: slot, handle: o.handle, public: public, pin: pin}, nil
}

func (s *askingSigner) close() { s.ctx.Destroy() }

func (s *askingSigner) Public() crypto.PublicKey { return s.public }

// Sign makes ECDSA signatures and those of PKCS #1 v1.5.
func (s *askingSigner) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	var mechanism uint
	switch s.public.(type) {
	case *ecdsa.PublicKey:
		mechanism = pkcs11.CKM_ECDSA
	case *rsa.PublicKey:
		if _, pss := opts.(*rsa.PSSOptions); pss {
			return nil, errors.New("RSA-PSS is not handled with a key that wants its PIN for each signature")
		}
		mechanism = pkcs11.CKM_RSA_PKCS
		var err error
		if digest, err = digestInfo(opts.HashFunc(), digest); err != nil {
			return nil, err
		}
	}
	session, err := s.ctx.OpenSession(s.slot, pkcs11.CKF_SERIAL_SESSION)
	if err != nil {
		return nil, err
	}
	defer s.ctx.CloseSession(session)
	if err := s.ctx.SignInit(session, []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, nil)}, s.handle); err != nil {
		return nil, err
	}
	if err := s.ctx.Login(session, pkcs11.CKU_CONTEXT_SPECIFIC, s.pin); err != nil {
		return nil, err
	}
	sig, err := s.ctx.Sign(session, digest)
	if err != nil || mechanism == pkcs11.CKM_RSA_PKCS {
		return sig, err
	}
	if len(sig) == 0 || len(sig)%2 != 0 {
		return nil, errors.New("an ECDSA signature of odd length")
	}
	half := len(sig) / 2
	return marshalECDSA(new(big.Int).SetBytes(sig[:half]), new(big.Int).SetBytes(sig[half:]))
}

// digestInfo is what CKM_RSA_PKCS pads and signs (RFC 8017 §9.2, step 2).
func digestInfo(hash crypto.Hash, digest []byte) ([]byte, error) {
	last, ok := map[crypto.Hash]byte{crypto.SHA256: 1, crypto.SHA384: 2, crypto.SHA512: 3}[hash]
	if !ok {
		return nil, errors.New("of the hashes, SHA-256, SHA-384 and SHA-512 are handled")
	}
	oid := []byte{0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last} // 2.16.840.1.101.3.4.2.x
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes(oid) })
			b.AddASN1NULL()
		})
		b.AddASN1OctetString(digest)
	})
	return b.Bytes()
}
