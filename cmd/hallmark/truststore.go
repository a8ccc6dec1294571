package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"
)

// defaultStorePassword is what Java's own truststore has, and what its tools try
// first.
const defaultStorePassword = "changeit"

// minStorePassword is the shortest password, in characters, that keytool takes.
const minStorePassword = 6

// storePassword reads a truststore's password: printable ASCII, because Java's tools
// read other characters differently from one locale to the next.
func (e *env) storePassword(path string) (string, error) {
	raw, err := e.readBounded(path, maxKeyFileBytes)
	if err != nil {
		return "", err
	}
	password := strings.TrimRight(string(raw), "\r\n")
	if len(password) < minStorePassword {
		return "", fmt.Errorf("store password file %s: at least %d characters are wanted, keytool opens no store with fewer", path, minStorePassword)
	}
	if !printableASCII(password) {
		return "", fmt.Errorf("store password file %s: only printable ASCII means the same to every Java", path)
	}
	return password, nil
}

func printableASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// storeAlias names a tier's anchor in a truststore that may hold others' as well.
func storeAlias(tier string) string { return "hallmark-" + strings.ToLower(tier) }

// parseAnchor reads one self-signed CA certificate in PEM, with nothing around it.
func parseAnchor(raw []byte) (*x509.Certificate, error) {
	block, rest := pem.Decode(raw)
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("tier anchor: not one certificate in PEM")
	}
	anchor, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("tier anchor: %w", err)
	}
	if !anchor.BasicConstraintsValid || !anchor.IsCA {
		return nil, errors.New("tier anchor: not a CA certificate")
	}
	if err := anchor.CheckSignatureFrom(anchor); err != nil {
		return nil, fmt.Errorf("tier anchor: not self-signed: %w", err)
	}
	return anchor, nil
}

// marshalJKS writes a Java truststore with one certificate. date is the entry's, so
// that the same anchor gives the same file.
func marshalJKS(alias string, cert *x509.Certificate, date time.Time, password string) ([]byte, error) {
	store := keystore.New()
	entry := keystore.TrustedCertificateEntry{CreationTime: date, Certificate: keystore.Certificate{Type: "X.509", Content: cert.Raw}}
	if err := store.SetTrustedCertificateEntry(alias, entry); err != nil {
		return nil, fmt.Errorf("truststore: %w", err)
	}
	var out bytes.Buffer
	if err := store.Store(&out, []byte(password)); err != nil {
		return nil, fmt.Errorf("truststore: %w", err)
	}
	return out.Bytes(), nil
}

// marshalP12 writes a PKCS #12 truststore with one certificate, which Java takes for
// trusted.
func marshalP12(alias string, cert *x509.Certificate, password string) ([]byte, error) {
	raw, err := pkcs12.Modern2023.EncodeTrustStoreEntries([]pkcs12.TrustStoreEntry{{Cert: cert, FriendlyName: alias}}, password)
	if err != nil {
		return nil, fmt.Errorf("truststore: %w", err)
	}
	return raw, nil
}
