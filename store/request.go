package store

import "time"

// States of a CertificateRequest. That one has expired is read off ExpiresAt as well:
// nobody may have been there to write it down.
const (
	RequestPending  = "pending"  // waits for an officer
	RequestApproved = "approved" // an officer agreed; the vendor may collect the certificate
	RequestDenied   = "denied"   // an officer refused
	RequestIssued   = "issued"   // the certificate has been issued: used up
	RequestExpired  = "expired"  // nobody decided, or nobody collected, in time
)

// CertificateRequest is a vendor's request for a certificate that an officer has to
// agree to, and what became of it. Indexes: by vendor, by key, by state.
type CertificateRequest struct {
	ID         string         `json:"id"` // time-ordered
	State      string         `json:"state"`
	Vendor     string         `json:"vendor"`
	Tier       string         `json:"tier"` // that would issue, when it was asked for
	SPKISHA256 string         `json:"spki_sha256"`
	PublicKey  []byte         `json:"public_key"`            // DER SubjectPublicKeyInfo
	SigningKey string         `json:"signing_key,omitempty"` // SigningKey.ID when the service holds the key
	Claims     []RequestClaim `json:"claims"`                // all of them, as the gate would have granted
	Profile    string         `json:"profile"`
	Validity   time.Duration  `json:"validity,omitempty"` // 0: as long as allowed
	Replaces   string         `json:"replaces,omitempty"` // Certificate.Serial that it renews
	Rekey      bool           `json:"rekey,omitempty"`    // and with another key
	Way        string         `json:"way"`                // api, step, …
	At         time.Time      `json:"at"`
	By         string         `json:"by"`
	ExpiresAt  time.Time      `json:"expires_at"` // until then somebody must decide; once approved, collect

	Attestation *KeyAttestation `json:"attestation,omitempty"` // of the key, verified when it was handed in
	// Waiver is why an officer did without Attestation.
	Waiver string `json:"waiver,omitempty"`

	DecidedAt   time.Time `json:"decided_at,omitzero"`
	DecidedBy   string    `json:"decided_by,omitempty"` // Person.ID of an officer
	Note        string    `json:"note,omitempty"`       // the officer's words
	IssuedAt    time.Time `json:"issued_at,omitzero"`
	Certificate string    `json:"certificate,omitempty"` // Certificate.Serial
}

// RequestClaim is a claim that a CertificateRequest asks for.
type RequestClaim struct {
	Framework string `json:"framework"` // URI, as in certificates
	Track     string `json:"track"`
	Level     int    `json:"level"`
	LevelID   string `json:"level_id"`
}

// KeyAttestation is a statement by the maker of a piece of hardware that it made a key
// and keeps it. Data is what was handed in, so that it can be judged again.
type KeyAttestation struct {
	Format    string   `json:"format"` // yubikey, step or tpm
	Data      []byte   `json:"data"`
	Challenge string   `json:"challenge,omitempty"` // what the statement had to answer; "" where the format has no room
	Device    string   `json:"device"`              // serial number, or maker and model
	Details   []string `json:"details,omitempty"`   // for officers to read, e.g. "firmware 5.7.1"
	Root      string   `json:"root"`                // SHA-256 of the trust anchor's certificate
}
