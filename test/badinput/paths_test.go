package badinput

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/ca/lint"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/store/storetest"
	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/ocsp"
)

// path is one way into the service. take says what the answer was in one word, and
// whether the input was accepted.
type path struct {
	name string
	take func(raw []byte) (answer string, accepted bool)
	// expected lists what is accepted for a good reason: by name, with the reason.
	expected map[string]string
	// may says of any other input that accepting it is right.
	may func(raw []byte) bool
}

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// service is a CA with an empty register.
func service(t *testing.T) (*ca.CA, *x509.Certificate) {
	t.Helper()
	dir, passphrase := filepath.Join(t.TempDir(), "ca"), []byte("only for tests")
	now := func() time.Time { return noon }
	ctx := context.Background()
	if _, err := ca.Init(ctx, ca.InitConfig{
		Dir: dir, Name: "Example CA", Country: "NL", Passphrase: passphrase, PublicURL: "http://ca.example.com", Now: now,
	}); err != nil {
		t.Fatal(err)
	}
	c, err := ca.Open(ctx, ca.Config{Dir: dir, Passphrase: passphrase, Store: storetest.NewMemory(), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return c, c.OperatorRoot()
}

func paths(t *testing.T) []path {
	t.Helper()
	c, root := service(t)
	rules, err := lint.New()
	if err != nil {
		t.Fatal(err)
	}
	arc := ext.DefaultArc()
	return append(keyPaths(),
		path{name: "certificate request", take: func(raw []byte) (string, bool) { return refusal(ca.CheckCSR(raw)) }},
		path{name: "assurance extension", take: each(func(raw []byte) error { _, err := ext.ParseAssurance(raw); return err })},
		path{name: "repository extension", take: each(func(raw []byte) error { _, err := ext.ParseAttestationRepository(raw); return err })},
		path{name: "staple", take: word(func(raw []byte) error { _, err := ext.ParseStaple(raw); return err })},
		path{name: "mark of a certificate", take: func(raw []byte) (string, bool) {
			cert, err := x509.ParseCertificate(raw)
			if err != nil {
				return "not a certificate", false
			}
			_, err = arc.ReadMark(cert)
			var p *ext.ParseError
			if errors.As(err, &p) {
				return string(p.Reason), false
			}
			return fmt.Sprint(err), err == nil
		}},
		path{name: "lint as a leaf", take: func(raw []byte) (string, bool) {
			found, err := rules.Check(raw, lint.Context{Kind: lint.KindLeaf, Arc: arc, PublicURL: c.PublicURL()})
			if err != nil {
				return "not a certificate", false
			}
			if len(found) == 0 {
				return "no findings", true
			}
			return "findings", false
		}},
		path{name: "trust bundle", take: word(func(raw []byte) error { _, err := verify.ParseTrust(raw); return err })},
		path{name: "root in a trust bundle", take: rootInBundle, may: isCA},
		path{name: "status bundle", take: word(func(raw []byte) error { _, err := verify.ParseUnverifiedStatus(raw); return err })},
		path{name: "policy", take: word(func(raw []byte) error { _, err := verify.ParsePolicy(raw); return err })},
		path{name: "attestation", take: word(func(raw []byte) error { _, err := attest.ParseEnvelope(raw); return err })},
		path{name: "OCSP request", take: func(raw []byte) (string, bool) {
			response, err := c.OCSP(context.Background(), raw)
			if err != nil || len(response) == 0 {
				return fmt.Sprint("trouble: ", err), true
			}
			_, err = ocsp.Checker{}.Check(response, ocsp.Query{Certificate: root, Issuer: root})
			return string(ocsp.CodeOf(err)), ocsp.CodeOf(err) != ocsp.NotSuccessful
		}},
		path{name: "OCSP response", take: func(raw []byte) (string, bool) {
			_, err := ocsp.Checker{Now: func() time.Time { return noon }}.Check(raw, ocsp.Query{Certificate: root, Issuer: root})
			return string(ocsp.CodeOf(err)), err == nil
		}},
		path{name: "timestamp request", take: func(raw []byte) (string, bool) { return stamp(c, raw) }, expected: map[string]string{
			"rfc3161/openssl/all-zero.tsq": "a well-formed request for a SHA-512 digest: anybody may have that stamped",
		}},
	)
}

// keyPaths take public keys, of certificates and bare ones.
func keyPaths() []path {
	return []path{
		{name: "key", may: func(raw []byte) bool { return isStrong(keyOf(raw)) }, take: func(raw []byte) (string, bool) {
			pub := keyOf(raw)
			if pub == nil {
				return "no key", false
			}
			err := ca.CheckKey(pub)
			return refusal(pub, err)
		}},
		{name: "request around a key", take: func(raw []byte) (string, bool) {
			spki := spkiOf(raw)
			if spki == nil {
				return "no key", false
			}
			return refusal(ca.CheckCSR(around(spki, raw)))
		}},
		{name: "auditor's key", may: func(raw []byte) bool { return isUsable(keyOf(raw)) }, take: func(raw []byte) (string, bool) {
			spki := spkiOf(raw)
			if spki == nil {
				return "no key", false
			}
			_, err := attest.ParsePublicKey(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})))
			return word(func([]byte) error { return err })(nil)
		}},
	}
}

