package workload

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"math/big"
	"testing"
)

// Whoever sends a made-up token and hangs up while the issuer is asked for its keys does
// not keep them from everybody else: that would silence all build systems of an issuer for
// a minute, again and again, with a token that anybody can write.
func TestFetchOutlivesItsCaller(t *testing.T) {
	w := newWorld(t)
	gone, hangUp := context.WithCancel(context.Background())
	hangUp()
	i := &issuer{url: w.issuer.URL}
	if _, _, err := i.get(gone, w.v, keysAge); err != nil {
		t.Errorf("the keys were not fetched: %v", err)
	}
	if keys, _, err := i.get(context.Background(), w.v, keysAge); err != nil || len(keys) == 0 {
		t.Errorf("the next caller: %v", err)
	}
}

// A vendor names its issuer, and so its keys: one that takes seconds to verify with is
// left out.
func TestParseKeysRefusesAnEndlessModulus(t *testing.T) {
	modulus := func(bits uint) string {
		n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), bits))
		if err != nil {
			t.Fatal(err)
		}
		n.SetBit(n, int(bits)-1, 1).SetBit(n, 0, 1)
		return `{"kty":"RSA","n":"` + base64.RawURLEncoding.EncodeToString(n.Bytes()) + `","e":"AQAB"}`
	}
	if keys, err := parseKeys([]byte(`{"keys":[` + modulus(8193) + `]}`)); err == nil {
		t.Errorf("%d keys", len(keys))
	}
	if _, err := parseKeys([]byte(`{"keys":[` + modulus(8192) + `]}`)); err != nil {
		t.Error(err)
	}
}
