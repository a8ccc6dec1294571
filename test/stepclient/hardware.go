package stepclient

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strconv"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// yubicoSerial is where a YubiKey's attestation names the device.
var yubicoSerial = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 3, 7}

// Manufacturer makes tokens that attest to their keys, as YubiKeys do.
type Manufacturer struct {
	PEM []byte // its root

	t    testing.TB
	key  crypto.Signer
	root *x509.Certificate
}

// NewManufacturer makes a manufacturer with a root of its own.
func NewManufacturer(t testing.TB) *Manufacturer {
	t.Helper()
	m := &Manufacturer{t: t, key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Example Attestation Root"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().AddDate(10, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	m.root = m.issue(template, template, m.key.Public())
	m.PEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.root.Raw})
	return m
}

func (m *Manufacturer) issue(template, parent *x509.Certificate, pub crypto.PublicKey) *x509.Certificate {
	m.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, m.key)
	check(m.t, err)
	cert, err := x509.ParseCertificate(der)
	check(m.t, err)
	return cert
}

// Device is a token with one key.
type Device struct {
	Serial string
	Key    *ecdsa.PrivateKey

	t           testing.TB
	attestation *x509.Certificate
}

// Device makes a token with a new key in it.
func (m *Manufacturer) Device(serial int) *Device {
	m.t.Helper()
	value, err := asn1.Marshal(serial)
	check(m.t, err)
	d := &Device{Serial: strconv.Itoa(serial), Key: newKey(m.t), t: m.t}
	d.attestation = m.issue(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "PIV Attestation 9a"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().AddDate(1, 0, 0), ExtraExtensions: []pkix.Extension{{Id: yubicoSerial, Value: value}},
	}, m.root, d.Key.Public())
	return d
}

// attest answers a device-attest-01 challenge in the format "step".
func (d *Device) attest(keyAuthorization string) string {
	d.t.Helper()
	sum := sha256.Sum256([]byte(keyAuthorization))
	signature, err := d.Key.Sign(rand.Reader, sum[:], crypto.SHA256)
	check(d.t, err)
	encoded, err := cbor.Marshal(signature)
	check(d.t, err)
	object, err := cbor.Marshal(map[string]any{
		"fmt": "step", "attStmt": map[string]any{"alg": -7, "sig": encoded, "x5c": []any{d.attestation.Raw}},
	})
	check(d.t, err)
	return base64.RawURLEncoding.EncodeToString(object)
}
