package store

import "time"

// The records below are plain data: the rules about them live with their users.
// Times are UTC. Digests, serial numbers and key ids are lower-case hex. Adding a
// field needs no new version as long as its zero value means what its absence did.

// Vendor is a subscriber: an organisation that may be assessed and be issued certificates.
type Vendor struct {
	ID           string `json:"id"`           // slug, [a-z0-9-]
	URI          string `json:"uri"`          // https URI that becomes the certificate's URI SAN
	Organization string `json:"organization"` // subject O
	Country      string `json:"country"`      // subject C, ISO 3166-1 alpha-2
	// Owners are the organisations that own this one, in part or whole: their auditors
	// may not assess it, nor their officers decide on it.
	Owners      []string  `json:"owners,omitempty"`
	CreatedAt   time.Time `json:"created_at"`
	SuspendedAt time.Time `json:"suspended_at,omitzero"`
	// LogSalt keeps the log from naming the vendor where it tells of signatures: entries
	// say receipt.Commit(LogSalt, ID). 32 bytes, made with the first signature.
	LogSalt []byte `json:"log_salt,omitempty"`
}

// Person is somebody who may hold a client certificate, in exactly one role.
type Person struct {
	ID           string    `json:"id"`
	Role         string    `json:"role"`             // officer, auditor, vendor, reader, rebuilder or ci
	Vendor       string    `json:"vendor,omitempty"` // Vendor.ID, only in roles vendor and ci
	Organization string    `json:"organization"`
	CreatedAt    time.Time `json:"created_at"`
	DisabledAt   time.Time `json:"disabled_at,omitzero"`
	// LogSalt keeps the log from naming an auditor: entries say
	// receipt.Commit(LogSalt, ID). 32 bytes, only in role auditor.
	LogSalt []byte `json:"log_salt,omitempty"`
	// Rebuilder is the id, in audited scopes, of the rebuilder that they run for
	// Organization: only in role rebuilder.
	Rebuilder string `json:"rebuilder,omitempty"`
}

// Enrolment is a one-time token by which a Person obtains a client certificate.
// Only the token's SHA-256 is kept.
type Enrolment struct {
	TokenSHA256 string    `json:"token_sha256"`
	Person      string    `json:"person"`
	CreatedAt   time.Time `json:"created_at"`
	ExpiresAt   time.Time `json:"expires_at"`
	UsedAt      time.Time `json:"used_at,omitzero"`

	// Of an officer's invitation only, since who invites has the token: whether another
	// officer has agreed, and who.
	Consent   string    `json:"consent,omitempty"`
	InvitedBy string    `json:"invited_by,omitempty"` // Person.ID; "init" of the first
	ConsentBy string    `json:"consent_by,omitempty"` // Person.ID
	ConsentAt time.Time `json:"consent_at,omitzero"`
}

// What there is to say of the Consent to an officer's Enrolment.
const (
	ConsentAsked = "asked" // the token is good for nothing until another officer agrees
	ConsentAlone = "alone" // there was no other officer who could have agreed
	ConsentGiven = "given"
)

// InvitedByInit is the InvitedBy of the first officer.
const InvitedByInit = "init"

// unconsented is whom an invitation is for that another officer may agree to.
func (e Enrolment) unconsented() []string {
	if e.Consent != ConsentAsked && e.Consent != ConsentAlone {
		return nil
	}
	return []string{e.Person}
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
	RevokedAt  time.Time `json:"revoked_at,omitzero"` // for cause: every assessment it signed is looked at again
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
	AssessmentInReview   = "in-review"  // was in force; an auditor who signed it was revoked for cause
	AssessmentSuperseded = "superseded" // replaced by a later one of the same track, of that level or better
	AssessmentLowered    = "lowered"    // replaced by a later one of the same track, of a lower level
	AssessmentExpired    = "expired"    // its time is over
	AssessmentWithdrawn  = "withdrawn"
	AssessmentRejected   = "rejected"
)

