package api

import "time"

// Roles of a person. A client certificate belongs to one person, a person has
// exactly one role.
const (
	RoleOfficer = "officer" // runs the CA: vendors, auditors, acceptance, revocation
	RoleAuditor = "auditor" // submits assessments
	RoleVendor  = "vendor"  // requests certificates and signatures for one vendor
	RoleReader  = "reader"  // sees everything an officer sees, changes nothing
	// RoleRebuilder works for one rebuilder: it is given that one's jobs and answers them.
	RoleRebuilder = "rebuilder"
)

// EnrollRequest trades a one-time token for a client certificate.
type EnrollRequest struct {
	Token      string `json:"token" maxLength:"200" doc:"secret part of the enrolment token"`
	CSR        []byte `json:"csr" doc:"PKCS#10 request in DER for the client certificate; only its key is used"`
	SigningCSR []byte `json:"signing_csr,omitempty" doc:"auditors: PKCS#10 request in DER that proves possession of the key which will sign assessments"`
}

// EnrollResponse is the new identity.
type EnrollResponse struct {
	Person      Person `json:"person"`
	Certificate []byte `json:"certificate" doc:"client certificate, DER"`
	CA          []byte `json:"ca" doc:"operator CA certificate, DER: issues client and server certificates"`
}

// Person is somebody with a role.
type Person struct {
	ID           string    `json:"id"`
	Role         string    `json:"role" enum:"officer,auditor,vendor,reader,rebuilder,ci"`
	Vendor       string    `json:"vendor,omitempty"`
	Rebuilder    string    `json:"rebuilder,omitempty" doc:"role rebuilder: its id in audited scopes"`
	Organization string    `json:"organization"`
	CreatedAt    time.Time `json:"created_at"`
	DisabledAt   time.Time `json:"disabled_at,omitzero"`
}

// NewPerson adds a person and invites them.
type NewPerson struct {
	ID           string `json:"id" pattern:"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"`
	Role         string `json:"role" enum:"officer,vendor,reader"`
	Vendor       string `json:"vendor,omitempty" pattern:"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$" doc:"role vendor: which vendor"`
	Organization string `json:"organization" minLength:"1" maxLength:"128"`
}

// Invitation is an enrolment token. It is shown once; the server keeps a digest.
type Invitation struct {
	Person    Person    `json:"person"`
	Token     string    `json:"token" doc:"give to 'hallmark enroll': server URL, fingerprint of the operator CA and a secret"`
	ExpiresAt time.Time `json:"expires_at"`
	Consent   string    `json:"consent,omitempty" enum:"asked,alone" doc:"of an officer: asked, the token is good for nothing until another officer agrees; alone, there is no other"`
}

// Consent is an officer's agreement to another officer's invitation of an officer.
type Consent struct {
	InvitedBy string `json:"invited_by" pattern:"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$" doc:"the officer who has the token"`
}

// NewVendor registers a vendor and invites its first person, who has the same id.
type NewVendor struct {
	ID           string `json:"id" pattern:"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"`
	URI          string `json:"uri" maxLength:"255" doc:"https URI; becomes the URI SAN of the vendor's certificates"`
	Organization string `json:"organization" minLength:"1" maxLength:"64" doc:"subject O"`
	Country      string `json:"country" pattern:"^[A-Z]{2}$" doc:"subject C, ISO 3166-1 alpha-2"`
	// Owners are compared with the organisations of auditors and officers.
	Owners []string `json:"owners,omitempty" maxItems:"16" doc:"organisations that own this one, in part or whole: their people may neither assess it nor decide on it"`
}

// Owners replaces the list of a vendor's owners.
type Owners struct {
	Owners []string `json:"owners" maxItems:"16" doc:"organisations that own the vendor, in part or whole; none: nobody does"`
}

// Vendor is a subscriber.
type Vendor struct {
	ID           string    `json:"id"`
	URI          string    `json:"uri"`
	Organization string    `json:"organization"`
	Country      string    `json:"country"`
	Owners       []string  `json:"owners,omitempty" doc:"organisations that own it, in part or whole"`
	CreatedAt    time.Time `json:"created_at"`
	SuspendedAt  time.Time `json:"suspended_at,omitzero"`
	LogSalt      []byte    `json:"log_salt,omitempty" doc:"opens the log's name for the vendor, signer; told to officers and the vendor"`
}

// SignedOut is what a person could act with until now.
type SignedOut struct {
	Person       Person `json:"person"`
	Certificates int    `json:"certificates" doc:"client certificates that were revoked"`
	Invitations  int    `json:"invitations" doc:"open invitations that were ended"`
}

// VendorInvitation is the answer to NewVendor.
type VendorInvitation struct {
	Vendor     Vendor     `json:"vendor"`
	Invitation Invitation `json:"invitation"`
}

// Framework is one line of the catalogue list.
type Framework struct {
	ID      string           `json:"id"`
	Name    string           `json:"name"`
	Version string           `json:"version"`
	URI     string           `json:"uri"`
	SHA256  string           `json:"sha256" doc:"of the catalogue file; assessments pin it"`
	Tracks  []FrameworkTrack `json:"tracks"`
}

