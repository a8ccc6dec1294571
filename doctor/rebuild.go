package doctor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/rebuild"
	"github.com/hallmark-pki/hallmark/store"
)

// Attestations is the attestation repository.
type Attestations interface {
	Get(ctx context.Context, vendor, sha256 string) ([][]byte, error)
}

// rebuilds looks for jobs that get nowhere, and for outcomes that are on record and not
// in the repository: the gate would not see them.
func (e *examination) rebuilds(ctx context.Context) error {
	now := time.Now()
	if e.Now != nil {
		now = e.Now()
	}
	var done []store.RebuildJob
	err := e.Store.View(ctx, func(r store.Reader) error {
		done = nil
		f, err := rebuild.Count(r, now)
		if err != nil {
			return err
		}
		if f.Stuck > 0 {
			e.note("rebuild jobs", "'hallmark rebuild jobs' names their rebuilders: ask their operators whether 'hallmark rebuild serve' runs",
				"%d wait for more than a day, the oldest since %s", f.Stuck, f.Oldest.Format(time.RFC3339))
		}
		for job, err := range store.RebuildJobs.All(r, "") {
			if err != nil {
				return err
			}
			if job.State == store.RebuildDone {
				done = append(done, job)
			}
		}
		return nil
	})
	if err != nil || e.Attestations == nil {
		return err
	}
	for _, job := range done {
		if err := e.filed(ctx, job); err != nil {
			return err
		}
	}
	return nil
}

// filed looks for a job's envelopes in the repository.
func (e *examination) filed(ctx context.Context, job store.RebuildJob) error {
	envelopes, err := e.Attestations.Get(ctx, job.Vendor, job.SHA256)
	if err != nil {
		return err
	}
	var have []string
	for _, raw := range envelopes {
		sum := sha256.Sum256(raw)
		have = append(have, hex.EncodeToString(sum[:]))
	}
	for _, want := range job.Evidence {
		if !slices.Contains(have, want) {
			e.problem("rebuild job "+job.ID, "restore the repository from a backup, or have it rebuilt: 'hallmark rebuild request --again'",
				"is done, and envelope %s about %s of %s is not in the attestation repository", want, job.SHA256, job.Vendor)
		}
	}
	return nil
}
