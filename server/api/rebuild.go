package api

import (
	"context"
	"net/url"
	"time"
)

// RebuildSource is what a build was started from.
type RebuildSource struct {
	URI    string `json:"uri" maxLength:"2048" doc:"of the repository, https or git+https; one of the audited scope"`
	Commit string `json:"commit" pattern:"^([0-9a-f]{40}|[0-9a-f]{64})$" doc:"git commit"`
}

// NewRebuilds asks rebuilders to repeat a build.
type NewRebuilds struct {
	Vendor    string         `json:"vendor,omitempty" maxLength:"63" doc:"officers: whose build; a vendor asks for its own"`
	SHA256    string         `json:"sha256" pattern:"^[0-9a-f]{64}$" doc:"of the artifact"`
	Product   string         `json:"product,omitempty" maxLength:"200" doc:"one of the products in the audited scope; default: the only one with a recipe for the source"`
	Source    *RebuildSource `json:"source,omitempty" doc:"default: what the builder's provenance on file names"`
	Operators int            `json:"operators,omitempty" minimum:"0" maximum:"16" doc:"how many different operators to ask; default: as the CA is configured, all of them if it is not"`
	Again     bool           `json:"again,omitempty" doc:"ask those anew whose rebuild came to nothing: given up, or the build or its fetching failed"`
}

// Rebuilds are the jobs about one artifact.
type Rebuilds struct {
	SHA256 string       `json:"sha256"`
	Jobs   []RebuildJob `json:"jobs"`
}

// RebuildJob asks one rebuilder to repeat one build.
type RebuildJob struct {
	ID           string        `json:"id"`
	State        string        `json:"state" enum:"queued,claimed,done,failed"`
	Vendor       string        `json:"vendor"`
	Product      string        `json:"product"`
	SHA256       string        `json:"sha256" doc:"of the artifact that is to come out"`
	Source       RebuildSource `json:"source"`
	RecipeSHA256 string        `json:"recipe_sha256"`
	Rebuilder    string        `json:"rebuilder" doc:"its id in the audited scope; builder.id of its provenance"`
	Operator     string        `json:"operator"`
	Tries        int           `json:"tries" doc:"how often it was given to the rebuilder"`
	Outcome      string        `json:"outcome,omitempty" enum:"reproduced,mismatch,unreproducible,build-failed,fetch-failed"`
	Evidence     []string      `json:"evidence,omitempty" doc:"SHA-256 of each envelope filed, the outcome's first"`
	Note         string        `json:"note,omitempty" doc:"failed: why"`
	CreatedAt    time.Time     `json:"created_at"`
	NotBefore    time.Time     `json:"not_before,omitzero" doc:"given out no earlier"`
	ClaimedAt    time.Time     `json:"claimed_at,omitzero"`
	LeaseUntil   time.Time     `json:"lease_until,omitzero"`
	FinishedAt   time.Time     `json:"finished_at,omitzero"`
}

// ClaimRebuild asks for work, and waits for some.
type ClaimRebuild struct {
	WaitSeconds int `json:"wait_seconds,omitempty" minimum:"0" maximum:"30" doc:"how long to wait for work"`
}

// RebuildAssignment is a job that was given to a rebuilder; Job is nil when there is
// none now.
type RebuildAssignment struct {
	Job    *RebuildJob `json:"job,omitempty"`
	Recipe []byte      `json:"recipe,omitempty" doc:"recipe document; its SHA-256 is job.recipe_sha256"`
	Lease  string      `json:"lease,omitempty" doc:"for heartbeats"`
	Until  time.Time   `json:"until,omitzero" doc:"end of the lease; a heartbeat moves it"`
	// HeartbeatSeconds is a third of the lease.
	HeartbeatSeconds int `json:"heartbeat_seconds,omitempty" doc:"send one this often"`
}

// RebuildHeartbeat says that somebody still works on a job.
type RebuildHeartbeat struct {
	Lease string `json:"lease" pattern:"^[0-9a-f]{32}$"`
}

// RebuildLease is how long a job stays with a rebuilder.
type RebuildLease struct {
	Until time.Time `json:"until"`
}

// RebuildOutcome is what came of a job.
type RebuildOutcome struct {
	Envelopes [][]byte `json:"envelopes" minItems:"1" maxItems:"16" doc:"DSSE envelopes (JSON), all signed with the rebuilder's key of the audited scope and about the artifact alone: first SLSA provenance v1 or a rebuild failure, then what else was run"`
}

// RebuildFigures are how the rebuild jobs of all vendors stand.
type RebuildFigures struct {
	Queued  int       `json:"queued"`
	Claimed int       `json:"claimed" doc:"given to a rebuilder"`
	Done    int       `json:"done" doc:"answered, whatever the answer"`
	Failed  int       `json:"failed" doc:"given up"`
	Stuck   int       `json:"stuck" doc:"queued or claimed, and waiting for more than a day"`
	Oldest  time.Time `json:"oldest,omitzero" doc:"since when the oldest that is queued or claimed waits"`
}

// NewRebuilder adds a person who runs a rebuilder, and invites them.
type NewRebuilder struct {
	ID           string `json:"id" pattern:"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$" doc:"of the person or machine"`
	Rebuilder    string `json:"rebuilder" minLength:"1" maxLength:"2048" doc:"https URL: its id in audited scopes"`
	Organization string `json:"organization" minLength:"1" maxLength:"128" doc:"who operates it, as in audited scopes"`
}

// NextRebuild asks for a job and waits up to wait for one (at most 30 s). It returns an
// assignment without a job where there is none.
func (c *Client) NextRebuild(ctx context.Context, wait time.Duration) (RebuildAssignment, error) {
	var out RebuildAssignment
	err := c.Post(ctx, "/v1/rebuild-jobs/claim", ClaimRebuild{WaitSeconds: int(wait / time.Second)}, &out)
	return out, err
}

// KeepRebuild sends a heartbeat and returns the new end of the lease. A *Problem with
// the code "lease" means that the job is somebody else's now, or over: stop.
func (c *Client) KeepRebuild(ctx context.Context, job, lease string) (time.Time, error) {
	var out RebuildLease
	err := c.Post(ctx, "/v1/rebuild-jobs/"+url.PathEscape(job)+"/heartbeat", RebuildHeartbeat{Lease: lease}, &out)
	return out.Until, err
}

// FinishRebuild hands the outcome in. It is on file when FinishRebuild returns without
// error; handing the same envelopes in again is no error.
func (c *Client) FinishRebuild(ctx context.Context, job string, envelopes [][]byte) (RebuildJob, error) {
	var out RebuildJob
	err := c.Post(ctx, "/v1/rebuild-jobs/"+url.PathEscape(job)+"/outcome", RebuildOutcome{Envelopes: envelopes}, &out)
	return out, err
}