// FrameworkTrack is one ladder of levels.
type FrameworkTrack struct {
	ID           string           `json:"id"`
	Name         string           `json:"name"`
	Levels       []FrameworkLevel `json:"levels"`
	Requirements int              `json:"requirements"`
}

// FrameworkLevel is one rung.
type FrameworkLevel struct {
	Level   int    `json:"level"`
	ID      string `json:"id"`
	Name    string `json:"name"`
	Summary string `json:"summary"`
}

// Claim names a level of a framework's track.
type Claim struct {
	Framework string `json:"framework" doc:"framework id or URI" maxLength:"255"`
	Track     string `json:"track,omitempty" doc:"default: the framework's only track" maxLength:"64"`
	Level     int    `json:"level" minimum:"1" maximum:"100"`
	LevelID   string `json:"level_id,omitempty" readOnly:"true"`
}

// NewCertificate asks for a code-signing certificate.
type NewCertificate struct {
	CSR          []byte  `json:"csr,omitempty" doc:"PKCS#10 request in DER or PEM; only its key is used. Without it the signing service makes and keeps a key"`
	Claims       []Claim `json:"claims,omitempty" maxItems:"16" doc:"default: all that assessments in force support"`
	ValidityDays int     `json:"validity_days,omitempty" minimum:"0" maximum:"460" doc:"default: as long as the assessments allow"`
	Profile      string  `json:"profile,omitempty" maxLength:"32" doc:"code-signing (up to 460 days, the default) or short-lived (up to 7)"`
	// Attestation shows that hardware keeps the key of CSR.
	Attestation *KeyAttestation `json:"attestation,omitempty"`
}

// Certificate is an issued certificate.
type Certificate struct {
	Serial     string      `json:"serial"`
	Vendor     string      `json:"vendor"`
	Tier       string      `json:"tier"`
	Claims     []Claim     `json:"claims"`
	State      string      `json:"state" enum:"valid,expired,revoked"`
	NotBefore  time.Time   `json:"not_before"`
	NotAfter   time.Time   `json:"not_after"`
	KeyHeldBy  string      `json:"key_held_by" enum:"service,vendor,nobody" doc:"nobody: the key of one build, made for one signature and dropped"`
	Build      string      `json:"build,omitempty" doc:"the one artifact it is for: sha256: and hex"`
	Profile    string      `json:"profile,omitempty"`
	RequestID  string      `json:"request_id,omitempty" doc:"the request that an officer approved"`
	Replaces   string      `json:"replaces,omitempty" doc:"serial of the certificate that it renews"`
	Revocation *Revocation `json:"revocation,omitempty"`
	DER        []byte      `json:"der"`
	Chain      [][]byte    `json:"chain,omitempty" doc:"issuing CA and up, DER; only when one certificate is asked for"`
}

// Revocation says since when a certificate counts for nothing.
type Revocation struct {
	Reason         string    `json:"reason"`
	RevocationDate time.Time `json:"revocation_date"`
	InvalidityDate time.Time `json:"invalidity_date,omitzero"`
	Note           string    `json:"note,omitempty"`
	By             string    `json:"by"`
}

// NewRevocation revokes one certificate.
type NewRevocation struct {
	Reason         string    `json:"reason" enum:"unspecified,keyCompromise,affiliationChanged,superseded,cessationOfOperation,privilegeWithdrawn"`
	InvalidityDate time.Time `json:"invalidity_date,omitzero" doc:"when the key or certificate stopped deserving trust; signatures made before stay valid"`
	Note           string    `json:"note,omitempty" maxLength:"1000"`
	DryRun         bool      `json:"dry_run,omitempty"`
}

// NewAttestations pushes evidence into the vendor's repository.
type NewAttestations struct {
	Envelopes [][]byte `json:"envelopes" minItems:"1" maxItems:"64" doc:"DSSE envelopes (JSON), or Sigstore bundles that hold one"`
}

// StoredAttestations says under which artifacts they were filed.
type StoredAttestations struct {
	SHA256 []string `json:"sha256"`
}

// Attestations is the evidence about one artifact.
type Attestations struct {
	SHA256    string   `json:"sha256"`
	Vendor    string   `json:"vendor"`
	Envelopes [][]byte `json:"envelopes"`
}

