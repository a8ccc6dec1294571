package api

import "time"

// NewAuditor registers an auditor with accreditations and invites them.
type NewAuditor struct {
	ID             string          `json:"id" pattern:"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"`
	Organization   string          `json:"organization" minLength:"1" maxLength:"128"`
	Accreditations []Accreditation `json:"accreditations" minItems:"1" maxItems:"16"`
}

// Accreditation allows assessments against one framework for a while.
type Accreditation struct {
	Framework   string    `json:"framework" doc:"framework id, e.g. slsa-v0.1"`
	From        time.Time `json:"from,omitzero" doc:"default: now"`
	Until       time.Time `json:"until"`
	SuspendedAt time.Time `json:"suspended_at,omitzero" readOnly:"true"`
}

// Auditor is a person in role auditor with what they may assess.
type Auditor struct {
	Person         Person          `json:"person"`
	Accreditations []Accreditation `json:"accreditations"`
	Keys           []string        `json:"keys" doc:"SHA-256 of the SubjectPublicKeyInfo of each signing key that is not revoked"`
}

// AuditorDetail is all there is to say about one auditor.
type AuditorDetail struct {
	Auditor
	AllKeys   []AuditorKey `json:"all_keys" doc:"revoked ones too"`
	Pseudonym string       `json:"pseudonym" doc:"how the log names them: SHA-256 of the salt, a zero byte and the id, in hex"`
	LogSalt   []byte       `json:"log_salt,omitempty" doc:"opens the pseudonym; only for officers and the auditor"`
	Record    TrackRecord  `json:"record"`
}

// AuditorKey is a key with which an auditor signs assessments.
type AuditorKey struct {
	SHA256    string    `json:"sha256" doc:"of its SubjectPublicKeyInfo"`
	AddedAt   time.Time `json:"added_at"`
	RevokedAt time.Time `json:"revoked_at,omitzero"`
}

// TrackRecord is what became of the assessments that an auditor signed, alone or with
// somebody else.
type TrackRecord struct {
	Vendors     int            `json:"vendors" doc:"how many were assessed"`
	Assessments map[string]int `json:"assessments" doc:"by state"`
	Lowered     int            `json:"lowered" doc:"ended by a later assessment of a lower level"`
	Withdrawn   int            `json:"withdrawn"`
	InReview    int            `json:"in_review"`
	Revoked     int            `json:"revoked" doc:"certificates that relied on them and were revoked because of that"`
	First       time.Time      `json:"first,omitzero" doc:"when the first was handed in"`
	Last        time.Time      `json:"last,omitzero"`
}

// NewAuditorRevocation takes an auditor's word back, for cause.
type NewAuditorRevocation struct {
	Reason string `json:"reason" minLength:"1" maxLength:"1000" doc:"published in the log, under the auditor's pseudonym"`
	DryRun bool   `json:"dry_run,omitempty" doc:"only say what would be reviewed"`
}

// AuditorRevocation says what goes into review.
type AuditorRevocation struct {
	Auditor string   `json:"auditor"`
	DryRun  bool     `json:"dry_run"`
	Reviews []Review `json:"reviews"`
}
