// Package attestationtest makes key attestations as YubiKeys and TPMs do, under makers'
// roots of its own: for tests that need hardware and have none.
package attestationtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-tpm/legacy/tpm2"
	"github.com/google/go-tpm/tpmutil"
)

// Maker is a maker of hardware: a root, and a device's certificate under it.
//
//	root ── device (F9 of a YubiKey, or the issuer of a TPM's attestation key) ── key
type Maker struct {
	Root      *x509.Certificate
	Device    *x509.Certificate
	rootKey   *ecdsa.PrivateKey
	deviceKey *ecdsa.PrivateKey
	Now       time.Time // certificates last from a year before until ten years after
}

// New makes a maker.
func New(t testing.TB, now time.Time) *Maker {
	t.Helper()
	m := &Maker{rootKey: newKey(t), deviceKey: newKey(t), Now: now}
	ca := func(name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, BasicConstraintsValid: true, IsCA: true,
			KeyUsage: x509.KeyUsageCertSign, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(10, 0, 0),
		}
	}
	root := ca("Example Hardware Root")
	m.Root = sign(t, root, root, m.rootKey.Public(), m.rootKey)
	m.Device = sign(t, ca("Example PIV Attestation"), m.Root, m.deviceKey.Public(), m.rootKey)
	return m
}

// Roots is the maker's root as PEM.
func (m *Maker) Roots() []byte { return PEM(m.Root) }

// PEM prints certificates.
func PEM(certs ...*x509.Certificate) []byte {
	var out []byte
	for _, c := range certs {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return out
}

// Arc is what YubiKeys state about a key of the PIV application.
var Arc = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 3}

// Slot makes the certificate of a slot of a YubiKey. edit may be nil.
func (m *Maker) Slot(t testing.TB, pub crypto.PublicKey, edit func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	state := func(n int, value ...byte) pkix.Extension {
		return pkix.Extension{Id: append(append(asn1.ObjectIdentifier{}, Arc...), n), Value: value}
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "YubiKey PIV Attestation 9c"},
		NotBefore: m.Now.AddDate(-1, 0, 0), NotAfter: m.Now.AddDate(10, 0, 0),
		ExtraExtensions: []pkix.Extension{state(3, 5, 7, 1), state(7, 2, 4, 1, 2, 3, 4), state(8, 2, 3), state(9, 0x81)},
	}
	if edit != nil {
		edit(c)
	}
	return sign(t, c, m.Device, pub, m.deviceKey)
}

// YubiKey attests a key as a YubiKey does.
func (m *Maker) YubiKey(t testing.TB, pub crypto.PublicKey) []byte {
	t.Helper()
	return PEM(m.Slot(t, pub, nil), m.Device)
}

// Step attests a key in the step format.
func (m *Maker) Step(t testing.TB, key crypto.Signer, challenge string) []byte {
	t.Helper()
	return Object(t, "step", m.StepStatement(t, key, challenge))
}

// StepStatement is the inside of Step.
func (m *Maker) StepStatement(t testing.TB, key crypto.Signer, challenge string) map[string]any {
	t.Helper()
	sum := sha256.Sum256([]byte(challenge))
	signature, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
	must(t, err)
	wrapped, err := cbor.Marshal(signature)
	must(t, err)
	algorithm := -7
	if _, ok := key.Public().(*rsa.PublicKey); ok {
		algorithm = -257
	}
	return map[string]any{"alg": algorithm, "sig": wrapped, "x5c": [][]byte{m.Slot(t, key.Public(), nil).Raw, m.Device.Raw}}
}

// Object prints an attestation object, as `step kms attest --format` does.
func Object(t testing.TB, format string, statement map[string]any) []byte {
	t.Helper()
	raw, err := cbor.Marshal(map[string]any{"fmt": format, "attStmt": statement})
	must(t, err)
	return []byte(base64.RawURLEncoding.EncodeToString(raw) + "\n")
}

// Key is what a TPM certifies. The zero Attributes are those of a key that stays.
type Key struct {
	Public     crypto.PublicKey // ECDSA on P-256
	Attributes tpm2.KeyProp
	Challenge  string
	AK         func(*x509.Certificate) // edits the attestation key's certificate, when set
}

