package stepca

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/store"
	"go.step.sm/crypto/jose"
)

// jwkPrefix begins the id of a key's identity, which is the name of its provisioner too.
const jwkPrefix = "jwk-"

// minRSABits is what a token's RSA key must have (RFC 7518 §3.3 says 2048; the CA asks 3072 of every key).
const minRSABits = 3072

// ParseJWK reads a public JSON Web Key (RFC 7517) and returns the identity of whoever
// signs with its private half: kind, id and key, the rest is the caller's. Taken are
// ECDSA on P-256 and P-384, RSA from 3072 bits and Ed25519. Private and symmetric keys
// are refused: they are secrets that this CA has no business with. Members but the
// key's own are dropped; a "kid" stays with its owner. The error is a *ca.Refusal.
func ParseJWK(raw []byte) (store.VendorIdentity, error) {
	var none store.VendorIdentity
	if len(raw) > maxJWKBytes {
		return none, refuse(ca.CodeBadRequest, "", "JSON Web Key of %d bytes, at most %d", len(raw), maxJWKBytes)
	}
	var key jose.JSONWebKey
	if err := json.Unmarshal(raw, &key); err != nil {
		return none, refuse(ca.CodeBadRequest, "'step crypto jwk create pub.json priv.json' makes one", "not a JSON Web Key: %v", err)
	}
	switch k := key.Key.(type) {
	case *ecdsa.PublicKey:
		if name := k.Curve.Params().Name; name != "P-256" && name != "P-384" {
			return none, refuse(ca.CodeKeyCurve, "use P-256", "curve %s", name)
		}
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minRSABits {
			return none, refuse(ca.CodeKeySize, "use P-256", "RSA key of %d bits, at least %d", bits, minRSABits)
		}
	case ed25519.PublicKey:
	default:
		return none, refuse(ca.CodeKeyAlgorithm, "give the public half of an ECDSA, RSA or Ed25519 key", "a private, symmetric or unknown kind of key")
	}
	if !key.Valid() {
		return none, refuse(ca.CodeBadRequest, "", "the JSON Web Key is not valid")
	}
	public := jose.JSONWebKey{Key: key.Key}
	thumbprint, err := jose.Thumbprint(&public)
	if err != nil {
		return none, refuse(ca.CodeBadRequest, "", "JSON Web Key has no thumbprint: %v", err)
	}
	text, err := json.Marshal(public)
	if err != nil {
		return none, refuse(ca.CodeBadRequest, "", "JSON Web Key: %v", err)
	}
	return store.VendorIdentity{ID: jwkPrefix + thumbprint, Kind: store.IdentityJWK, JWK: text}, nil
}

// OIDCIdentity returns the identity of whoever an OpenID Connect issuer means by a
// subject: kind, id, issuer and subject. Both are compared byte by byte, as OpenID
// Connect Core §5.7 has it; email addresses and names identify nobody. The error is a
// *ca.Refusal.
func OIDCIdentity(issuer, subject string) (store.VendorIdentity, error) {
	u, err := url.Parse(issuer)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || !plain(issuer) {
		return store.VendorIdentity{}, refuse(ca.CodeBadRequest, "write it as the token's 'iss' has it", "the issuer is not an https URL without user, query and fragment")
	}
	if !plain(subject) {
		return store.VendorIdentity{}, refuse(ca.CodeBadRequest, "write it as the token's 'sub' has it", "the subject is empty, longer than %d bytes, or has control characters", maxNameBytes)
	}
	return store.VendorIdentity{ID: oidcID(issuer, subject), Kind: store.IdentityOIDC, Issuer: issuer, Subject: subject}, nil
}

func oidcID(issuer, subject string) string {
	sum := sha256.Sum256([]byte(issuer + "\x00" + subject))
	return "oidc-" + hex.EncodeToString(sum[:])
}

func plain(s string) bool {
	return s != "" && len(s) <= maxNameBytes && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// identity finds the record of an identity. One that was removed is as good as never
// there.
func identity(r store.Reader, id string) (store.VendorIdentity, error) {
	rec, err := store.VendorIdentities.Get(r, id)
	if errors.Is(err, store.ErrNotFound) {
		return rec, refuse(ca.CodeProvisioner, "an officer registers it: 'hallmark vendor identity add'", "no vendor has the identity %s", id)
	}
	if err != nil {
		return rec, fmt.Errorf("identity %s: %w", id, err)
	}
	return rec, nil
}
