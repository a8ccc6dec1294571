package api

import "time"

// KeyAttestation is a statement by the maker of a piece of hardware that it made a key
// and keeps it.
type KeyAttestation struct {
	Format string `json:"format" enum:"yubikey,step,tpm"`
	Data   []byte `json:"data" doc:"yubikey: PEM certificates of the slot and of F9; step and tpm: the CBOR attestation object, or its base64url. It answers the SHA-256 of the CSR's DER, or of your client certificate's, in lower-case hex"`
}

// NewRenewal asks for a certificate that says what another one says.
type NewRenewal struct {
	CSR          []byte          `json:"csr,omitempty" doc:"PKCS#10 request in DER or PEM: proves possession of the key; without it the signing service holds, or makes, the key"`
	Profile      string          `json:"profile,omitempty" maxLength:"32" doc:"default: the old certificate's"`
	ValidityDays int             `json:"validity_days,omitempty" minimum:"0" maximum:"460" doc:"default: as long as profile and assessments allow"`
	Attestation  *KeyAttestation `json:"attestation,omitempty"`
}

// CertificateAnswer is a certificate (status 200) or, where the tier wants an officer's
// approval, the request that waits for one (status 202): Request, and nothing else.
type CertificateAnswer struct {
	*Certificate
	Request *CertificateRequest `json:"request,omitempty"`
}

// CertificateRequest is a request for a certificate that an officer has to agree to.
type CertificateRequest struct {
	ID          string    `json:"id"`
	State       string    `json:"state" enum:"pending,approved,denied,issued,expired"`
	Vendor      string    `json:"vendor"`
	Tier        string    `json:"tier"`
	Claims      []Claim   `json:"claims"`
	Profile     string    `json:"profile"`
	KeySHA256   string    `json:"key_sha256" doc:"of the SubjectPublicKeyInfo"`
	KeyHeldBy   string    `json:"key_held_by" enum:"service,vendor"`
	Replaces    string    `json:"replaces,omitempty" doc:"serial of the certificate that it renews"`
	At          time.Time `json:"at"`
	By          string    `json:"by"`
	ExpiresAt   time.Time `json:"expires_at" doc:"until then an officer decides or, once approved, the vendor collects"`
	Hardware    *Hardware `json:"hardware,omitempty" doc:"attested to keep the key"`
	Waiver      string    `json:"waiver,omitempty" doc:"why an officer did without hardware"`
	DecidedAt   time.Time `json:"decided_at,omitzero"`
	DecidedBy   string    `json:"decided_by,omitempty"`
	Note        string    `json:"note,omitempty" doc:"the officer's words"`
	Certificate string    `json:"certificate,omitempty" doc:"serial, once issued"`
}

// Hardware is what a key attestation states.
type Hardware struct {
	Format  string   `json:"format"`
	Device  string   `json:"device" doc:"serial number, or maker and model"`
	Details []string `json:"details,omitempty"`
	Root    string   `json:"root" doc:"SHA-256 of the maker's root certificate"`
}

// Approval is an officer's consent to a request.
type Approval struct {
	Note          string `json:"note,omitempty" maxLength:"1000"`
	WaiveHardware string `json:"waive_hardware,omitempty" maxLength:"1000" doc:"why the key need not be shown to live in hardware"`
}

// Denial is an officer's refusal of a request.
type Denial struct {
	Reason string `json:"reason" minLength:"1" maxLength:"1000" doc:"the vendor reads it"`
}
