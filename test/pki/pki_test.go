package pki_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/sign"
	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// TestSigningService: what package sign builds is what package verify takes, with
// EC and RSA keys. (The builder in this package exists to be able to build it wrong.)
func TestSigningService(t *testing.T) {
	p := pki.New(t)
	key, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	v, err := verify.New(verify.Config{
		Trust: p.Trust(), Status: p.Status(t), Now: func() time.Time { return p.Now },
		Policy: verify.Policy{Mode: verify.Enforce, Revocation: verify.Required, Timestamp: verify.Required, Attestations: verify.Stapled},
	})
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte("content"))
	for name, signer := range map[string]*pki.Identity{"EC": p.Leaf, "RSA": p.NewLeafFor(t, key, p.High, p.Claims(3))} {
		cms, err := sign.BuildCMS(context.Background(), sign.CMSInput{
			Hash: crypto.SHA256, Digest: digest[:], Signer: signer.Key, Chain: signer.Chain, SigningTime: p.Signed,
		})
		if err != nil {
			t.Fatal(name, err)
		}
		if err := cms.AddTimestamp(p.Stamp(t, p.TSA, cms.SignatureValue(), p.Signed)); err != nil {
			t.Fatal(name, err)
		}
		staple, err := ext.Staple{VSA: p.Summary(t, digest, "PASSED"), Receipts: [][]byte{p.Receipt(t, 3)}}.Marshal()
		if err != nil {
			t.Fatal(name, err)
		}
		if err := cms.AddUnsigned(p.Arc.Staple(), staple); err != nil {
			t.Fatal(name, err)
		}
		der, err := cms.Marshal()
		if err != nil {
			t.Fatal(name, err)
		}
		if got := v.Signature(context.Background(), name, digest, der); got.Outcome != verify.Valid {
			t.Errorf("%s: %v", name, got.Reasons)
		}
	}
}
