package ca

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"

	"github.com/hallmark-pki/hallmark/ca/lint"
	"github.com/hallmark-pki/hallmark/templates"
	"go.step.sm/crypto/keyutil"
	"go.step.sm/crypto/x509util"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// issuer is a CA certificate with its key. Safe for concurrent use.
type issuer struct {
	name      string
	cert      *x509.Certificate
	signer    crypto.Signer
	linter    *linter
	throwaway crypto.Signer
}

func newIssuer(name string, cert *x509.Certificate, signer crypto.Signer, l *linter) (*issuer, error) {
	if !keyutil.Equal(cert.PublicKey, signer.Public()) {
		return nil, fmt.Errorf("issuer %s: the key does not belong to the certificate", name)
	}
	throwaway, err := throwawayFor(cert.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("issuer %s: %w", name, err)
	}
	return &issuer{name: name, cert: cert, signer: signer, linter: l, throwaway: throwaway}, nil
}

// prepare lints a template and returns leave to sign it.
func (i *issuer) prepare(template *x509.Certificate) (*ticket, error) {
	return i.linter.press(template, i.cert, template.PublicKey, i.signer.Public(), i.throwaway)
}

// pressTBS is prepare for bytes that are complete.
func (i *issuer) pressTBS(tbs, outer []byte, algorithm x509.SignatureAlgorithm, like *lint.Certificate) (*ticket, error) {
	return i.linter.pressTBS(tbs, outer, algorithm, i.cert, i.throwaway, like)
}

// sign uses up a ticket: the CA key signs its bytes, which nobody can have changed
// since they were linted. The certificate is checked before it is returned.
func (i *issuer) sign(t *ticket) (*x509.Certificate, error) {
	return signTicket(t, i.signer, i.cert)
}

// issue is prepare and sign for certificates that are not a vendor's.
func (i *issuer) issue(template *x509.Certificate) (*x509.Certificate, error) {
	t, err := i.prepare(template)
	if err != nil {
		return nil, err
	}
	return i.sign(t)
}

// signTicket signs with the given key. parent nil means self-signed.
func signTicket(t *ticket, signer crypto.Signer, parent *x509.Certificate) (*x509.Certificate, error) {
	if !t.used.CompareAndSwap(false, true) {
		return nil, errors.New("sign certificate: this content has been signed already")
	}
	der, err := signTBS(t.tbs, t.outer, t.algorithm, signer)
	if err != nil {
		return nil, err
	}
	cert, err := t.signed(der)
	if err != nil {
		return nil, err
	}
	if parent == nil {
		parent = cert
	}
	if err := cert.CheckSignatureFrom(parent); err != nil {
		return nil, fmt.Errorf("check new certificate: %w", err)
	}
	return cert, nil
}

// signed is the certificate as it was linted with the signature of the real one, whose
// content must be the same to the byte.
func (t *ticket) signed(der []byte) (*x509.Certificate, error) {
	tbs, outer, signature, err := cutCertificate(der)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(tbs, t.tbs) || !bytes.Equal(outer, t.outer) {
		return nil, errors.New("sign certificate: what was signed is not what was linted")
	}
	cert := *t.cert
	cert.Raw, cert.RawTBSCertificate, cert.Signature = der, tbs, signature
	return &cert, nil
}

// signTBS makes a Certificate (RFC 5280 §4.1) of bytes that are not changed.
func signTBS(tbs, outer []byte, algorithm x509.SignatureAlgorithm, signer crypto.Signer) ([]byte, error) {
	digest, hash, err := digestFor(algorithm, tbs)
	if err != nil {
		return nil, err
	}
	sig, err := signer.Sign(rand.Reader, digest, hash)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	der, err := encodeAbout(len(tbs)+len(outer)+len(sig)+encodeRoom, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(tbs)
			b.AddBytes(outer)
			b.AddASN1BitString(sig)
		})
	})
	if err != nil {
		return nil, fmt.Errorf("encode certificate: %w", err)
	}
	return der, nil
}

