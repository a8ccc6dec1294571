package api

import "time"

// NewMassRevocation revokes every certificate for which all that is set of vendor,
// assessment, key, tier and times of issue holds. One of the first four is required.
type NewMassRevocation struct {
	Vendor         string    `json:"vendor,omitempty" maxLength:"63"`
	Assessment     string    `json:"assessment,omitempty" pattern:"^[0-9a-f]{64}$" doc:"of those that their records say they rest on"`
	KeySHA256      string    `json:"key_sha256,omitempty" pattern:"^[0-9a-f]{64}$" doc:"SHA-256 of the key's DER SubjectPublicKeyInfo"`
	Tier           string    `json:"tier,omitempty" maxLength:"63"`
	IssuedAfter    time.Time `json:"issued_after,omitzero" doc:"or at"`
	IssuedBefore   time.Time `json:"issued_before,omitzero" doc:"not at"`
	Reason         string    `json:"reason" enum:"unspecified,keyCompromise,affiliationChanged,superseded,cessationOfOperation,privilegeWithdrawn"`
	InvalidityDate time.Time `json:"invalidity_date,omitzero" doc:"when they stopped deserving trust; signatures made before stay valid"`
	Note           string    `json:"note,omitempty" maxLength:"1000"`
	DryRun         bool      `json:"dry_run,omitempty" doc:"only count"`
}

// MassRevocation is how a revocation of many certificates stands, or what one would
// cover.
type MassRevocation struct {
	ID         string         `json:"id,omitempty"`
	DryRun     bool           `json:"dry_run"`
	Total      int            `json:"total" doc:"certificates it covers, as counted when it was asked for"`
	Already    int            `json:"already" doc:"dry run: of those, revoked already and no less strongly"`
	ByTier     map[string]int `json:"by_tier,omitempty" doc:"dry run"`
	ByVendor   map[string]int `json:"by_vendor,omitempty" doc:"dry run"`
	Reason     string         `json:"reason"`
	By         string         `json:"by,omitempty"`
	Seen       int            `json:"seen" doc:"dealt with so far"`
	Revoked    int            `json:"revoked" doc:"of those; the others were revoked already"`
	CreatedAt  time.Time      `json:"created_at,omitzero"`
	FinishedAt time.Time      `json:"finished_at,omitzero" doc:"all are revoked, and the lists are out; absent: under way"`
}