// Assessment is a signed assessment and what became of it. ID is the SHA-256 of
// the DSSE payload. Index: by vendor.
type Assessment struct {
	ID              string    `json:"id"`
	State           string    `json:"state"`
	Vendor          string    `json:"vendor"`
	Framework       string    `json:"framework"`        // framework id
	FrameworkURI    string    `json:"framework_uri"`    // as in certificates
	CatalogueSHA256 string    `json:"catalogue_sha256"` // the edition assessed against: Catalogue.SHA256
	Track           string    `json:"track"`
	Level           int       `json:"level"`
	LevelID         string    `json:"level_id"`
	Auditor         string    `json:"auditor"` // Person.ID
	AuditorSPKI     string    `json:"auditor_spki_sha256"`
	SecondAuditor   string    `json:"second_auditor,omitempty"` // Person.ID, where two signed
	SecondSPKI      string    `json:"second_auditor_spki_sha256,omitempty"`
	Probes          int       `json:"probes,omitempty"` // how many it has
	AssessedAt      time.Time `json:"assessed_at"`
	ValidUntil      time.Time `json:"valid_until"`
	Envelope        []byte    `json:"envelope"` // DSSE envelope, JSON: as submitted, and with the officer's signature once accepted
	LogSalt         []byte    `json:"log_salt,omitempty"`
	SubmittedAt     time.Time `json:"submitted_at"`
	SubmittedBy     string    `json:"submitted_by"`
	AcceptedAt      time.Time `json:"accepted_at,omitzero"`
	AcceptedBy      string    `json:"accepted_by,omitempty"`
	AcceptedSPKI    string    `json:"accepted_spki_sha256,omitempty"` // the officer's key: of a ClientCertificate of AcceptedBy
	Receipt         []byte    `json:"receipt,omitempty"`              // c2sp.org/tlog-proof@v1 text
	LogOrigin       string    `json:"log_origin,omitempty"`
	LogIndex        uint64    `json:"log_index,omitempty"`
	ReopenedAt      time.Time `json:"reopened_at,omitzero"` // it went into review, for the last time
	ReopenedReason  string    `json:"reopened_reason,omitempty"`
	UpheldAt        time.Time `json:"upheld_at,omitzero"` // an officer put it back in force
	UpheldBy        string    `json:"upheld_by,omitempty"`
	UpheldReason    string    `json:"upheld_reason,omitempty"`
	EndedAt         time.Time `json:"ended_at,omitzero"` // when it was superseded, lowered, withdrawn or rejected, or had expired
	EndedBy         string    `json:"ended_by,omitempty"`
	EndedReason     string    `json:"ended_reason,omitempty"`
	IneffectiveAt   time.Time `json:"ineffective_at,omitzero"` // withdrawal's cause lies here: invalidityDate of what hangs on it
}

// Catalogue is one edition of a framework's catalogue, kept for ever: assessments
// name it by its digest.
type Catalogue struct {
	SHA256    string    `json:"sha256"`
	Framework string    `json:"framework"` // framework id
	Version   string    `json:"version"`
	YAML      []byte    `json:"yaml"`
	FirstSeen time.Time `json:"first_seen"`
}

// LedgerEntry is an entry of the transparency log. It is written in the transaction
// that changes what it tells of, and logged soon after (package ledger/queue), so that
// nothing happens unlogged. Indexes: by state ("pending"), by what it is about, by its
// place in the log.
type LedgerEntry struct {
	ID       string    `json:"id"`    // time-ordered
	About    string    `json:"about"` // Assessment.ID, Certificate.Serial or Person.ID
	Entry    []byte    `json:"entry"` // the log's leaf, as package ledger/receipt marshals it
	At       time.Time `json:"at"`
	LoggedAt time.Time `json:"logged_at,omitzero"` // zero: not known to be in the log yet
	Index    uint64    `json:"index,omitempty"`    // its place, when LoggedAt is set
}

// LedgerMark is the one record, under key "ledger", that says how long the log must be.
type LedgerMark struct {
	Size uint64 `json:"size"` // highest index on record plus one
}

// ClockMark is the one record, under key "tsa", that keeps the timestamping authority's
// clock from going back: no token with a later time has been given.
type ClockMark struct {
	Until time.Time `json:"until"`
}

