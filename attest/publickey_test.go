package attest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/attest"
)

// TestPublicKeys: a key stands beside the signature that it made and beside no other, and
// the envelope is otherwise what it was.
func TestPublicKeys(t *testing.T) {
	newKey := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	first, second, other := newKey(), newKey(), newKey()
	envelope, err := attest.Sign(t.Context(), attest.PayloadType, []byte(`{"a":"<b>"}`), first)
	if err == nil {
		envelope, err = attest.AddSignature(t.Context(), envelope, second)
	}
	if err != nil {
		t.Fatal(err)
	}
	if keys, err := attest.PublicKeys(envelope); err != nil || len(keys) != 0 {
		t.Errorf("before: %v %v", keys, err)
	}
	named, err := attest.AddPublicKeys(envelope, second.Public(), other.Public())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := attest.PublicKeys(named)
	if err != nil || len(keys) != 1 || !second.PublicKey.Equal(keys[0]) {
		t.Errorf("%v %v", keys, err)
	}
	before, err := attest.OpenPayload(envelope, attest.PayloadType, first.Public(), second.Public())
	if err != nil {
		t.Fatal(err)
	}
	after, err := attest.OpenPayload(named, attest.PayloadType, first.Public(), second.Public())
	if err != nil || len(after.Signers) != len(before.Signers) || string(after.Payload) != string(before.Payload) {
		t.Errorf("%v %+v", err, after)
	}
	if strings.Contains(string(named), "\n") {
		t.Error("more than one line")
	}
	odd := strings.Replace(string(envelope), `"keyid"`, `"publicKey":"-----BEGIN","keyid"`, 1)
	if keys, err := attest.PublicKeys([]byte(odd)); err != nil || len(keys) != 0 {
		t.Errorf("what is no key: %v %v", keys, err)
	}
	for name, f := range map[string]func() error{
		"no envelope": func() error { _, err := attest.AddPublicKeys([]byte("{}"), first.Public()); return err },
		"no key":      func() error { _, err := attest.AddPublicKeys(envelope, crypto.PublicKey(nil)); return err },
	} {
		if f() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// FuzzPublicKeys: a key that stands beside a signature is one of the kinds that Open takes,
// there are no more of them than signatures, and naming keys changes nothing that is signed.
func FuzzPublicKeys(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	plain, err := attest.Sign(f.Context(), attest.PayloadType, []byte(`{}`), key)
	if err != nil {
		f.Fatal(err)
	}
	named, err := attest.AddPublicKeys(plain, key.Public())
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{plain, named, []byte(strings.Replace(string(named), `"publicKey":"`, `"publicKey":"A`, 1)), []byte(`{}`)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		keys, err := attest.PublicKeys(raw)
		if err != nil {
			return
		}
		before, err := attest.ParseEnvelope(raw)
		if err != nil {
			t.Fatal("keys of what is no envelope")
		}
		again, err := attest.AddPublicKeys(raw, keys...)
		if err != nil {
			return // too large with its keys
		}
		after, err := attest.ParseEnvelope(again)
		if err != nil || string(after.Payload) != string(before.Payload) || after.PayloadType != before.PayloadType {
			t.Fatalf("%+v, before %+v: %v", after, before, err)
		}
		if more, err := attest.PublicKeys(again); err != nil || len(more) < len(keys) {
			t.Fatalf("%d keys, before %d: %v", len(more), len(keys), err)
		}
	})
}
