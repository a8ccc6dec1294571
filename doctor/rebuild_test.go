package doctor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

type fakeAttestations map[string][][]byte

func (f fakeAttestations) Get(_ context.Context, vendor, sha256 string) ([][]byte, error) {
	return f[vendor+"/"+sha256], nil
}

// TestRebuilds: a job that nobody takes is noted, one whose outcome is not filed is a
// problem.
func TestRebuilds(t *testing.T) {
	envelope := []byte(`{"payload":"e30="}`)
	sum := sha256.Sum256(envelope)
	filed := fakeAttestations{"acme/ab": {[]byte("{}"), envelope}}
	done := store.RebuildJob{ID: "done", State: store.RebuildDone, Vendor: "acme", SHA256: "ab", Rebuilder: "r", AskedAt: noon, Evidence: []string{hex.EncodeToString(sum[:])}}
	for name, c := range map[string]struct {
		job  store.RebuildJob
		late time.Duration
		want []string
	}{
		"filed":      {done, 0, []string{}},
		"young":      {store.RebuildJob{ID: "young", State: store.RebuildQueued, Vendor: "acme", SHA256: "ab", Rebuilder: "r", AskedAt: noon}, time.Hour, []string{}},
		"stuck":      {store.RebuildJob{ID: "stuck", State: store.RebuildClaimed, Vendor: "acme", SHA256: "ab", Rebuilder: "r", AskedAt: noon}, 25 * time.Hour, []string{"note rebuild jobs"}},
		"given up":   {store.RebuildJob{ID: "failed", State: store.RebuildFailed, Vendor: "acme", SHA256: "ab", Rebuilder: "r", AskedAt: noon}, 25 * time.Hour, []string{}},
		"not filed":  {func() store.RebuildJob { j := done; j.Evidence = []string{"00"}; return j }(), 0, []string{"problem rebuild job done"}},
		"of another": {func() store.RebuildJob { j := done; j.Vendor = "beta"; return j }(), 0, []string{"problem rebuild job done"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := &ward{store: storetest.NewMemory()}
			w.put(t, func(tx store.Tx) error { return store.RebuildJobs.Insert(tx, c.job) })
			list := []string{}
			err := Examine(t.Context(), Patient{
				Store: w.store, Log: &w.log, LogKey: logKey(t), CA: &w.intents, Evidence: &w.files, Attestations: filed, Now: func() time.Time { return noon.Add(c.late) },
			}, func(f Finding) { list = append(list, string(f.Severity)+" "+f.About) })
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(list)
			if diff := cmp.Diff(c.want, list); diff != "" {
				t.Error(diff)
			}
		})
	}
}