// cutCertificate returns the DER of tbsCertificate and signatureAlgorithm and the bytes of
// signatureValue (RFC 5280 §4.1.1).
func cutCertificate(der []byte) (tbs, outer, signature []byte, err error) {
	in := cryptobyte.String(der)
	var cert, content, algorithm cryptobyte.String
	if !in.ReadASN1(&cert, cbasn1.SEQUENCE) || !in.Empty() || !cert.ReadASN1Element(&content, cbasn1.SEQUENCE) ||
		!cert.ReadASN1Element(&algorithm, cbasn1.SEQUENCE) || !cert.ReadASN1BitStringAsBytes(&signature) || !cert.Empty() {
		return nil, nil, nil, errors.New("read back certificate: not a certificate")
	}
	return content, algorithm, signature, nil
}

// digestFor hashes content as a signature algorithm wants it.
func digestFor(algorithm x509.SignatureAlgorithm, content []byte) ([]byte, crypto.Hash, error) {
	switch algorithm {
	case x509.ECDSAWithSHA256, x509.SHA256WithRSA:
		sum := sha256.Sum256(content)
		return sum[:], crypto.SHA256, nil
	case x509.ECDSAWithSHA384:
		sum := sha512.Sum384(content)
		return sum[:], crypto.SHA384, nil
	}
	return nil, 0, fmt.Errorf("signature algorithm %s is not used by this CA", algorithm)
}

// stamp fills in what no profile says: serial number, validity and key identifiers.
func stamp(t *x509.Certificate, random io.Reader, notBefore, notAfter time.Time) error {
	serial, err := newSerial(random)
	if err != nil {
		return err
	}
	ski, err := x509util.GenerateSubjectKeyID(t.PublicKey) // RFC 5280 §4.2.1.2, method 1
	if err != nil {
		return fmt.Errorf("key identifier: %w", err)
	}
	t.SerialNumber, t.SubjectKeyId = serial, ski
	t.NotBefore, t.NotAfter = notBefore.UTC().Truncate(time.Second), notAfter.UTC().Truncate(time.Second)
	return nil
}

// newSerial draws a positive serial number of serialBytes bytes. The top bit is
// clear so that DER needs no extra zero byte, and the top hex digit is not zero, so
// that every way of writing it in hex gives the same text.
func newSerial(random io.Reader) (*big.Int, error) {
	var b [serialBytes]byte
	for b[0]>>4 == 0 {
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return nil, fmt.Errorf("draw serial number: %w", err)
		}
		b[0] &= 0x7f
	}
	return new(big.Int).SetBytes(b[:]), nil
}

// newLeafSerial draws a serial number for one of many certificates, of leafSerialBytes
// bytes: the bits 01, so that the top hex digit is as newSerial wants it, 46 bits of
// milliseconds since 1970, and random ones. Stores sort by serial number, so records of
// certificates that are made together are written together; all random, each would be a
// page of its own in each table and index. Nothing reads the time back.
func newLeafSerial(random io.Reader, now time.Time) (*big.Int, error) {
	var b [leafSerialBytes]byte
	binary.BigEndian.PutUint64(b[:], (1<<46|uint64(now.UnixMilli())&(1<<46-1))<<16)
	if _, err := io.ReadFull(random, b[serialTimeBytes:]); err != nil {
		return nil, fmt.Errorf("draw serial number: %w", err)
	}
	return new(big.Int).SetBytes(b[:]), nil
}

// SerialKey renders a serial number as records spell it: lower-case hex.
func SerialKey(n *big.Int) string { return n.Text(16) }

// render fills in a profile and stamps it.
func render(p templates.Profile, pub crypto.PublicKey, v templates.Values, random io.Reader, from, until time.Time) (*x509.Certificate, error) {
	t, err := p.Render(pub, v)
	if err != nil {
		return nil, err
	}
	if err := stamp(t, random, from, until); err != nil {
		return nil, err
	}
	return t, nil
}
