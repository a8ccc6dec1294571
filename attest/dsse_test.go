package attest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"slices"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
)

// reference is a key as the general library wants it.
type reference struct{ signingKey }

func (r reference) KeyID() (string, error)   { return r.id, nil }
func (r reference) Public() crypto.PublicKey { return r.pub }

func references(t *testing.T) []reference {
	t.Helper()
	var out []reference
	for _, c := range []elliptic.Curve{elliptic.P256(), elliptic.P384()} {
		k, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		s, err := newSigningKey(k)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, reference{s})
	}
	_, k, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSigningKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return append(out, reference{s})
}

func TestPAEAgainstLibrary(t *testing.T) {
	for _, kind := range []string{"", "a", PayloadType, "ü"} {
		for _, payload := range []string{"", "x", string(make([]byte, 1000))} {
			if got, want := pae(kind, []byte(payload)), dsse.PAE(kind, []byte(payload)); !bytes.Equal(got, want) {
				t.Errorf("%q %q", got, want)
			}
		}
	}
}

// TestEnvelopesAgainstLibrary: what one signs the other takes, for the same keys.
func TestEnvelopesAgainstLibrary(t *testing.T) {
	ctx, keys := context.Background(), references(t)
	all := []dsse.Verifier{keys[0], keys[1], keys[2]}
	theirs, err := dsse.NewEnvelopeVerifier(all...)
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range keys {
		raw, err := Sign(ctx, "text/plain", []byte("payload"), k.signer)
		if err != nil {
			t.Fatal(err)
		}
		other := keys[(i+1)%len(keys)]
		if raw, err = AddSignature(ctx, raw, other.signer); err != nil {
			t.Fatal(err)
		}
		var e dsse.Envelope
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Fatal(err)
		}
		accepted, body, err := theirs.VerifyAndDecode(ctx, &e)
		if err != nil || string(body) != "payload" || len(accepted) != 2 {
			t.Errorf("theirs: %v %q %v", accepted, body, err)
		}
		ours, err := OpenPayload(raw, "text/plain", keys[0].pub, keys[1].pub, keys[2].pub)
		if err != nil || !slices.Equal(ours.Signers, []string{k.id, other.id}) {
			t.Errorf("ours: %v %v", ours.Signers, err)
		}

		es, err := dsse.NewEnvelopeSigner(k, k, other)
		if err != nil {
			t.Fatal(err)
		}
		made, err := es.SignPayload(ctx, "text/plain", []byte("payload"))
		if err != nil {
			t.Fatal(err)
		}
		if raw, err = json.Marshal(made); err != nil {
			t.Fatal(err)
		}
		// One key's two signatures count once.
		if ours, err = OpenPayload(raw, "text/plain", keys[0].pub, keys[1].pub, keys[2].pub); err != nil || !slices.Equal(ours.Signers, []string{k.id, other.id}) {
			t.Errorf("ours: %v %v", ours.Signers, err)
		}
		made.PayloadType = "text/html"
		if raw, err = json.Marshal(made); err != nil {
			t.Fatal(err)
		}
		if _, err = OpenPayload(raw, "text/html", k.pub); err == nil {
			t.Error("another payload type was taken")
		}
	}
}
