package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/hallmark-pki/hallmark/truststore"
)

// storePassword reads a truststore's password: printable ASCII, because Java's tools
// read other characters differently from one locale to the next.
func (e *env) storePassword(path string) (string, error) {
	raw, err := e.readBounded(path, maxKeyFileBytes)
	if err != nil {
		return "", err
	}
	password := strings.TrimRight(string(raw), "\r\n")
	if len(password) < truststore.MinPassword {
		return "", fmt.Errorf("store password file %s: at least %d characters are wanted, keytool opens no store with fewer", path, truststore.MinPassword)
	}
	if !printableASCII(password) {
		return "", fmt.Errorf("store password file %s: only printable ASCII means the same to every Java", path)
	}
	return password, nil
}

func printableASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

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
