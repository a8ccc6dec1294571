package rebuild

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"slices"
	"testing"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/store"
)

// FuzzJudge has a rebuilder sign whatever comes, and hand it in. The law: what is taken
// is a statement about the job's artifact and nothing else, of a kind that is taken, which
// names this rebuilder and this job; and what was changed after signing is not taken.
func FuzzJudge(f *testing.F) {
	w := newWorld(f)
	// Signs the same in each run and process: what fuzzing finds can be found again.
	w.keys[north] = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	job := w.ask(w.request())[0]
	keys := []crypto.PublicKey{w.keys[job.Rebuilder].Public()}
	seeds := 0
	for _, raw := range [][]byte{
		w.reproduced(job, nil), w.reproduced(job, func(b *build) { b.Subjects[0].Digest["sha256"] = hexOf("other") }),
		w.failed(job, attest.RebuildMismatch, nil), w.failed(job, attest.RebuildFetchFailed, nil), w.statement(testResult, w.keys[north]),
	} {
		u, err := attest.ParseEnvelope(raw)
		must(f, err)
		f.Add(u.Payload, raw)
		seeds++
	}
	if seeds == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, payload, raw []byte) {
		if a, refusal := judge(job, keys, [][]byte{raw}); refusal == nil && !slices.Equal(a.evidence, mustDigest(t, raw)) {
			t.Errorf("taken, and filed under another name: %+v", a)
		}
		if len(payload) == 0 || len(payload) > 1<<16 {
			return
		}
		signed, err := attest.Sign(context.Background(), attest.PayloadType, payload, w.keys[job.Rebuilder])
		if err != nil {
			return
		}
		a, refusal := judge(job, keys, [][]byte{signed})
		if refusal != nil {
			if refusal.Code == "" || refusal.Detail == "" {
				t.Errorf("refused without a reason: %+v", refusal)
			}
			return
		}
		s, err := attest.ParseStatement(payload)
		if err != nil || !slices.Equal(s.SHA256(), []string{job.SHA256}) || !names(s, job) {
			t.Errorf("taken as %s: %s", a.outcome, payload)
		}
	})
}

// names reports whether a statement names the rebuilder and the job.
func names(s attest.Statement, job store.RebuildJob) bool {
	switch s.PredicateType {
	case attest.ProvenanceV1:
		p, err := attest.ParseProvenance(s)
		return err == nil && p.BuilderID == job.Rebuilder && checkProvenance(job, s) == nil
	case attest.RebuildFailureType:
		r, err := attest.ParseRebuildFailure(s)
		return err == nil && r.Rebuilder == job.Rebuilder && r.Job == job.ID
	}
	return false
}

func mustDigest(t *testing.T, raw []byte) []string {
	t.Helper()
	sum, err := lineDigest(raw)
	must(t, err)
	return []string{sum}
}
