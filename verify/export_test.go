package verify

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/format"
)

// SignatureValue returns the signature value of a CMS in the profile of a file's signature.
func SignatureValue(der []byte) ([]byte, error) {
	sd, err := parseSignedData(der, maxSignatureBytes)
	return sd.signer.signature, err
}

// ReadToken reads a timestamp token and returns its authority's certificate, and the
// result of checking that certificate.
func ReadToken(token []byte) (*x509.Certificate, []*x509.Certificate, error) {
	_, signer, others, err := (*memory)(nil).readToken(token)
	if err != nil {
		return nil, nil, err
	}
	return signer, others, checkAuthority(signer)
}

// ParseCRL parses a CRL as the verifier does.
func ParseCRL(der []byte) error {
	head, err := newCRL(der)
	if err != nil {
		return err
	}
	p, err := parseCRL(der)
	if err != nil {
		return err
	}
	if !bytes.Equal(head.issuer, p.RawIssuer) || !slices.Equal(head.urls, p.scope.urls) {
		panic("what was found without reading the entries is something else")
	}
	for _, e := range p.RevokedCertificateEntries {
		if _, _, err := p.lookup(e.SerialNumber); err != nil {
			return err
		}
	}
	return nil
}

// CheckDER is checkDER.
func CheckDER(der []byte) error { return checkDER(der) }

// ParseTSTInfo reads the content of a token.
func ParseTSTInfo(der []byte) (h crypto.Hash, imprint []byte, at time.Time, err error) {
	t, err := parseTSTInfo(der)
	return t.hash, t.imprint, t.at, err
}

// TokenContent is the TSTInfo inside a token.
func TokenContent(token []byte) ([]byte, error) {
	sd, err := parseSignedData(token, maxTokenBytes)
	return sd.content, err
}

// Remembered is how many certificates and signers' paths a Verifier has in its memory.
func (v *Verifier) Remembered() (certificates, paths int) {
	return v.memory.certificates.Len(), v.leafPaths.from.Len()
}

// ReadAfter is Read of a file that something happens to between opening and reading.
func ReadAfter(path string, meanwhile func()) (r *Reading) {
	r = &Reading{path: path}
	defer r.caught()
	f, err := format.Open(path)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	meanwhile()
	r.read(f)
	return r
}

// CheckListForm is checkListForm.
func CheckListForm(der []byte) error { return checkListForm(der) }