// refusal names the code of a refusal.
func refusal(_ crypto.PublicKey, err error) (string, bool) {
	if r := ca.IsRefusal(err); r != nil {
		return string(r.Code), false
	}
	return fmt.Sprint("accepted ", err), true // an error that is no refusal is as bad
}

func word(parse func([]byte) error) func([]byte) (string, bool) {
	return func(raw []byte) (string, bool) {
		if parse(raw) != nil {
			return "refused", false
		}
		return "accepted", true
	}
}

// each takes the input and the values of the extensions of a certificate.
func each(parse func([]byte) error) func([]byte) (string, bool) {
	return func(raw []byte) (string, bool) {
		values := [][]byte{raw}
		if cert, err := x509.ParseCertificate(raw); err == nil {
			for _, e := range cert.Extensions {
				values = append(values, e.Value)
			}
		}
		for _, v := range values {
			if parse(v) == nil {
				return "accepted", true
			}
		}
		return "refused", false
	}
}

// rootInBundle makes a trust bundle of one certificate and reads it.
func rootInBundle(raw []byte) (string, bool) {
	text, err := json.Marshal(map[string]any{
		"version": 1, "name": "Example CA", "arc": ext.DefaultArc().String(), "roots": []string{base64.StdEncoding.EncodeToString(raw)},
		"timestamp_roots": []string{}, "logs": []string{}, "vsa_keys": []string{}, "issued_at": noon,
	})
	if err != nil {
		return fmt.Sprint(err), true
	}
	return word(func(b []byte) error { _, err := verify.ParseTrust(b); return err })(text)
}

func isCA(raw []byte) bool {
	cert, err := x509.ParseCertificate(raw)
	return err == nil && cert.BasicConstraintsValid && cert.IsCA && len(cert.UnhandledCriticalExtensions) == 0
}

// stamp is accepted when the answer holds a token: its status is granted.
func stamp(c *ca.CA, raw []byte) (string, bool) {
	response, err := c.Timestamp(context.Background(), raw)
	if err != nil {
		return "trouble", true
	}
	in := cryptobyte.String(response)
	var body, status cryptobyte.String
	var n int
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1(&status, cbasn1.SEQUENCE) || !status.ReadASN1Integer(&n) {
		return "no answer", true
	}
	return fmt.Sprint("status ", n), n == 0
}

// spkiOf returns the SubjectPublicKeyInfo of a certificate, also of one that crypto/x509
// cannot read, or the input when it is one.
func spkiOf(raw []byte) []byte {
	in := cryptobyte.String(raw)
	var cert, tbs, part cryptobyte.String
	if !in.ReadASN1(&cert, cbasn1.SEQUENCE) || !in.Empty() {
		return nil
	}
	if rest := cert; rest.SkipASN1(cbasn1.SEQUENCE) && rest.PeekASN1Tag(cbasn1.BIT_STRING) {
		if rest.SkipASN1(cbasn1.BIT_STRING) && rest.Empty() {
			return raw
		}
	}
	if !cert.ReadASN1(&tbs, cbasn1.SEQUENCE) || !tbs.SkipOptionalASN1(cbasn1.Tag(0).ContextSpecific().Constructed()) || !tbs.SkipASN1(cbasn1.INTEGER) {
		return nil
	}
	for range 4 { // signature, issuer, validity, subject
		if !tbs.SkipASN1(cbasn1.SEQUENCE) {
			return nil
		}
	}
	if !tbs.ReadASN1Element(&part, cbasn1.SEQUENCE) {
		return nil
	}
	return part
}

func keyOf(raw []byte) crypto.PublicKey {
	pub, err := x509.ParsePKIXPublicKey(spkiOf(raw))
	if err != nil {
		return nil
	}
	return pub
}

// isStrong is CheckKey's rule, written a second time: what passes it must be one of these.
func isStrong(pub crypto.PublicKey) bool {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		return k.Curve == elliptic.P256() || k.Curve == elliptic.P384()
	case *rsa.PublicKey:
		return k.N.BitLen() >= 3072 && k.N.BitLen() <= 8192 && k.E >= 65537 && k.E%2 == 1 && k.N.Bit(0) == 1
	}
	return false
}

// isUsable is the rule for those who sign attestations.
func isUsable(pub crypto.PublicKey) bool {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		return k.Curve == elliptic.P256() || k.Curve == elliptic.P384()
	case *rsa.PublicKey:
		return k.N.BitLen() >= 2048
	}
	return pub != nil
}

// around makes a certificate request for a key that only its holder could sign, with
// the end of the input for a signature.
func around(spki, raw []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(0)
			b.AddASN1(cbasn1.SEQUENCE, func(*cryptobyte.Builder) {})
			b.AddBytes(spki)
			b.AddASN1(cbasn1.Tag(0).ContextSpecific().Constructed(), func(*cryptobyte.Builder) {})
		})
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier([]int{1, 2, 840, 10045, 4, 3, 2})
		})
		b.AddASN1BitString(raw[max(0, len(raw)-72):])
	})
	return b.BytesOrPanic()
}
