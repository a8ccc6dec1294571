package stepca

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/test/stepclient"
)

// respelt returns other spellings of a token that decode to the same bytes: the bits of
// base64's last character that carry nothing are set.
func respelt(token string) []string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	parts := strings.Split(token, ".")
	var all []string
	for i := range 2 {
		part := parts[i]
		if len(part)%4 == 0 {
			continue // no bit is left over
		}
		last := strings.IndexByte(alphabet, part[len(part)-1])
		other := append([]string(nil), parts...)
		other[i] = part[:len(part)-1] + string(alphabet[last|1])
		all = append(all, strings.Join(other, "."))
	}
	return all
}

// A token that was used is used up, however it is spelt: base64 leaves bits over, and
// who found a used token in a log must not get a certificate for it.
func TestUsedTokenSpeltOtherwise(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", 2)
	s, key := f.step(), newKey(t)
	f.registerKey("acme", key.Public())
	n := 0
	for length := 1; length <= 3; length++ {
		token := stepclient.JWKToken(t, key, audience, strings.Repeat("x", length), nil)
		_, err := s.authorize(context.Background(), token)
		check(t, err)
		for _, other := range respelt(token) {
			a, _ := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
			b, _ := base64.RawURLEncoding.DecodeString(strings.Split(other, ".")[1])
			if string(a) != string(b) {
				t.Fatal("another token")
			}
			n++
			if _, err := s.authorize(context.Background(), other); err == nil {
				t.Errorf("a used token counts again when spelt otherwise")
			}
		}
	}
	if n == 0 {
		t.Error("no other spelling was tried")
	}
}

// FuzzSignedPart: what a token is known by has one spelling, and is what was sent.
func FuzzSignedPart(f *testing.F) {
	for _, seed := range []string{"e30.e30.AA", "e31.e30.AA", "e30.e30.AB", "e30.e30", "e30.e30.", "e30=.e30.AA", "..", "e\n30.e30.AA", "{}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		signed, err := signedPart(token)
		if err != nil {
			return
		}
		parts := strings.Split(signed, ".")
		if len(parts) != 2 || !strings.HasPrefix(token, signed+".") {
			t.Fatalf("%q of %q", signed, token)
		}
		for _, part := range parts {
			raw, err := base64.RawURLEncoding.DecodeString(part)
			if err != nil || base64.RawURLEncoding.EncodeToString(raw) != part {
				t.Fatalf("%q is another spelling", part)
			}
		}
	})
}
