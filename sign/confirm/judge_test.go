package confirm

import (
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/sign"
	"github.com/hallmark-pki/hallmark/sign/gate"
	"github.com/hallmark-pki/hallmark/store"
)

// What contradicts a build counts also while its vendor is suspended; nothing else that
// the gate says then does.
func TestJudgementOfRefused(t *testing.T) {
	suspended := &sign.Refusal{Code: sign.CodeVendor, Detail: "vendor acme is suspended"}
	missing := gate.Verdict{Rule: "build.reproducible", Outcome: gate.Fail, Detail: "nobody rebuilt it"}
	against := gate.Verdict{Rule: "build.not-contradicted", Outcome: gate.Fail, Detail: "mismatch", Evidence: digest}
	j := judgementOf(sign.Rejudged{Refusal: suspended, Decision: gate.Decision{Verdicts: []gate.Verdict{missing}}}, nil)
	if j.Granted || j.Contradicted || j.Detail != suspended.Detail || len(j.Verdicts) != 0 {
		t.Errorf("%+v", j)
	}
	j = judgementOf(sign.Rejudged{Refusal: suspended, Decision: gate.Decision{Verdicts: []gate.Verdict{missing, against}}}, nil)
	if j.Granted || !j.Contradicted || len(j.Verdicts) != 1 || j.Verdicts[0].Rule != against.Rule || len(j.Evidence) != 1 {
		t.Errorf("%+v", j)
	}
}

// Nothing is left to take back of a confirmed signature whose certificate is revoked from
// before it was made; of one that was revoked from later on, there is.
func TestContradictedAfterRevocation(t *testing.T) {
	for from, reported := range map[time.Duration]int{-time.Second: 0, time.Second: 1} {
		w := newWorld(t)
		s := w.sign("good")
		w.grant(s)
		w.poke()
		must(t, w.store.Update(t.Context(), func(tx store.Tx) error {
			return w.RevokeIn(tx, s.Serial, store.Revocation{At: w.now, RevocationDate: s.At.Add(from), By: "olga"})
		}))
		w.contradict(s)
		w.poke()
		if got := w.incidents(); len(got) != reported {
			t.Errorf("revoked %s after the signature: %+v", from, got)
		}
	}
}
