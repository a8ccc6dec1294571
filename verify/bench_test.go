package verify_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"testing"

	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// BenchmarkSignature is a judgement in a warm verifier, without reading a file:
// compare it with BenchmarkECDSA, the three verifications that differ from file to
// file (signer, signer's certificate, timestamp).
func BenchmarkSignature(b *testing.B) {
	p := pki.New(b)
	for name, a := range map[string]verify.Attestations{"off": verify.NoAttestations, "stapled": verify.Stapled} {
		b.Run("attestations="+name, func(b *testing.B) {
			c := config(b, p)
			c.Policy.Attestations = a
			v := newVerifier(b, c)
			digest := sha256.Sum256([]byte("x"))
			sig := p.Sign(b, digest, func(c *pki.CMS) {
				if a == verify.NoAttestations {
					c.Staple = nil
				}
			})
			b.ReportAllocs()
			for b.Loop() {
				if v.Signature(context.Background(), "x", digest, sig).Outcome != verify.Valid {
					b.Fatal("not valid")
				}
			}
		})
	}
}

// BenchmarkECDSA is three bare P-256 verifications.
func BenchmarkECDSA(b *testing.B) {
	key, ok := pki.Key(b).(*ecdsa.PrivateKey)
	if !ok {
		b.Fatal("not an EC key")
	}
	digest := sha256.Sum256([]byte("x"))
	sig, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		for range 3 {
			if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], sig) {
				b.Fatal("not valid")
			}
		}
	}
}

// BenchmarkStranger is a judgement of a signature whose certificate the verifier has not
// seen, by an issuing CA and a timestamping authority that it has.
func BenchmarkStranger(b *testing.B) {
	p := pki.New(b)
	c := config(b, p)
	c.Policy.Attestations = verify.NoAttestations
	v := newVerifier(b, c)
	digest := sha256.Sum256([]byte("x"))
	var signatures [][]byte
	for range 600 { // more than it remembers
		signatures = append(signatures, p.SignAs(b, p.NewLeaf(b, p.High, p.Claims(3)), digest))
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if v.Signature(context.Background(), "x", digest, signatures[n%len(signatures)]).Outcome != verify.Valid {
			b.Fatal("not valid")
		}
	}
}