// Stays are the attributes of a key that the TPM made and keeps.
const Stays = tpm2.FlagSign | tpm2.FlagFixedTPM | tpm2.FlagFixedParent | tpm2.FlagSensitiveDataOrigin | tpm2.FlagUserWithAuth

// TPM attests a key in the tpm format.
func (m *Maker) TPM(t testing.TB, k Key) []byte {
	t.Helper()
	return Object(t, "tpm", m.TPMStatement(t, k))
}

// TPMStatement is the inside of TPM.
func (m *Maker) TPMStatement(t testing.TB, k Key) map[string]any {
	t.Helper()
	if k.Attributes == 0 {
		k.Attributes = Stays
	}
	point, err := k.Public.(*ecdsa.PublicKey).Bytes() // 4, then X and Y
	must(t, err)
	public := tpm2.Public{
		Type: tpm2.AlgECC, NameAlg: tpm2.AlgSHA256, Attributes: k.Attributes,
		ECCParameters: &tpm2.ECCParams{
			Sign: &tpm2.SigScheme{Alg: tpm2.AlgECDSA, Hash: tpm2.AlgSHA256}, CurveID: tpm2.CurveNISTP256,
			Point: tpm2.ECPoint{XRaw: point[1:33], YRaw: point[33:]},
		},
	}
	area, err := public.Encode()
	must(t, err)
	name, err := public.Name()
	must(t, err)
	extra := sha256.Sum256([]byte(k.Challenge))
	info, err := tpm2.AttestationData{
		Magic: 0xff544347, Type: tpm2.TagAttestCertify, QualifiedSigner: name, ExtraData: extra[:],
		AttestedCertifyInfo: &tpm2.CertifyInfo{Name: name, QualifiedName: name},
	}.Encode()
	must(t, err)
	akKey, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	sum := sha256.Sum256(info)
	raw, err := rsa.SignPKCS1v15(rand.Reader, akKey, crypto.SHA256, sum[:])
	must(t, err)
	signature, err := tpm2.Signature{Alg: tpm2.AlgRSASSA, RSA: &tpm2.SignatureRSA{HashAlg: tpm2.AlgSHA256, Signature: tpmutil.U16Bytes(raw)}}.Encode()
	must(t, err)
	return map[string]any{
		"ver": "2.0", "alg": -257, "sig": signature, "certInfo": info, "pubArea": area,
		"x5c": [][]byte{m.ak(t, akKey, k.AK).Raw, m.Device.Raw},
	}
}

// ak makes the certificate of an attestation key: no subject, the TPM's name as a
// directoryName (TCG EK Credential Profile section 3.2.9).
func (m *Maker) ak(t testing.TB, key *rsa.PrivateKey, edit func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	type attribute struct {
		ID    asn1.ObjectIdentifier
		Value string `asn1:"utf8"`
	}
	var names []any
	for i, value := range []string{"id:54534554", "Test TPM", "id:13"} {
		names = append(names, []attribute{{asn1.ObjectIdentifier{2, 23, 133, 2, 1 + i}, value}})
	}
	var rdns []byte
	for _, n := range names {
		set, err := asn1.MarshalWithParams(n, "set")
		must(t, err)
		rdns = append(rdns, set...)
	}
	name, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassUniversal, Tag: asn1.TagSequence, IsCompound: true, Bytes: rdns})
	must(t, err)
	san, err := asn1.Marshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: name}})
	must(t, err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(3), NotBefore: m.Now.AddDate(-1, 0, 0), NotAfter: m.Now.AddDate(10, 0, 0),
		BasicConstraintsValid: true, UnknownExtKeyUsage: []asn1.ObjectIdentifier{{2, 23, 133, 8, 3}},
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Critical: true, Value: san}},
	}
	if edit != nil {
		edit(c)
	}
	return sign(t, c, m.Device, key.Public(), m.deviceKey)
}

func sign(t testing.TB, c, parent *x509.Certificate, pub crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, parent, pub, key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return cert
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return key
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
