package verify

import (
	"bytes"
	"crypto/x509"
	"sync"

	"golang.org/x/mod/sumdb/note"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/recent"
)

// memory keeps what a Verifier has worked out of bytes alone, for the next file that
// brings the same bytes: certificates, their marks and CRLs as they parse, receipts as they verify under
// the keys of the trust bundle. What depends on the time, on the policy or on the file is
// not among it. Bounded by maxKnownCertificates, whatever files bring. A nil memory
// forgets everything. It is safe for concurrent use.
type memory struct {
	certificates recent.Values[string, *x509.Certificate]    // by their DER, all of it
	marks        recent.Values[*x509.Certificate, knownMark] // of certificates above, which are themselves remembered
	receipts     recent.Values[string, receipt.Receipt]      // verified under the logs' keys
	crls         recent.Values[string, *crl]                 // small ones, with which keys signed them
	keyring      func() (*attest.Keyring, error)             // of summaries, made once it is needed
	logs         []note.Verifier
}

func newMemory(t Trust, logs []note.Verifier) *memory {
	return &memory{
		certificates: recent.Values[string, *x509.Certificate]{Keep: maxKnownCertificates},
		marks:        recent.Values[*x509.Certificate, knownMark]{Keep: maxKnownCertificates},
		receipts:     recent.Values[string, receipt.Receipt]{Keep: maxKnownCertificates},
		crls:         recent.Values[string, *crl]{Keep: maxKnownCertificates},
		logs:         logs,
		keyring:      sync.OnceValues(func() (*attest.Keyring, error) { return attest.NewKeyring(t.VSAKeys...) }),
	}
}

// certificate parses a certificate. The result is shared: nobody changes it. It is made
// of a copy, because what crypto/x509 returns points into the bytes that it was given:
// those are the file's, or a caller's buffer, and would decide later what a certificate
// says that was judged before.
func (m *memory) certificate(der []byte) (*x509.Certificate, error) {
	if m == nil {
		return x509.ParseCertificate(der)
	}
	if c, ok := recent.GetBytes(&m.certificates, der); ok {
		return c, nil
	}
	c, err := x509.ParseCertificate(bytes.Clone(der))
	if err == nil {
		m.certificates.Put(string(der), c)
	}
	return c, err
}

// receipt verifies a receipt under the logs' keys.
func (m *memory) receipt(raw []byte) (receipt.Receipt, error) {
	if r, ok := recent.GetBytes(&m.receipts, raw); ok {
		return r, nil
	}
	r, err := receipt.Verify(raw, m.logs...)
	if err == nil && len(raw) <= maxKnownBytes {
		m.receipts.Put(string(raw), r)
	}
	return r, err
}

// crl takes a stapled CRL in.
func (m *memory) crl(raw []byte) (*crl, error) {
	if len(raw) > maxKnownBytes {
		return newCRL(raw)
	}
	if c, ok := recent.GetBytes(&m.crls, raw); ok {
		return c, nil
	}
	c, err := newCRL(bytes.Clone(raw)) // of its own: what it remembers outlives the file
	if err == nil {
		m.crls.Put(string(raw), c)
	}
	return c, err
}
