package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/sign"
)

// TestApprovalIsUsedOnce: of signatures that race for one approval exactly one gets it,
// with a key of the vendor's and with keys for single builds, whose certificates are made
// before the record; and the others are on record nowhere.
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
	}
}
