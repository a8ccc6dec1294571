// Package stepclient is the other end of the step-compatible API and of ACME, for
// tests: who makes tokens, who vouches for people, and who vouches for hardware.
package stepclient

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"testing"
	"time"

	"go.step.sm/crypto/jose"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Claims are a token's, beyond those that every token has; they win over them.
type Claims map[string]any

// common are the claims of a token that is good for five minutes.
func common(issuer, subject, audience string) Claims {
	var id [16]byte
	rand.Read(id[:])
	now := time.Now()
	return Claims{
		"iss": issuer, "sub": subject, "aud": audience, "jti": hex.EncodeToString(id[:]),
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	}
}

func sign(t testing.TB, key crypto.Signer, headers map[string]any, claims, more Claims) string {
	t.Helper()
	for name, value := range more {
		claims[name] = value
	}
	options := new(jose.SignerOptions).WithType("JWT")
	for name, value := range headers {
		options = options.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
	check(t, err)
	token, err := jose.Signed(signer).Claims(map[string]any(claims)).CompactSerialize()
	check(t, err)
	return token
}

// X5CToken is what `step ca token --x5c-cert CERT --x5c-key KEY SUBJECT` makes.
// audience is https://<host>/1.0/sign.
func X5CToken(t testing.TB, key crypto.Signer, cert *x509.Certificate, audience, subject string, more Claims) string {
	t.Helper()
	chain := []string{base64.StdEncoding.EncodeToString(cert.Raw)}
	return sign(t, key, map[string]any{"x5c": chain}, common("hallmark", subject, audience+"#x5c/hallmark"), more)
}

// PublicJWK returns a key as JSON, and its RFC 7638 thumbprint.
func PublicJWK(t testing.TB, key crypto.PublicKey) (text []byte, thumbprint string) {
	t.Helper()
	public := jose.JSONWebKey{Key: key}
	thumbprint, err := jose.Thumbprint(&public)
	check(t, err)
	text, err = json.Marshal(public)
	check(t, err)
	return text, thumbprint
}

// JWKToken is what `step ca token --key KEY --provisioner jwk-<thumbprint> SUBJECT` makes.
func JWKToken(t testing.TB, key crypto.Signer, audience, subject string, more Claims) string {
	t.Helper()
	_, thumbprint := PublicJWK(t, key.Public())
	return sign(t, key, map[string]any{"kid": thumbprint}, common("jwk-"+thumbprint, subject, audience), more)
}
