package api

import "time"

// LedgerState is where the transparency log stands.
type LedgerState struct {
	Origin      string `json:"origin"`
	VerifierKey string `json:"verifier_key" doc:"C2SP signed-note verifier key"`
	Size        uint64 `json:"size"`
	Checkpoint  string `json:"checkpoint"`
}

// LedgerEntry is an entry of the transparency log as the CA's records have it.
type LedgerEntry struct {
	ID       string    `json:"id" doc:"of the record, not of the entry; time-ordered"`
	About    string    `json:"about" doc:"an assessment's id, a certificate's serial number or a person's id"`
	Type     string    `json:"type" doc:"e.g. assessment.accepted"`
	At       time.Time `json:"at" doc:"when it happened"`
	LoggedAt time.Time `json:"logged_at,omitzero" doc:"absent: it waits for the log"`
	Index    uint64    `json:"index" doc:"its place in the log, when logged_at is there"`
	Leaf     string    `json:"leaf" doc:"the log's leaf, one line of JSON"`
}

// Status is the CA at a glance. Lists are cut at 100, the nearest or oldest first;
// the counts are whole.
type Status struct {
	Name        string         `json:"name"`
	Version     string         `json:"version"`
	Arc         string         `json:"arc"`
	Ledger      LedgerState    `json:"ledger"`
	Vendors     int            `json:"vendors"`
	Assessments map[string]int `json:"assessments" doc:"by state"`
	// ExpiringIn has the thresholds at which webhooks are called, too.
	ExpiringIn    map[string]int `json:"expiring_in" doc:"how many end within 30, 7 and 1 days"`
	Expiring      []Expiring     `json:"expiring" doc:"in force or in review, but for no more than 30 days"`
	FailingProbes []FailingProbe `json:"failing_probes" doc:"of assessments in force"`
	ProbesFailing int            `json:"probes_failing" doc:"how many there are of them"`
	LedgerPending int            `json:"ledger_pending" doc:"entries on record that wait for the log"`
	NoticePending int            `json:"notices_pending" doc:"webhooks that have not been delivered"`
	Certs         map[string]int `json:"certificates" doc:"by state"`
	Requests      int            `json:"requests_pending" doc:"requests for certificates that wait for an officer"`
	CRLs          []CRLState     `json:"crls"`
	// Revoking is empty but for the minutes that a mass revocation takes.
	Revoking []MassRevocation `json:"revoking" doc:"mass revocations under way"`
	Clock    *ClockState      `json:"clock,omitempty" doc:"absent without time sources"`
	Rebuilds RebuildFigures   `json:"rebuilds"`
}

// ClockState is what time sources think of the CA's clock.
type ClockState struct {
	State   string       `json:"state" doc:"right; wrong: nothing is timestamped; unknown: no quorum has ever answered"`
	Quorum  bool         `json:"quorum" doc:"whether more than half of the sources said so when they were asked last"`
	AskedAt time.Time    `json:"asked_at,omitzero"`
	Sources []TimeSource `json:"sources"`
}

// TimeSource is one that was asked for the time.
type TimeSource struct {
	Source   string `json:"source"`
	Verdict  string `json:"verdict" doc:"agrees, disagrees, unsure or silent"`
	OffsetMS int64  `json:"offset_ms" doc:"milliseconds to be added to the clock to have the source's time"`
	Error    string `json:"error,omitempty" doc:"why it is silent"`
}

// Expiring is an assessment that ends soon.
type Expiring struct {
	Assessment
	DaysLeft int `json:"days_left" doc:"begun ones counted"`
	Within   int `json:"within" doc:"the threshold that is reached: 30, 7 or 1 days"`
}

// FailingProbe is a machine check that found something changed: a finding is open.
type FailingProbe struct {
	Assessment string    `json:"assessment"`
	Vendor     string    `json:"vendor"`
	Probe      string    `json:"probe"`
	Since      time.Time `json:"since"`
	Detail     string    `json:"detail"`
}

// CRLState is how the lists of one issuing CA stand, all shards together.
type CRLState struct {
	Tier       string    `json:"tier" doc:"the issuing CA"`
	Shards     int       `json:"shards" doc:"lists on record"`
	Number     uint64    `json:"number" doc:"the highest"`
	ThisUpdate time.Time `json:"this_update" doc:"of the oldest"`
	NextUpdate time.Time `json:"next_update" doc:"of the one that ends first"`
	Unlisted   int       `json:"unlisted" doc:"revocations on record that no list carries yet"`
}
