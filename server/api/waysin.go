package api

import (
	"encoding/json"
	"time"
)

// NewIdentity registers a machine's identity: a public key, or an issuer's subject.
type NewIdentity struct {
	JWK     json.RawMessage `json:"jwk,omitempty" doc:"public JSON Web Key (RFC 7517): ECDSA P-256 or P-384, RSA from 3072 bits, Ed25519"`
	Issuer  string          `json:"issuer,omitempty" maxLength:"1024" doc:"OpenID Connect issuer, as in the token's iss"`
	Subject string          `json:"subject,omitempty" maxLength:"1024" doc:"as in the token's sub; compared byte by byte"`
}

// Identity lets a machine ask for a vendor's certificates with a token.
type Identity struct {
	ID      string    `json:"id" doc:"of a key, also the name of its provisioner and the token's iss: jwk- and the RFC 7638 thumbprint"`
	Vendor  string    `json:"vendor"`
	Kind    string    `json:"kind" enum:"jwk,oidc"`
	Issuer  string    `json:"issuer,omitempty"`
	Subject string    `json:"subject,omitempty"`
	AddedAt time.Time `json:"added_at"`
	AddedBy string    `json:"added_by"`
}

// ACMEKey binds one ACME account to a vendor (RFC 8555 §7.3.4).
type ACMEKey struct {
	ID        string    `json:"id" doc:"key identifier"`
	Vendor    string    `json:"vendor"`
	Secret    string    `json:"secret,omitempty" doc:"HMAC key in base64url; shown once"`
	Directory string    `json:"directory" doc:"URL of the ACME directory"`
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"`
	ExpiresAt time.Time `json:"expires_at" doc:"an account must be bound by then"`
	Account   string    `json:"account,omitempty" doc:"bound with it"`
	BoundAt   time.Time `json:"bound_at,omitzero"`
}