// ProbeState is how a probe of an assessment stands. Key: "<assessment>/<probe>".
type ProbeState struct {
	Assessment string    `json:"assessment"`
	Probe      string    `json:"probe"`   // its id within the assessment
	Outcome    string    `json:"outcome"` // of the last run: passed, failed or unknown
	Detail     string    `json:"detail,omitempty"`
	Seen       string    `json:"seen,omitempty"` // what the last run that passed saw, for the next to compare
	RanAt      time.Time `json:"ran_at"`
	PassedAt   time.Time `json:"passed_at,omitzero"` // the last time it did
	// FailingSince opens a finding: set by the first run that failed, cleared by the
	// next that passes.
	FailingSince time.Time `json:"failing_since,omitzero"`
}

// Notice is news for whoever runs webhooks, delivered to each at least once. ID is
// what it is about, so that the same news is not told twice. Index: those that are not
// settled, by time.
type Notice struct {
	ID         string           `json:"id"`
	Type       string           `json:"type"` // e.g. "assessment.expiring"
	At         time.Time        `json:"at"`
	Body       []byte           `json:"body"` // JSON object: the event's data
	Deliveries []NoticeDelivery `json:"deliveries,omitempty"`
	SettledAt  time.Time        `json:"settled_at,omitzero"` // no webhook waits for it any more
}

// NoticeDelivery is how a Notice stands with one webhook that was tried.
type NoticeDelivery struct {
	Webhook   string    `json:"webhook"` // notify.Webhook.ID
	Tries     int       `json:"tries"`   // that failed, since Since
	Since     time.Time `json:"since"`
	NextTry   time.Time `json:"next_try,omitzero"`
	LastError string    `json:"last_error,omitempty"`
	DoneAt    time.Time `json:"done_at,omitzero"` // delivered, or given up
	GivenUp   bool      `json:"given_up,omitempty"`
}

