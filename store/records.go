package store

import "time"

// The records below are plain data: the rules about them live with their users.
// Times are UTC. Digests, serial numbers and key ids are lower-case hex. Adding a
// field needs no new version as long as its zero value means what its absence did.

// Vendor is a subscriber: an organisation that may be assessed and be issued certificates.
type Vendor struct {
	ID           string    `json:"id"`           // slug, [a-z0-9-]
	URI          string    `json:"uri"`          // https URI that becomes the certificate's URI SAN
	Organization string    `json:"organization"` // subject O
	Country      string    `json:"country"`      // subject C, ISO 3166-1 alpha-2
	CreatedAt    time.Time `json:"created_at"`
	SuspendedAt  time.Time `json:"suspended_at,omitzero"`
}

// Person is somebody who may hold a client certificate, in exactly one role.
type Person struct {
	ID           string    `json:"id"`
	Role         string    `json:"role"`             // officer, auditor, vendor or reader
	Vendor       string    `json:"vendor,omitempty"` // Vendor.ID, only in role vendor
	Organization string    `json:"organization"`
	CreatedAt    time.Time `json:"created_at"`
	DisabledAt   time.Time `json:"disabled_at,omitzero"`
}

// Enrolment is a one-time token by which a Person obtains a client certificate.
// Only the token's SHA-256 is kept.
type Enrolment struct {
	TokenSHA256 string    `json:"token_sha256"`
	Person      string    `json:"person"`
	CreatedAt   time.Time `json:"created_at"`
	ExpiresAt   time.Time `json:"expires_at"`
	UsedAt      time.Time `json:"used_at,omitzero"`
}

// ClientCertificate is an mTLS certificate issued to a Person.
type ClientCertificate struct {
	Serial    string    `json:"serial"`
	Person    string    `json:"person"`
	DER       []byte    `json:"der"`
	NotAfter  time.Time `json:"not_after"`
	RevokedAt time.Time `json:"revoked_at,omitzero"`
}

// AuditorKey is a public key with which an auditor signs assessments.
type AuditorKey struct {
	SPKISHA256 string    `json:"spki_sha256"`
	Auditor    string    `json:"auditor"` // Person.ID
	PublicKey  []byte    `json:"public_key"`
	AddedAt    time.Time `json:"added_at"`
	RevokedAt  time.Time `json:"revoked_at,omitzero"`
}

// Accreditation allows an auditor to assess against one framework for a while.
// Key: "<auditor>/<framework id>".
type Accreditation struct {
	Auditor     string    `json:"auditor"`
	Framework   string    `json:"framework"` // framework id
	From        time.Time `json:"from"`
	Until       time.Time `json:"until"`
	SuspendedAt time.Time `json:"suspended_at,omitzero"`
}

// States of an Assessment.
const (
	AssessmentSubmitted  = "submitted"  // checked and stored, waits for an officer
	AssessmentAccepting  = "accepting"  // an officer accepted; the ledger append is under way
	AssessmentInForce    = "in-force"   // accepted and logged
	AssessmentSuperseded = "superseded" // replaced by a later one of the same track
	AssessmentWithdrawn  = "withdrawn"
	AssessmentRejected   = "rejected"
)

// Assessment is a signed assessment and what became of it. ID is the SHA-256 of
// the DSSE payload. Index: by vendor.
type Assessment struct {
	ID             string    `json:"id"`
	State          string    `json:"state"`
	Vendor         string    `json:"vendor"`
	Framework      string    `json:"framework"`     // framework id
	FrameworkURI   string    `json:"framework_uri"` // as in certificates
	Track          string    `json:"track"`
	Level          int       `json:"level"`
	LevelID        string    `json:"level_id"`
	Auditor        string    `json:"auditor"` // Person.ID
	AuditorSPKI    string    `json:"auditor_spki_sha256"`
	AssessedAt     time.Time `json:"assessed_at"`
	ValidUntil     time.Time `json:"valid_until"`
	Envelope       []byte    `json:"envelope"` // DSSE envelope as submitted, JSON
	SubmittedAt    time.Time `json:"submitted_at"`
	SubmittedBy    string    `json:"submitted_by"`
	AcceptedAt     time.Time `json:"accepted_at,omitzero"`
	AcceptedBy     string    `json:"accepted_by,omitempty"`
	Receipt        []byte    `json:"receipt,omitempty"` // c2sp.org/tlog-proof@v1 text
	LogOrigin      string    `json:"log_origin,omitempty"`
	LogIndex       uint64    `json:"log_index,omitempty"`
	EndedAt        time.Time `json:"ended_at,omitzero"` // when it was superseded, withdrawn or rejected
	EndedBy        string    `json:"ended_by,omitempty"`
	EndedReason    string    `json:"ended_reason,omitempty"`
	IneffectiveAt  time.Time `json:"ineffective_at,omitzero"` // withdrawal's cause lies here: invalidityDate of what hangs on it
	EndedByReceipt []byte    `json:"ended_receipt,omitempty"`
}

