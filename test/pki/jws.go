package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	_ "crypto/sha512" // SHA-384 for crypto.Hash
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/format/oci"
)

// JWS is a Notary Project signature about to be made, like CMS: SignOCI fills it in
// well, an edit changes one thing, and what is signed is signed after the edit.
type JWS struct {
	Signer      *Identity
	Payload     any // JSON value
	Protected   map[string]any
	Chain       [][]byte
	Token       func(value []byte) []byte
	Staple      *ext.Staple
	Header      map[string]any // further unprotected members
	Members     map[string]any // further members of the JWS
	MangleValue func([]byte) []byte
	PaddedValue bool // base64 of the signature with padding
}

// SignOCI makes a signature about a manifest: timestamped, with summary and receipt stapled.
func (p *PKI) SignOCI(t testing.TB, d oci.Descriptor, edits ...func(*JWS)) []byte {
	t.Helper()
	return p.SignOCIAs(t, p.Leaf, d, edits...)
}

// SignOCIAs is SignOCI for another signer.
func (p *PKI) SignOCIAs(t testing.TB, signer *Identity, d oci.Descriptor, edits ...func(*JWS)) []byte {
	t.Helper()
	alg, _, err := oci.Algorithm(signer.Key.Public())
	if err != nil {
		alg = "ES256"
	}
	thumbprint := sha256.Sum256(signer.Cert.Raw)
	j := &JWS{
		Signer: signer, Payload: map[string]any{"targetArtifact": d},
		Protected: map[string]any{
			"alg": alg, "cty": "application/vnd.cncf.notary.payload.v1+json", "crit": []string{"io.cncf.notary.signingScheme"},
			"io.cncf.notary.signingScheme": "notary.x509", "io.cncf.notary.signingTime": p.Signed.Format(time.RFC3339),
			"x5t#S256": base64.RawURLEncoding.EncodeToString(thumbprint[:]),
		},
		Token:  func(value []byte) []byte { return p.StampWith(t, signer.Key.Public(), value) },
		Staple: &ext.Staple{VSA: p.Summary(t, d.SHA256(), attest.Passed), Receipts: [][]byte{p.Receipt(t, 3)}},
		Header: map[string]any{}, Members: map[string]any{},
	}
	for _, c := range signer.Chain {
		j.Chain = append(j.Chain, c.Raw)
	}
	j.Chain = append(j.Chain, p.Root.Cert.Raw)
	for _, e := range edits {
		e(j)
	}
	return j.build(t)
}

// StampWith stamps a signature value with the hash that a JWS of this key uses.
func (p *PKI) StampWith(t testing.TB, pub crypto.PublicKey, value []byte) []byte {
	t.Helper()
	_, hash, err := oci.Algorithm(pub)
	if err != nil {
		hash = crypto.SHA256
	}
	h := hash.New()
	h.Write(value)
	return p.StampImprint(t, hash, h.Sum(nil), p.Signed)
}

func (j *JWS) build(t testing.TB) []byte {
	t.Helper()
	encode := func(v any) string {
		raw, ok := v.([]byte)
		if !ok {
			var err error
			if raw, err = json.Marshal(v); err != nil {
				t.Fatal(err)
			}
		}
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	protected, payload := encode(j.Protected), encode(j.Payload)
	value := j.value(t, []byte(protected+"."+payload))
	if j.MangleValue != nil {
		value = j.MangleValue(value)
	}
	header := map[string]any{"x5c": j.Chain}
	if j.Token != nil {
		header["io.cncf.notary.timestampSignature"] = j.Token(value)
	}
	if j.Staple != nil {
		der, err := j.Staple.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		header["com.github.hallmark-pki.staple"] = der
	}
	for k, v := range j.Header {
		header[k] = v
	}
	text := base64.RawURLEncoding.EncodeToString(value)
	if j.PaddedValue {
		text = base64.URLEncoding.EncodeToString(value)
	}
	out := map[string]any{"payload": payload, "protected": protected, "header": header, "signature": text}
	for k, v := range j.Members {
		out[k] = v
	}
	raw, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// value signs as RFC 7518 §3.4 and §3.5 say.
func (j *JWS) value(t testing.TB, input []byte) []byte {
	t.Helper()
	_, hash, err := oci.Algorithm(j.Signer.Key.Public())
	if err != nil {
		hash = crypto.SHA256
	}
	h := hash.New()
	h.Write(input)
	digest := h.Sum(nil)
	switch key := j.Signer.Key.Public().(type) {
	case *rsa.PublicKey:
		value, err := j.Signer.Key.Sign(rand.Reader, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash})
		if err != nil {
			t.Fatal(err)
		}
		return value
	case *ecdsa.PublicKey:
		der, err := j.Signer.Key.Sign(rand.Reader, digest, hash)
		if err != nil {
			t.Fatal(err)
		}
		var parts struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(der, &parts); err != nil {
			t.Fatal(err)
		}
		n := (key.Params().BitSize + 7) / 8
		return append(parts.R.FillBytes(make([]byte, n)), parts.S.FillBytes(make([]byte, n))...)
	}
	t.Fatalf("key type %T", j.Signer.Key.Public())
	return nil
}
