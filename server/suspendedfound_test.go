package server

import (
	"testing"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

// TestSuspendedVendorFoundOut: a rebuilder's finding about a suspended vendor's build revokes
// that build's certificate at once, and not at the deadline; no other one.
func TestSuspendedVendorFoundOut(t *testing.T) {
	w := newWorld(t)
	w.undemonstrated()
	other := digestOf("another build")
	made := map[string]api.Signature{}
	for _, sha := range []string{w.artifact, other} {
		w.must("acme", "POST", "/v1/attestations", api.NewAttestations{Envelopes: [][]byte{w.provenance(sha)}}, nil)
		var one api.Signature
		w.must("acme", "POST", "/v1/signatures", api.NewSignature{SHA256: sha, Format: "detached", Product: "hello", Mode: "provisional"}, &one)
		made[sha] = one
	}
	w.must("olga", "POST", "/v1/vendors/acme/suspend", nil, nil)
	if _, err := w.server.Repository.Independent().Put(t.Context(), "acme", w.mismatched("nora", w.artifact)); err != nil {
		t.Fatal(err)
	}
	w.server.Confirm.Poke("acme", w.artifact)
	w.server.Confirm.Poke("acme", other)
	if err := w.server.Confirm.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	for sha, want := range map[string]string{w.artifact: store.SignatureRevoked, other: store.SignatureProvisional} {
		var rec api.SignatureRecord
		w.must("olga", "GET", "/v1/signatures/"+made[sha].ID, nil, &rec)
		var cert api.Certificate
		w.must("olga", "GET", "/v1/certificates/"+made[sha].Serial, nil, &cert)
		if rec.State != want || (cert.Revocation != nil) != (want == store.SignatureRevoked) {
			t.Errorf("%s, revocation %+v, want %s", rec.State, cert.Revocation, want)
		}
	}
	w.must("olga", "POST", "/v1/vendors/acme/resume", nil, nil)
}