// Intent is the durable announcement that exactly this content is about to be
// signed with a CA key (DESIGN invariant 6). It stays on record after issuance.
type Intent struct {
	Serial      string    `json:"serial"`
	Tier        string    `json:"tier"`
	Vendor      string    `json:"vendor"`
	TBS         []byte    `json:"tbs"` // DER TBSCertificate, as linted
	Assessments []string  `json:"assessments"`
	RequestedBy string    `json:"requested_by"`
	Way         string    `json:"way"` // api, step, …
	At          time.Time `json:"at"`
}

// Revocation says since when a certificate counts for nothing.
type Revocation struct {
	At             time.Time `json:"at"`              // when it was decided
	RevocationDate time.Time `json:"revocation_date"` // as in the CRL entry, may lie before At
	InvalidityDate time.Time `json:"invalidity_date,omitzero"`
	Reason         int       `json:"reason"` // RFC 5280 §5.3.1
	Note           string    `json:"note,omitempty"`
	By             string    `json:"by"`
}

// Certificate is an issued code-signing certificate. Indexes: by vendor, by
// assessment, by notAfter, revoked by tier.
type Certificate struct {
	Serial      string      `json:"serial"`
	Tier        string      `json:"tier"`
	Vendor      string      `json:"vendor"`
	DER         []byte      `json:"der"`
	SPKISHA256  string      `json:"spki_sha256"`
	NotBefore   time.Time   `json:"not_before"`
	NotAfter    time.Time   `json:"not_after"`
	Assessments []string    `json:"assessments"`
	SigningKey  string      `json:"signing_key,omitempty"` // SigningKey.ID when the service holds the key
	IssuedAt    time.Time   `json:"issued_at"`
	RequestedBy string      `json:"requested_by"`
	Revocation  *Revocation `json:"revocation,omitempty"`
}

// CRL is the newest certificate revocation list of a tier.
type CRL struct {
	Tier       string    `json:"tier"`
	Number     uint64    `json:"number"`
	DER        []byte    `json:"der"`
	ThisUpdate time.Time `json:"this_update"`
	NextUpdate time.Time `json:"next_update"`
}

// SigningKey is a vendor's signing key held by the service, encrypted PKCS#8.
type SigningKey struct {
	ID         string    `json:"id"`
	Vendor     string    `json:"vendor"`
	Encrypted  []byte    `json:"encrypted"` // PEM "ENCRYPTED PRIVATE KEY"
	SPKISHA256 string    `json:"spki_sha256"`
	CreatedAt  time.Time `json:"created_at"`
}

// Signature records one signature by the service. Key: time-ordered id. Index: by vendor.
type Signature struct {
	ID       string    `json:"id"`
	Vendor   string    `json:"vendor"`
	Serial   string    `json:"serial"`
	Digest   string    `json:"digest"` // SHA-256 of the signed bytes
	Format   string    `json:"format"`
	Product  string    `json:"product"`
	Evidence []string  `json:"evidence"` // SHA-256 of each DSSE envelope relied on
	At       time.Time `json:"at"`
	By       string    `json:"by"`
}

// Event is one line of the audit trail. Key: time-ordered id.
type Event struct {
	ID     string            `json:"id"`
	At     time.Time         `json:"at"`
	Who    string            `json:"who"`
	Action string            `json:"action"` // verb.noun, e.g. "accept.assessment"
	Object string            `json:"object"`
	Detail map[string]string `json:"detail,omitempty"`
}
