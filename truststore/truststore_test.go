package truststore

import (
	"bytes"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// The .jks files were made by OpenJDK 17:
//
//	keytool -importcert -noprompt -alias hallmark-elevated -file anchor.pem -storetype JKS -keystore changeit.jks -storepass changeit
//
// and the other one with the password below.
func read(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func anchor(t *testing.T) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(read(t, "anchor.pem"))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// TestJKSAsKeytool: with keytool's date, the bytes are keytool's.
func TestJKSAsKeytool(t *testing.T) {
	e := Entry{Alias: Alias("Elevated"), Certificate: anchor(t)}
	for file, password := range map[string]string{
		"changeit.jks": DefaultPassword,
		"other.jks":    "Only 4 tests: ~!",
	} {
		t.Run(file, func(t *testing.T) {
			want := read(t, file)
			// Behind four numbers, the alias and its length.
			e.Date = time.UnixMilli(int64(binary.BigEndian.Uint64(want[4*4+2+len(e.Alias):])))
			if e.Date.Before(e.Certificate.NotBefore) || e.Date.After(e.Certificate.NotAfter) {
				t.Fatalf("%s is no date of this store", e.Date)
			}
			got, err := MarshalJKS(password, e)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got\n%x\nwant\n%x", got, want)
			}
			if other, _ := MarshalJKS(password+"x", e); bytes.Equal(other, want) {
				t.Error("the password makes no difference")
			}
		})
	}
}

// TestJKSRepeats: two anchors in any order give one file.
func TestJKSRepeats(t *testing.T) {
	a, b := Entry{Alias: "a", Certificate: anchor(t)}, Entry{Alias: "b", Certificate: anchor(t)}
	one, err := MarshalJKS(DefaultPassword, a, b)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if other, err := MarshalJKS(DefaultPassword, b, a); err != nil || !bytes.Equal(one, other) {
			t.Fatalf("another file, %v", err)
		}
	}
}

// TestP12 reads the PKCS #12 truststore again: its certificates, and no other password.
func TestP12(t *testing.T) {
	raw, err := MarshalP12("Only 4 tests: ~!", Entry{Alias: "a", Certificate: anchor(t)}, Entry{Alias: "b", Certificate: anchor(t)})
	if err != nil {
		t.Fatal(err)
	}
	certs, err := pkcs12.DecodeTrustStore(raw, "Only 4 tests: ~!")
	if err != nil || len(certs) != 2 || !certs[0].Equal(anchor(t)) {
		t.Errorf("%d certificates, %v", len(certs), err)
	}
	if _, err := pkcs12.DecodeTrustStore(raw, DefaultPassword); err == nil {
		t.Error("another password opens it")
	}
}
