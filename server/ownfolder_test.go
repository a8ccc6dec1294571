package server

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/hallmark-pki/hallmark/server/api"
)

// TestFiledInOnesOwnFolder: what a vendor files about another's artifact, in whoever's name,
// is neither what is found about that artifact nor in the way of who files about it.
func TestFiledInOnesOwnFolder(t *testing.T) {
	w := newWorld(t)
	var before, after api.Attestations
	w.must("acme", "GET", "/v1/attestations/"+w.artifact, nil, &before)
	var forged map[string]any
	if err := json.Unmarshal(w.provenance(w.artifact), &forged); err != nil {
		t.Fatal(err)
	}
	forged["signatures"].([]any)[0].(map[string]any)["sig"] = "AAAA" // the builder's key id stays
	raw, err := json.Marshal(forged)
	if err != nil {
		t.Fatal(err)
	}
	w.must("beta", "POST", "/v1/attestations", api.NewAttestations{Envelopes: [][]byte{raw}}, nil)
	w.must("acme", "GET", "/v1/attestations/"+w.artifact, nil, &after)
	if len(before.Envelopes) == 0 || len(after.Envelopes) != len(before.Envelopes) {
		t.Errorf("%d envelopes before, %d after", len(before.Envelopes), len(after.Envelopes))
	}
	for i, e := range after.Envelopes {
		if !bytes.Equal(e, before.Envelopes[i]) {
			t.Errorf("envelope %d is another", i)
		}
	}
	var own api.Attestations
	w.must("beta", "GET", "/v1/attestations/"+w.artifact, nil, &own)
	if len(own.Envelopes) != 1 {
		t.Errorf("beta's folder has %d", len(own.Envelopes))
	}
}
