package attest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

func TestKeysRefused(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	var none *ecdsa.PublicKey
	good := ecKey(t, elliptic.P256())
	raw := sign(t, sample(t), good)
	for name, pub := range map[string]crypto.PublicKey{
		"rsa-2048": small.Public(), "p-224": ecKey(t, elliptic.P224()).Public(), "p-521": ecKey(t, elliptic.P521()).Public(),
		"nil": nil, "nil pointer": none, "private key": good, "short ed25519": ed25519.PublicKey{1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := KeyID(pub)
			wantReason(t, err, BadKey)
			_, err = Open(raw, good.Public(), pub)
			wantReason(t, err, BadKey)
		})
	}
	if _, err := SignStatement(context.Background(), sample(t), small); !Is(err, BadKey) {
		t.Errorf("signing with RSA-2048: %v", err)
	}
	if _, err := SignStatement(context.Background(), sample(t), nil); !Is(err, BadKey) {
		t.Errorf("signing without a signer: %v", err)
	}
}

func TestDistinctSigners(t *testing.T) {
	a, b := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P384())
	raw := sign(t, sample(t), a)
	second := sign(t, sample(t), b)
	idA, _ := KeyID(a.Public())
	idB, _ := KeyID(b.Public())
	var other envelope
	if err := json.Unmarshal(second, &other); err != nil {
		t.Fatal(err)
	}
	again := sign(t, sample(t), a) // ECDSA: another signature by the same key
	var twice envelope
	if err := json.Unmarshal(again, &twice); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		change func(*envelope)
		want   []string
	}{
		"one":              {func(*envelope) {}, []string{idA}},
		"copied signature": {func(e *envelope) { e.Signatures = append(e.Signatures, e.Signatures[0]) }, []string{idA}},
		"two by one key":   {func(e *envelope) { e.Signatures = append(e.Signatures, twice.Signatures[0]) }, []string{idA}},
		"two keys":         {func(e *envelope) { e.Signatures = append(e.Signatures, other.Signatures[0]) }, []string{idA, idB}},
		"lying hint":       {func(e *envelope) { e.Signatures[0]["keyid"] = idB }, []string{idA}},
		"foreign hint":     {func(e *envelope) { e.Signatures[0]["keyid"] = "build key 7" }, []string{idA}},
		"no hint":          {func(e *envelope) { delete(e.Signatures[0], "keyid") }, []string{idA}},
		"copied, other hint": {func(e *envelope) {
			e.Signatures = append(e.Signatures, map[string]any{"keyid": idB, "sig": e.Signatures[0]["sig"]})
		}, []string{idA}},
		"a stranger's first": {func(e *envelope) {
			e.Signatures = append([]map[string]any{{"sig": "AAAA"}}, e.Signatures...)
		}, []string{idA}},
		"certificate beside": {func(e *envelope) { e.Signatures[0]["cert"] = "-----BEGIN" }, []string{idA}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			o, err := Open(damage(t, raw, c.change), a.Public(), b.Public(), a.Public(), b.Public())
			if err != nil {
				t.Fatal(err)
			}
			if strings.Join(o.Signers, " ") != strings.Join(c.want, " ") {
				t.Errorf("signers %v, want %v", o.Signers, c.want)
			}
		})
	}
}

func TestParsePublicKey(t *testing.T) {
	const good = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEx+ikqUxXurlxZltajRBV2ju31j32
baT2ax2dXBcpInWaFESqGF35KISflP1EmMvEnfG+AzHecQ0WQp5QzNId+w==
-----END PUBLIC KEY-----
`
	if _, err := ParsePublicKey("\n" + good + "\n"); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty": "", "two": good + good, "text before": "x\n" + good, "text after": good + "x",
		"other block": strings.ReplaceAll(good, "PUBLIC KEY", "CERTIFICATE"),
		"header":      strings.Replace(good, "KEY-----\n", "KEY-----\nA: b\n\n", 1),
		"damaged":     strings.Replace(good, "MFkw", "MFkA", 1),
		"long":        good + strings.Repeat("\n", maxPublicKey),
	} {
		if _, err := ParsePublicKey(text); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestLightDependencies(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	if !strings.Contains(string(out), "crypto/ecdsa") {
		t.Fatal("go list does not show what is surely linked: the test looks at the wrong thing")
	}
	for _, dep := range strings.Fields(string(out)) {
		if dep == "net/http" || dep == "golang.org/x/crypto/ssh" || strings.Contains(dep, "protobuf") {
			t.Errorf("attest depends on %s", dep)
		}
	}
}
