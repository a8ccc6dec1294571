package attest_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"testing"

	"github.com/hallmark-pki/hallmark/attest"
)

func TestDetached(t *testing.T) {
	ctx := context.Background()
	key, other := p256(t), p256(t)
	sig, err := attest.SignDetached(ctx, "text/x", []byte("payload"), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := attest.VerifyDetached("text/x", []byte("payload"), sig, key.Public()); err != nil {
		t.Error(err)
	}
	// The same signature in an envelope: there is one encoding that is signed.
	env, err := attest.Sign(ctx, "text/x", []byte("payload"), key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := attest.OpenPayload(env, "text/x", key.Public()); err != nil {
		t.Error(err)
	}
	broken := append([]byte{}, sig...)
	broken[len(broken)-1] ^= 1
	for name, err := range map[string]error{
		"other type":    attest.VerifyDetached("text/y", []byte("payload"), sig, key.Public()),
		"other payload": attest.VerifyDetached("text/x", []byte("Payload"), sig, key.Public()),
		"other key":     attest.VerifyDetached("text/x", []byte("payload"), sig, other.Public()),
		"broken":        attest.VerifyDetached("text/x", []byte("payload"), broken, key.Public()),
		"empty":         attest.VerifyDetached("text/x", []byte("payload"), nil, key.Public()),
	} {
		var e *attest.Error
		if !errors.As(err, &e) || e.Reason != attest.NotVerified {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := attest.SignDetached(ctx, "", []byte("payload"), key); err == nil {
		t.Error("no type: signed")
	}
}

func p256(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
