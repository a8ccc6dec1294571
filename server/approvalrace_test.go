package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/sign"
)

// builds is the CA, with a test that looks on.
type builds struct {
	*ca.CA
	w *world
}

func (b builds) Issue(ctx context.Context, req ca.Request) (ca.Issued, error) {
	issued, err := b.CA.Issue(ctx, req)
	if then := b.w.issued.Load(); then != nil {
		(*then)()
	}
	return issued, err
}

// TestApprovalIsUsedOnce: of signatures that race for one approval exactly one gets it,
// with a key of the vendor's and with keys for single builds, whose certificates are made
// before the record; the others are on record nowhere, and their certificates revoked.
func TestApprovalIsUsedOnce(t *testing.T) {
	const racers = 4
	w := newWorld(t)
	w.guarded()
	signed := 1 // by the world itself
	for _, perBuild := range []bool{false, true} {
		name := fmt.Sprintf("per build %v", perBuild)
		var wanted api.SigningApproval
		w.must("acme", "POST", "/v1/approvals", api.NewApproval{SHA256: w.artifact, Format: "detached", Product: "hello", PerBuild: perBuild}, &wanted)
		w.must("bob", "POST", "/v1/approvals/"+wanted.ID+"/approve", api.NewVote{}, nil)
		var group sync.WaitGroup
		answers := make([]reply, racers)
		// All have passed the first look at the approval, and have a certificate, before any of
		// them comes to the record.
		var certified sync.WaitGroup
		certified.Add(racers)
		together := func() { certified.Done(); certified.Wait() }
		w.issued.Store(&together)
		start := make(chan struct{})
		for i := range answers {
			group.Go(func() {
				<-start
				answers[i] = w.do("acme", "POST", "/v1/signatures", api.NewSignature{SHA256: w.artifact, Format: "detached", Product: "hello", PerBuild: perBuild})
			})
		}
		close(start)
		group.Wait()
		var made []api.Signature
		for _, a := range answers {
			switch {
			case a.status < http.StatusMultipleChoices:
				var s api.Signature
				if err := json.Unmarshal(a.body, &s); err != nil {
					t.Fatal(err)
				}
				made = append(made, s)
			case a.problem.Code != string(sign.CodeApproval):
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
		if len(made) != 1 {
			t.Fatalf("%s: %d signatures on an approval of one", name, len(made))
		}
		signed++
		var shown api.SigningApproval
		w.must("acme", "GET", "/v1/approvals/"+wanted.ID, nil, &shown)
		if shown.State != "used" || len(shown.Uses) != 1 || shown.Uses[0] != made[0].ID {
			t.Errorf("%s: %+v, signature %s", name, shown, made[0].ID)
		}
		var recorded api.Page[api.SignatureRecord]
		w.must("acme", "GET", "/v1/signatures", nil, &recorded)
		last := recorded.Items[len(recorded.Items)-1]
		if len(recorded.Items) != signed || last.Approval != wanted.ID || last.Serial != made[0].Serial {
			t.Errorf("%s: on record %+v", name, recorded.Items)
		}
		var certificates api.Page[api.Certificate]
		w.must("acme", "GET", "/v1/certificates?builds=true", nil, &certificates)
		for _, c := range certificates.Items {
			won := c.Serial == made[0].Serial
			if lost := c.Revocation != nil && c.Revocation.Reason == "cessationOfOperation"; won == lost {
				t.Errorf("%s: certificate %s, won %v: %+v", name, c.Serial, won, c.Revocation)
			}
		}
		if want := map[bool]int{true: racers}[perBuild]; len(certificates.Items) != want {
			t.Errorf("%s: %d certificates for builds, want %d", name, len(certificates.Items), want)
		}
	}
}