// Evidence says who handed a file of evidence in. The bytes lie in package
// audit/evidence's folder under their digest. Key: "<assessment>/<sha256>".
type Evidence struct {
	Assessment string    `json:"assessment"`
	SHA256     string    `json:"sha256"`
	Size       int64     `json:"size"`
	At         time.Time `json:"at"`
	By         string    `json:"by"`
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
	Build       string    `json:"build,omitempty"`  // as in Certificate
	Issuer      string    `json:"issuer,omitempty"` // as in Certificate
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
// assessment, by notAfter, revoked by issuing CA; of those for one build by the build and
// by group (BuildGroup), of all others by vendor ("kept"). Tally: by group, see GroupTally.
type Certificate struct {
	Serial      string      `json:"serial"`
	Tier        string      `json:"tier"`
	Issuer      string      `json:"issuer,omitempty"` // id of the issuing CA; "": Tier, whose first one has the tier's name
	Vendor      string      `json:"vendor"`
	DER         []byte      `json:"der"`
	SPKISHA256  string      `json:"spki_sha256"`
	NotBefore   time.Time   `json:"not_before"`
	NotAfter    time.Time   `json:"not_after"`
	Assessments []string    `json:"assessments"`
	SigningKey  string      `json:"signing_key,omitempty"` // SigningKey.ID when the service holds the key
	IssuedAt    time.Time   `json:"issued_at"`
	RequestedBy string      `json:"requested_by"`
	Profile     string      `json:"profile,omitempty"`  // as templates.Validity names it
	Request     string      `json:"request,omitempty"`  // CertificateRequest.ID that an officer approved
	Replaces    string      `json:"replaces,omitempty"` // Serial of the certificate that it renews
	Revocation  *Revocation `json:"revocation,omitempty"`
	Build       string      `json:"build,omitempty"` // "sha256:" and the hex digest of the one artifact it is for; its key is gone
	// Leftover: an Intent that no certificate followed, put on record to revoke it. DER
	// has an empty signature; whether there is one with a signature is not known.
	Leftover bool `json:"leftover,omitempty"`
}

// IssuingCA returns the id of the CA that issued the certificate.
func (c Certificate) IssuingCA() string {
	if c.Issuer != "" {
		return c.Issuer
	}
	return c.Tier
}

// CRL is the newest certificate revocation list of an issuing CA, or of one shard of
// its serial numbers. Key: Name, or Tier where there is none.
type CRL struct {
	Tier       string    `json:"tier"`           // id of the issuing CA
	Name       string    `json:"name,omitempty"` // "<id>/<shard>", as in the list's URL
	Number     uint64    `json:"number"`
	DER        []byte    `json:"der"`
	ThisUpdate time.Time `json:"this_update"`
	NextUpdate time.Time `json:"next_update"`
}

// UnlistedRevocation is a revocation that no list carries yet. It is written with the
// revocation and deleted with the list that is the first to have it, so that nothing
// has to be searched to know which lists are out of date. Index: by issuing CA.
type UnlistedRevocation struct {
	ID     string `json:"id"` // "<serial>/<time-ordered>": a mass revocation writes them side by side
	Issuer string `json:"issuer"`
	Serial string `json:"serial"`
}

// RevocationJob revokes many certificates, some at a time, so that none of its
// transactions is large and a crash costs nothing. It covers what was on record when
// it was decided and matches; what is recorded later on is asked about by package ca.
// ID is time-ordered. Index: those that are not finished ("open").
type RevocationJob struct {
	ID string `json:"id"`

	// What it covers: certificates for which all that is set here holds.
	Vendor       string    `json:"vendor,omitempty"`
	Assessments  []string  `json:"assessments,omitempty"` // rests on any of these, or claims Track
	FrameworkURI string    `json:"framework_uri,omitempty"`
	Track        string    `json:"track,omitempty"` // with FrameworkURI
	SPKISHA256   string    `json:"spki_sha256,omitempty"`
	Tier         string    `json:"tier,omitempty"`
	IssuedAfter  time.Time `json:"issued_after,omitzero"`  // or at
	IssuedBefore time.Time `json:"issued_before,omitzero"` // not at
	EndsAfter    time.Time `json:"ends_after,omitzero"`    // notAfter lies later

	// What it says of each; zero dates of its Revocation mean At. A date from before the
	// certificate began becomes the beginning.
	Revocation Revocation `json:"revocation"`

	CreatedAt  time.Time `json:"created_at"`
	Total      int       `json:"total"`           // as counted when it was asked for
	Seen       int       `json:"seen"`            // of those that match
	Revoked    int       `json:"revoked"`         // of Seen; the others were revoked already, as strongly
	After      string    `json:"after,omitempty"` // serial number up to which all is done
	Through    bool      `json:"through,omitempty"`
	FinishedAt time.Time `json:"finished_at,omitzero"` // all are revoked and the lists are out
}

// SigningKey is a vendor's signing key held by the service: encrypted PKCS#8, or on a
// token that Place names.
type SigningKey struct {
	ID         string    `json:"id"`
	Vendor     string    `json:"vendor"`
	Encrypted  []byte    `json:"encrypted,omitempty"` // PEM "ENCRYPTED PRIVATE KEY"
	SPKISHA256 string    `json:"spki_sha256"`
	CreatedAt  time.Time `json:"created_at"`
	Place      string    `json:"place,omitempty"` // URI as package keys opens it; "": Encrypted has the key
}

// Signature records one signature by the service. Key: time-ordered id. Indexes: by
// vendor, by certificate, by state, by vendor and state; those that may still be revoked
// for want of evidence by artifact, open ones by when they are due.
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
	Approval string    `json:"approval,omitempty"` // SigningApproval.ID that it used
	LogSalt  []byte    `json:"log_salt,omitempty"` // opens the commitment in the log

	Mode        string    `json:"mode,omitempty"`        // "": strict
	State       string    `json:"state,omitempty"`       // "": final
	ConfirmBy   time.Time `json:"confirm_by,omitzero"`   // provisional: revoked when it is not confirmed by then
	ConfirmedAt time.Time `json:"confirmed_at,omitzero"` //
	HeldUntil   time.Time `json:"held_until,omitzero"`   // state held only
	Commit      string    `json:"commit,omitempty"`      // the one that the request named, if it did
	Incident    string    `json:"incident,omitempty"`    // Incident.ID

	// Signed is what was signed, where that is not Digest: algorithm, ":" and hex.
	// Computed: the service took it from the artifact's bytes itself.
	Signed   string `json:"signed,omitempty"`
	Computed bool   `json:"computed,omitempty"`
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
