package store

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// States of a RebuildJob. That a lease has run out is read off LeaseUntil: nobody may
// have been there to write it down.
const (
	RebuildQueued  = "queued"  // waits for its rebuilder
	RebuildClaimed = "claimed" // its rebuilder works on it, until the lease ends
	RebuildDone    = "done"    // the rebuilder's signed outcome is filed
	RebuildFailed  = "failed"  // given up: nobody answered, or nobody may any more
)

// Outcomes of a RebuildJob that is done. But for the first, they are the reasons of a
// statement that somebody could not reproduce a build.
const (
	RebuildReproduced     = "reproduced"
	RebuildMismatch       = "mismatch"
	RebuildUnreproducible = "unreproducible"
	RebuildBuildFailed    = "build-failed"
	RebuildFetchFailed    = "fetch-failed"
)

// RebuildJob asks one rebuilder to repeat one build. There is one for each artifact and
// rebuilder of a vendor: ID is made of these three. Indexes: by vendor, by artifact
// ("<vendor>/<sha256>"), by rebuilder, what may be claimed when, of each
// vendor ("due"), what is not over, by age ("open"). Tallies: by state; by vendor, of what is not over ("open").
type RebuildJob struct {
	ID           string `json:"id"` // 32 hex digits
	State        string `json:"state"`
	Vendor       string `json:"vendor"`
	Product      string `json:"product"` // as in the audited scope
	SHA256       string `json:"sha256"`  // of the artifact that is to come out
	SourceURI    string `json:"source_uri"`
	SourceCommit string `json:"source_commit"`
	Recipe       string `json:"recipe"`    // RebuildRecipe.SHA256
	Rebuilder    string `json:"rebuilder"` // its id in the audited scope
	Operator     string `json:"operator"`  // who runs it, as in that scope

	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"` // who asked first
	AskedAt   time.Time `json:"asked_at"`   // the last time somebody asked for it anew

	// NotBefore is when it may be claimed: where one is queued, and, behind the end of
	// the lease, where one is claimed.
	NotBefore  time.Time `json:"not_before"`
	Tries      int       `json:"tries"` // how often it was claimed since AskedAt
	ClaimedAt  time.Time `json:"claimed_at,omitzero"`
	ClaimedBy  string    `json:"claimed_by,omitempty"` // Person.ID
	Lease      string    `json:"lease,omitempty"`      // of the last claim, 32 hex digits
	LeaseUntil time.Time `json:"lease_until,omitzero"`

	Outcome    string    `json:"outcome,omitempty"`
	Evidence   []string  `json:"evidence,omitempty"` // SHA-256 of each envelope filed, the outcome's first
	Note       string    `json:"note,omitempty"`     // for people: why it failed
	FinishedAt time.Time `json:"finished_at,omitzero"`
}

// RebuildRecipe says how to repeat a build, in the format of package rebuild/recipe.
// Jobs name it by its digest, so that a thousand jobs keep it once.
type RebuildRecipe struct {
	SHA256 string `json:"sha256"`
	Recipe []byte `json:"recipe"`
}

// RebuildTurn says which vendor's job a rebuilder was given last: the next one is that of
// the vendor behind it, and so round. There is one for each rebuilder.
type RebuildTurn struct {
	Rebuilder string    `json:"rebuilder"` // its id in audited scopes
	Vendor    string    `json:"vendor"`    // Vendor.ID
	At        time.Time `json:"at"`
}

// RebuilderKey stands for a rebuilder's id in keys: an id is a URL, and may be long.
func RebuilderKey(rebuilder string) string {
	sum := sha256.Sum256([]byte(rebuilder))
	return hex.EncodeToString(sum[:])
}

// RebuildDue begins the values of the index "due" of one rebuilder and vendor; a time as
// BeforeID has it follows, when the job may be claimed.
func RebuildDue(rebuilder, vendor string) string {
	return RebuilderKey(rebuilder) + " " + vendor + " "
}

// due is when a job may be claimed; nothing once it is over.
func (j RebuildJob) due() []string {
	if j.IsOver() {
		return nil
	}
	return []string{RebuildDue(j.Rebuilder, j.Vendor) + BeforeID(j.NotBefore)}
}

// open is how long somebody has been waiting for it.
func (j RebuildJob) open() []string {
	if j.IsOver() {
		return nil
	}
	return []string{BeforeID(j.AskedAt)}
}

// openOf is whose job waits.
func (j RebuildJob) openOf() string {
	if j.IsOver() {
		return ""
	}
	return j.Vendor
}

// IsOver reports whether nothing will come of the job any more, unless somebody asks anew.
func (j RebuildJob) IsOver() bool { return j.State == RebuildDone || j.State == RebuildFailed }