// NewSignature asks the signing service to sign a digest.
type NewSignature struct {
	SHA256      string `json:"sha256" pattern:"^[0-9a-f]{64}$" doc:"of the artifact, as evidence names it"`
	Format      string `json:"format" enum:"deb,detached,pe,msi,cab,jar,oci"`
	Product     string `json:"product" minLength:"1" maxLength:"200" doc:"one of the products in the audited scope"`
	Certificate string `json:"certificate,omitempty" pattern:"^[0-9a-f]{2,40}$" doc:"serial; default: the newest valid one whose key the service holds"`
	Explain     bool   `json:"explain,omitempty" doc:"judge only: say what each rule finds, sign nothing"`
	// PerBuild asks for a certificate of its own.
	PerBuild bool    `json:"per_build,omitempty" doc:"sign with a new key and a certificate for this build alone; revoking it touches no other build"`
	Mode     string  `json:"mode,omitempty" enum:"strict,provisional" doc:"provisional: sign once the basic rules pass, with a certificate for this build alone; the signature is confirmed or revoked soon after. Default: strict"`
	Claims   []Claim `json:"claims,omitempty" maxItems:"16" doc:"with per_build, what the certificate is to say; default: all that assessments in force support"`
	// Commit is what the caller means to have built.
	Commit string `json:"commit,omitempty" pattern:"^([0-9a-f]{40}|[0-9a-f]{64})$" doc:"refuse evidence about a build of another commit"`
	// Signed is for formats that sign another hash than the artifact's own.
	Signed string `json:"signed,omitempty" pattern:"^[0-9a-f]{64}$" doc:"for pe, msi, cab and jar: what is signed, their own SHA-256, which evidence must state beside the artifact's"`
	// MediaType and Size are signed with the digest of an OCI manifest.
	MediaType string `json:"media_type,omitempty" maxLength:"255" doc:"with format oci, the manifest's"`
	Size      int64  `json:"size,omitempty" minimum:"0" doc:"with format oci, the manifest's, in bytes"`
}

// Signature is a signed digest, or with Explain the verdicts alone.
type Signature struct {
	CMS     []byte    `json:"cms,omitempty" doc:"CMS SignedData, DER, detached, timestamped and stapled"`
	Serial  string    `json:"serial"`
	SHA256  string    `json:"sha256"`
	At      time.Time `json:"at"`
	Allowed bool      `json:"allowed"`
	Rules   []Rule    `json:"rules"`
	// JWS takes the place of CMS where the format is oci.
	JWS []byte `json:"jws,omitempty" doc:"Notary Project signature, JSON, timestamped and stapled"`

	ID        string    `json:"id,omitempty" doc:"of the signature"`
	State     string    `json:"state,omitempty" doc:"provisional or confirmed; absent: final"`
	ConfirmBy time.Time `json:"confirm_by,omitzero" doc:"by then a provisional signature is confirmed or revoked"`
}

// Rule is what one rule of the gate found, for one of the assessments that the
// certificate rests on.
type Rule struct {
	Rule       string `json:"rule"`
	Assessment string `json:"assessment"`
	Outcome    string `json:"outcome" enum:"pass,fail,not-judged,waived,advised" doc:"waived: justified in the assessment; advised: recommended only; neither refuses"`
	Detail     string `json:"detail"`
	Evidence   string `json:"evidence,omitempty" doc:"SHA-256 of the envelope judged"`
	Satisfy    string `json:"satisfy,omitempty" doc:"what would make it pass"`

	Further      []string    `json:"further,omitempty" doc:"SHA-256 of envelopes relied on beside evidence"`
	Inputs       []RuleInput `json:"inputs,omitempty" doc:"each input of the build, those first that lack something; 100 at most"`
	Requirements []string    `json:"requirements,omitempty" doc:"what asks for it: framework/requirement"`
	Level        int         `json:"level,omitempty" doc:"the lowest level that asks for it"`
	Basic        bool        `json:"basic,omitempty" doc:"every build must show it, in any mode"`
}

// RuleInput is what a rule finds about one input of a build.
type RuleInput struct {
	Input    string   `json:"input" doc:"what the provenance calls it, and its digest"`
	Shown    bool     `json:"shown"`
	Detail   string   `json:"detail,omitempty" doc:"what is lacking"`
	Evidence []string `json:"evidence,omitempty" doc:"SHA-256 of envelopes about the input"`
}

// SignatureRecord is one line of the signing record.
type SignatureRecord struct {
	ID       string    `json:"id"`
	Vendor   string    `json:"vendor"`
	Serial   string    `json:"serial"`
	SHA256   string    `json:"sha256"`
	Format   string    `json:"format"`
	Product  string    `json:"product"`
	At       time.Time `json:"at"`
	By       string    `json:"by"`
	Approval string    `json:"approval,omitempty" doc:"id of the request whose approval it used"`
	LogSalt  []byte    `json:"log_salt,omitempty" doc:"opens the log's commitment: to the id, the serial and the sha256, with a blank between"`

	Mode        string    `json:"mode,omitempty" doc:"provisional; absent: strict"`
	State       string    `json:"state,omitempty" enum:"provisional,held,confirmed,revoked" doc:"absent: final from the beginning"`
	ConfirmBy   time.Time `json:"confirm_by,omitzero"`
	ConfirmedAt time.Time `json:"confirmed_at,omitzero"`
	HeldUntil   time.Time `json:"held_until,omitzero"`
	Incident    string    `json:"incident,omitempty" doc:"its id"`
}

// Event is one line of the audit trail.
type Event struct {
	ID     string            `json:"id"`
	At     time.Time         `json:"at"`
	Who    string            `json:"who"`
	Action string            `json:"action" doc:"verb.noun"`
	Object string            `json:"object"`
	Detail map[string]string `json:"detail,omitempty"`
}

// Page is a list of T. Next is the cursor of the following page, empty at the end.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}
