package ca

import (
	"slices"
	"testing"

	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
	"golang.org/x/crypto/ocsp"
)

// TestAbandon: a build's certificate without a signature is revoked, once; one with a
// signature, one that is revoked already, and one that is not for a build stay as they are.
func TestAbandon(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 3, year)
	var all []Issued
	for _, content := range []string{"unused", "signed", "revoked"} {
		issued, err := f.ca.Issue(t.Context(), forBuild(t, content))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, issued)
	}
	unusedOne, signed, revoked, plain := all[0], all[1], all[2], f.issue("acme")
	f.update(func(tx store.Tx) error {
		return store.Signatures.Insert(tx, store.Signature{ID: "1", Vendor: "acme", Serial: signed.Record.Serial, At: noon})
	})
	if err := f.ca.Revoke(t.Context(), revoked.Record.Serial, store.Revocation{Reason: ReasonKeyCompromise}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, issued := range all {
			if err := f.ca.Abandon(t.Context(), issued.Record.Serial); err != nil {
				t.Error(err)
			}
		}
	}
	wantRefusal(t, f.ca.Abandon(t.Context(), plain.Record.Serial), CodeBadRequest)
	if err := f.ca.Abandon(t.Context(), "00"); err == nil {
		t.Error("one that is not on record")
	}
	want := []string{unusedOne.Record.Serial, revoked.Record.Serial}
	slices.Sort(want)
	if listed := slices.Sorted(slices.Values(f.listed())); !slices.Equal(listed, want) {
		t.Errorf("lists hold %v, want %v", listed, want)
	}
	for _, c := range f.certificates() {
		reason := -1
		if c.Revocation != nil {
			reason = c.Revocation.Reason
		}
		want := map[string]int{unusedOne.Record.Serial: ReasonCessationOfOperation, revoked.Record.Serial: ReasonKeyCompromise, signed.Record.Serial: -1, plain.Record.Serial: -1}[c.Serial]
		if reason != want {
			t.Errorf("%s: reason %d, want %d", c.Serial, reason, want)
		}
	}
	if got := f.ocspStatus(unusedOne.Certificate, unusedOne.Record.Tier); got != ocsp.Revoked {
		t.Errorf("OCSP status %d", got)
	}
	if got := f.loggedAbout(unusedOne.Record.Serial); !slices.Contains(got, "certificate.revoked") {
		t.Errorf("logged: %v", got)
	}
}

// TestAbandonFaults: an answer without an error says that it is revoked.
func TestAbandonFaults(t *testing.T) {
	seeded := func(t *testing.T) storetest.Driver {
		f := newFixture(t)
		f.assess("acme", "slsa-v0.1", "slsa", 3, year)
		if _, err := f.ca.Issue(t.Context(), forBuild(t, "one")); err != nil {
			t.Fatal(err)
		}
		return f.store
	}
	storetest.EachFault(t, seeded, func(t *testing.T, d storetest.Driver, faulty *storetest.Faulty) {
		f := &fixture{t: t, store: d, clock: &clock{t: noon}}
		f.ca = f.open(d)
		err := f.open(faulty).Abandon(t.Context(), f.certificates()[0].Serial)
		if c := f.certificates()[0]; err == nil && c.Revocation == nil {
			t.Errorf("fault %v: neither revoked nor an error", faulty.Fault())
		}
		f.view(store.Check)
	})
}
