// Package truststore writes anchors as Java and others read them: how does a tool that
// takes a keystore come to trust one tier, and no other?
//
// A store holds certificates only, nothing secret: its password lets Java see that the
// file was not damaged. The same anchors give the same JKS file, byte for byte.
package truststore

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"
)

const (
	// DefaultPassword is what Java's own truststore has, and what its tools try first.
	DefaultPassword = "changeit"
	// MinPassword is the shortest password, in characters, that keytool takes.
	MinPassword = 6
)

// Entry is one anchor. Java takes any certificate for an anchor, self-signed or not.
type Entry struct {
	Alias       string // lower case, as Java makes it
	Certificate *x509.Certificate
	Date        time.Time // of the entry, in JKS; zero takes the certificate's notBefore
}

// Alias names an anchor in a store that may hold others' as well.
func Alias(name string) string { return "hallmark-" + strings.ToLower(name) }

// MarshalJKS writes the form that every Java reads.
func MarshalJKS(password string, entries ...Entry) ([]byte, error) {
	store := keystore.New(keystore.WithOrderedAliases())
	for _, e := range entries {
		if e.Date.IsZero() {
			e.Date = e.Certificate.NotBefore
		}
		trusted := keystore.TrustedCertificateEntry{CreationTime: e.Date, Certificate: keystore.Certificate{Type: "X.509", Content: e.Certificate.Raw}}
		if err := store.SetTrustedCertificateEntry(e.Alias, trusted); err != nil {
			return nil, fmt.Errorf("truststore: %w", err)
		}
	}
	var out bytes.Buffer
	if err := store.Store(&out, []byte(password)); err != nil {
		return nil, fmt.Errorf("truststore: %w", err)
	}
	return out.Bytes(), nil
}

// MarshalP12 writes PKCS #12, with the attribute that makes Java take its certificates
// for trusted.
func MarshalP12(password string, entries ...Entry) ([]byte, error) {
	var list []pkcs12.TrustStoreEntry
	for _, e := range entries {
		list = append(list, pkcs12.TrustStoreEntry{Cert: e.Certificate, FriendlyName: e.Alias})
	}
	raw, err := pkcs12.Modern2023.EncodeTrustStoreEntries(list, password)
	if err != nil {
		return nil, fmt.Errorf("truststore: %w", err)
	}
	return raw, nil
}
