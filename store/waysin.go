package store

import "time"

// Kinds of VendorIdentity.
const (
	IdentityJWK  = "jwk"  // whoever signs with the private key
	IdentityOIDC = "oidc" // whoever an OpenID Connect issuer names by this subject
)

// VendorIdentity lets a machine ask for a vendor's certificates with a token: the key
// or the subject on record is the vendor, whatever else a token says. Key: id, which
// says the identity itself, so that one identity is never two vendors'. Index: by vendor.
type VendorIdentity struct {
	ID      string    `json:"id"` // "jwk-" and the RFC 7638 thumbprint; "oidc-" and the SHA-256 of issuer, NUL, subject
	Vendor  string    `json:"vendor"`
	Kind    string    `json:"kind"`
	JWK     []byte    `json:"jwk,omitempty"`     // public JSON Web Key, RFC 7517
	Issuer  string    `json:"issuer,omitempty"`  // claim iss
	Subject string    `json:"subject,omitempty"` // claim sub
	AddedAt time.Time `json:"added_at"`
	AddedBy string    `json:"added_by"`
}

// ACMEKey binds one ACME account to a vendor (external account binding, RFC 8555
// §7.3.4). The account acts for the vendor as long as the record is there. Key: id.
// Indexes: by vendor, by account.
type ACMEKey struct {
	ID        string    `json:"id"` // the key identifier that goes with the secret
	Vendor    string    `json:"vendor"`
	Person    string    `json:"person,omitempty"` // of the vendor, whose word it is; "" when an officer handed it out
	Secret    []byte    `json:"secret,omitempty"` // HMAC key, gone once an account is bound
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"`
	ExpiresAt time.Time `json:"expires_at"` // for binding; a bound account does not end with it
	Account   string    `json:"account,omitempty"`
	BoundAt   time.Time `json:"bound_at,omitzero"`
}
