package api

import "time"

// NewAssessment submits a signed assessment.
type NewAssessment struct {
	Envelope []byte `json:"envelope" doc:"DSSE envelope (JSON) over an in-toto Statement v1, signed by the auditor, and by the second auditor at the highest level of a track"`
}

// Acceptance is an officer's signature under an assessment.
type Acceptance struct {
	Envelope []byte `json:"envelope" doc:"the DSSE envelope as submitted with one more signature over the same payload, by the key of the officer's client certificate"`
}

// Assessment is a signed assessment and what became of it.
type Assessment struct {
	ID              string    `json:"id" doc:"SHA-256 of the signed payload"`
	State           string    `json:"state" enum:"submitted,accepting,in-force,in-review,superseded,lowered,expired,withdrawn,rejected"`
	Vendor          string    `json:"vendor"`
	Framework       string    `json:"framework"`
	CatalogueSHA256 string    `json:"catalogue_sha256" doc:"the edition of the framework's catalogue that was assessed against"`
	Track           string    `json:"track"`
	Level           int       `json:"level"`
	LevelID         string    `json:"level_id"`
	Auditor         string    `json:"auditor"`
	SecondAuditor   string    `json:"second_auditor,omitempty" doc:"where two signed: at the highest level of a track"`
	Probes          int       `json:"probes,omitempty" doc:"how many machine checks watch its findings"`
	AssessedAt      time.Time `json:"assessed_at"`
	ValidUntil      time.Time `json:"valid_until"`
	SubmittedAt     time.Time `json:"submitted_at"`
	AcceptedAt      time.Time `json:"accepted_at,omitzero"`
	AcceptedBy      string    `json:"accepted_by,omitempty" doc:"the officer whose signature stands under it"`
	LogOrigin       string    `json:"log_origin,omitempty"`
	LogIndex        uint64    `json:"log_index,omitempty"`
	ReopenedAt      time.Time `json:"reopened_at,omitzero" doc:"when it last went into review"`
	ReopenedReason  string    `json:"reopened_reason,omitempty"`
	UpheldAt        time.Time `json:"upheld_at,omitzero" doc:"when an officer put it back in force"`
	UpheldBy        string    `json:"upheld_by,omitempty"`
	UpheldReason    string    `json:"upheld_reason,omitempty"`
	EndedAt         time.Time `json:"ended_at,omitzero"`
	EndedBy         string    `json:"ended_by,omitempty"`
	EndedReason     string    `json:"ended_reason,omitempty"`
	IneffectiveAt   time.Time `json:"ineffective_at,omitzero" doc:"withdrawn: what relied on it is invalid from then on"`
	Envelope        []byte    `json:"envelope,omitempty" doc:"only when one assessment is asked for"`
	Receipt         []byte    `json:"receipt,omitempty" doc:"c2sp.org/tlog-proof@v1; only when one assessment is asked for"`
	AuditorKeys     [][]byte  `json:"auditor_keys,omitempty" doc:"SubjectPublicKeyInfo, DER, of the auditors who signed; only when one assessment is asked for"`
	LogSalt         []byte    `json:"log_salt,omitempty" doc:"opens the commitment by which the log speaks of it before it is accepted; only when one assessment is asked for"`
}

// Ending rejects or withdraws an assessment.
type Ending struct {
	Reason string    `json:"reason" minLength:"1" maxLength:"1000"`
	Since  time.Time `json:"since,omitzero" doc:"withdrawal: when its cause arose; certificates count as invalid from then on (default: now)"`
	DryRun bool      `json:"dry_run,omitempty" doc:"only say what would happen"`
}

// Upholding ends the review of an assessment in its favour.
type Upholding struct {
	Reason string `json:"reason" minLength:"1" maxLength:"1000" doc:"why it stands without the auditor's word; published in the log"`
}

// Plan is what a transition does, or would do, to certificates.
type Plan struct {
	Assessment   Assessment          `json:"assessment"`
	DryRun       bool                `json:"dry_run"`
	Certificates []PlannedRevocation `json:"certificates" doc:"the first 1000"`
	Total        int                 `json:"total" doc:"how many there are"`
	Job          string              `json:"job,omitempty" doc:"the mass revocation that revokes them, where there are many: ask /v1/revocations/{id}"`
}

// PlannedRevocation is one certificate of a Plan.
type PlannedRevocation struct {
	Serial         string    `json:"serial"`
	Vendor         string    `json:"vendor"`
	Tier           string    `json:"tier"`
	Reason         string    `json:"reason" doc:"RFC 5280 reason code name"`
	RevocationDate time.Time `json:"revocation_date"`
	InvalidityDate time.Time `json:"invalidity_date,omitzero"`
}

// Review is an assessment that an officer has to look at again, because an auditor
// who signed it was revoked for cause.
type Review struct {
	Assessment   Assessment           `json:"assessment"`
	Certificates []HangingCertificate `json:"certificates" doc:"that rely on it, and are neither revoked nor expired"`
}

// HangingCertificate is one certificate that relies on an assessment in review.
type HangingCertificate struct {
	Serial   string    `json:"serial"`
	Vendor   string    `json:"vendor"`
	Tier     string    `json:"tier"`
	NotAfter time.Time `json:"not_after"`
}

// Probes says how the machine checks of an assessment stand.
type Probes struct {
	Assessment string  `json:"assessment"`
	Blocked    string  `json:"blocked,omitempty" doc:"why they keep the assessment from supporting new certificates"`
	Unfinished bool    `json:"unfinished,omitempty" doc:"there was no time to run all of them: ran_at tells which"`
	Probes     []Probe `json:"probes"`
}

// Probe is one machine check and the outcome of its last run.
type Probe struct {
	ID           string            `json:"id"`
	Kind         string            `json:"kind"`
	Requirements []string          `json:"requirements" doc:"the findings that it watches"`
	With         map[string]string `json:"with" doc:"its parameters, as audited"`
	Outcome      string            `json:"outcome,omitempty" enum:"passed,failed,unknown" doc:"of the last run; absent: it has never run"`
	Detail       string            `json:"detail,omitempty"`
	RanAt        time.Time         `json:"ran_at,omitzero"`
	PassedAt     time.Time         `json:"passed_at,omitzero" doc:"the last time it did"`
	FailingSince time.Time         `json:"failing_since,omitzero" doc:"its finding is open since then"`
}

// EvidenceFile is a file that an assessment's findings name by its SHA-256, and
// whether it has been handed in.
type EvidenceFile struct {
	SHA256       string    `json:"sha256"`
	Names        []string  `json:"names" doc:"what the findings call it"`
	Requirements []string  `json:"requirements" doc:"the findings that name it"`
	URI          string    `json:"uri,omitempty" doc:"where the auditor saw it"`
	MediaType    string    `json:"media_type,omitempty"`
	Held         bool      `json:"held" doc:"it has been handed in"`
	Size         int64     `json:"size,omitempty" doc:"bytes"`
	At           time.Time `json:"at,omitzero"`
	By           string    `json:"by,omitempty"`
}
