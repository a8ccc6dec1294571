package ca

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

// TestRevokeUnused: of the certificates for one build, those without a signature are revoked,
// and no others; what is younger than the age is left, and nothing is done twice.
func TestRevokeUnused(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 3, year)
	build := func(content string) Issued {
		issued, err := f.ca.Issue(t.Context(), forBuild(t, content))
		if err != nil {
			t.Fatal(err)
		}
		return issued
	}
	lost, signed, revoked, plain := build("lost"), build("signed"), build("revoked"), f.issue("acme")
	f.update(func(tx store.Tx) error {
		return store.Signatures.Insert(tx, store.Signature{ID: "1", Vendor: "acme", Serial: signed.Record.Serial, At: noon})
	})
	if err := f.ca.Revoke(t.Context(), revoked.Record.Serial, store.Revocation{Reason: ReasonKeyCompromise}); err != nil {
		t.Fatal(err)
	}
	if got, err := f.ca.RevokeUnused(t.Context(), time.Hour, "doctor"); err != nil || len(got) != 0 {
		t.Errorf("too young: %v, %v", got, err)
	}
	got, err := f.ca.RevokeUnused(t.Context(), 0, "doctor")
	if err != nil || !slices.Equal(got, []string{lost.Record.Serial}) {
		t.Errorf("%v, %v", got, err)
	}
	if !slices.Contains(f.listed(), lost.Record.Serial) || slices.Contains(f.listed(), signed.Record.Serial) || slices.Contains(f.listed(), plain.Record.Serial) {
		t.Errorf("lists hold %v", f.listed())
	}
	for _, c := range f.certificates() {
		if c.Serial == lost.Record.Serial && (c.Revocation == nil || c.Revocation.By != "doctor" || c.Revocation.Reason != ReasonCessationOfOperation) {
			t.Errorf("%+v", c.Revocation)
		}
	}
	if got, err := f.ca.RevokeUnused(t.Context(), 0, "doctor"); err != nil || len(got) != 0 {
		t.Errorf("again: %v, %v", got, err)
	}
	build("another")
	if got, err := f.open(storetest.FailCommit(f.store, 1)).RevokeUnused(t.Context(), 0, "doctor"); !errors.Is(err, storetest.ErrInjected) || len(got) != 0 {
		t.Errorf("a failed write: %v, %v", got, err)
	}
}
