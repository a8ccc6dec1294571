package audit

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"

	"github.com/hallmark-pki/hallmark/recent"
	"github.com/hallmark-pki/hallmark/store"
)

// keyMemory reads keys from the record and remembers what it has decoded and parsed,
// never what it has concluded. The zero value is ready; it is safe for concurrent use.
type keyMemory struct {
	auditors       store.Memo[store.AuditorKey]
	accreditations store.Memo[store.Accreditation]
	certificates   store.Memo[store.ClientCertificate]
	parsed         recent.Values[string, parsedKey] // by the DER that was parsed
}

// parsedKey is a public key and the SHA-256 of its SubjectPublicKeyInfo, lower-case hex.
type parsedKey struct {
	public crypto.PublicKey
	spki   string
}

// parse is parser with a memory. The two parsers read different ASN.1 types, so the
// bytes alone say which it was.
func (m *keyMemory) parse(der []byte, parser func([]byte) (parsedKey, error)) (parsedKey, error) {
	if known, ok := m.parsed.Get(string(der)); ok {
		return known, nil
	}
	key, err := parser(der)
	if err == nil {
		m.parsed.Put(string(der), key)
	}
	return key, err
}

func parseKey(der []byte) (parsedKey, error) {
	public, err := x509.ParsePKIXPublicKey(der)
	return parsedKey{public, spkiOf(der)}, err
}

func parseCertificateKey(der []byte) (parsedKey, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return parsedKey{}, err
	}
	return parsedKey{cert.PublicKey, spkiOf(cert.RawSubjectPublicKeyInfo)}, nil
}

func spkiOf(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}
