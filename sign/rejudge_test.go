package sign

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/store"
)

// mismatch is the statement of the world's rebuilder that something else came out.
func (w *world) mismatch(t testing.TB) []byte {
	t.Helper()
	s, err := attest.NewRebuildFailure(attest.RebuildFailure{
		Subject:   attest.Subject{Name: "app.deb", Digest: map[string]string{"sha256": hex.EncodeToString(w.digest[:])}},
		Rebuilder: "https://rebuild.example.com/", Recipe: strings.Repeat("ab", 32), Reason: attest.RebuildMismatch,
		Source:    attest.ResourceDescriptor{URI: "git+https://git.example.com/vendor/app", Digest: map[string]string{"gitCommit": commit}},
		Got:       []attest.ResourceDescriptor{{Name: "app.deb", Digest: map[string]string{"sha256": strings.Repeat("cd", 32)}}},
		StartedOn: w.now.Add(-time.Minute).Truncate(time.Second), FinishedOn: w.now.Truncate(time.Second),
	})
	must(t, err)
	return envelope(t, s, w.rebuild)
}

// What a rebuilder of the audited scope says against a build is heard although the
// signature could not be made today; nothing that speaks for it is.
func TestRejudgeContradictedWhileRefused(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*testing.T, *builds)
		code Code
	}{
		"vendor suspended":     {func(t *testing.T, b *builds) { suspend(t, b.world, nil) }, CodeVendor},
		"certificate expired":  {func(_ *testing.T, b *builds) { b.now = testEnd.Add(time.Second) }, CodeCertificate},
		"assessment withdrawn": {func(t *testing.T, b *builds) { setState(store.AssessmentWithdrawn)(t, b.world, nil) }, CodeAssessment},
	} {
		t.Run(name, func(t *testing.T) {
			b, s := provisionalWorld(t, nil)
			_, err := s.Sign(t.Context(), b.provisional())
			must(t, err)
			sigs, _ := signatures(t, b.store)
			c.end(t, b)
			j, summary, err := s.Rejudge(t.Context(), sigs[0])
			must(t, err)
			if j.Granted() || summary != nil || j.Refusal == nil || j.Refusal.Code != c.code || len(j.Decision.Contradicted()) != 0 {
				t.Fatalf("%+v", j)
			}
			key := "vendor/" + hex.EncodeToString(b.digest[:])
			b.evidence[key] = append(b.evidence[key], b.mismatch(t))
			j, summary, err = s.Rejudge(t.Context(), sigs[0])
			must(t, err)
			if j.Granted() || summary != nil || j.Refusal == nil || j.Refusal.Code != c.code || len(j.Decision.Contradicted()) != 1 {
				t.Errorf("%+v", j)
			}
		})
	}
}
