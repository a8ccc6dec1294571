package ca

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/notify"
	"github.com/hallmark-pki/hallmark/store"
)

// entries lists the log's entries about a certificate, as they were queued.
func (f *fixture) entries(serial string) []receipt.Entry {
	f.t.Helper()
	var list []receipt.Entry
	f.view(func(r store.Reader) error {
		list = nil
		for rec, err := range store.LedgerEntries.By(r, "about", serial) {
			if err != nil {
				return err
			}
			e, err := receipt.ParseEntry(rec.Entry)
			if err != nil {
				return err
			}
			list = append(list, e)
		}
		return nil
	})
	return list
}

// TestEveryCertificateIsLogged, with what it relies on, and so is every change of its
// revocation; receivers of notices learn of the revocations.
func TestEveryCertificateIsLogged(t *testing.T) {
	f := newFixture(t)
	rec := f.assess("acme", "slsa-v0.1", "", 3, year)
	issued := f.issue("acme")
	serial := issued.Record.Serial
	got := f.entries(serial)
	if len(got) != 1 || got[0].Type != receipt.CertificateIssued || !slices.Equal(got[0].Assessments, []string{rec.ID}) ||
		got[0].Certificate != Fingerprint(issued.Certificate) || got[0].Vendor != "https://acme.example" || got[0].Tier != issued.Record.Tier ||
		!got[0].Until.Equal(issued.Certificate.NotAfter) {
		t.Fatalf("%+v", got)
	}
	f.clock.Add(time.Hour)
	for _, rev := range []store.Revocation{
		{Reason: ReasonSuperseded, By: "olga"},
		{Reason: ReasonKeyCompromise, By: "olga"},
		{Reason: ReasonKeyCompromise, By: "olga", RevocationDate: noon},
		{Reason: ReasonKeyCompromise, By: "olga", RevocationDate: noon, InvalidityDate: noon},
	} {
		if err := f.ca.Revoke(t.Context(), serial, rev); err != nil {
			t.Fatal(err)
		}
	}
	var reasons []int
	for _, e := range f.entries(serial) {
		if e.Type == receipt.CertificateRevoked {
			reasons = append(reasons, e.RevocationReason)
		}
	}
	slices.Sort(reasons)
	if !slices.Equal(reasons, []int{ReasonKeyCompromise, ReasonKeyCompromise, ReasonKeyCompromise, ReasonSuperseded}) {
		t.Errorf("revocations logged: %v", reasons)
	}
	var told int
	f.view(func(r store.Reader) error {
		told = 0
		for n, err := range store.Notices.All(r, "") {
			if err != nil {
				return err
			}
			if err := notify.CheckDocumented(n); err != nil {
				t.Error(err)
			}
			if n.Type == receipt.CertificateRevoked {
				told++
			}
		}
		return nil
	})
	if told != 4 {
		t.Errorf("told %d times", told)
	}
}

// TestProbesComeBeforeTheGate: they are run first, and what they found is a reason: one
// that fails, and one of which nobody knows, keep its assessment from supporting a
// certificate, and no other.
func TestProbesComeBeforeTheGate(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "cncf-sscp-v1", "", 2, year)
	f.edit = func(a *audit.Assessment) {
		a.Probes = []audit.Probe{{
			ID: "policy", Kind: "document-digest", Requirements: []string{a.Findings[0].Requirement},
			With: map[string]string{"url": "https://acme.example/policy", "sha256": strings.Repeat("ab", 32)},
		}}
	}
	rec := f.assess("acme", "slsa-v0.1", "", 3, year)
	state := store.ProbeState{Assessment: rec.ID, Probe: "policy"}
	f.ca.probes = func(ctx context.Context, vendor string) error {
		if vendor != "acme" {
			t.Errorf("probes of %q were run", vendor)
		}
		if state.RanAt.IsZero() {
			return errors.New("no network")
		}
		return f.store.Update(ctx, func(tx store.Tx) error { return store.ProbeStates.Put(tx, state) })
	}
	request := Request{Vendor: "acme", PublicKey: newKey(t).Public(), Claims: []Wanted{{Framework: "slsa-v0.1"}}, By: "test", Way: "api"}
	_, err := f.ca.Issue(t.Context(), request)
	wantRefusal(t, err, CodeProbe) // never run
	state.RanAt, state.PassedAt = noon, noon
	if _, err := f.ca.Issue(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	state.FailingSince, state.Detail = noon, "digest differs"
	_, err = f.ca.Issue(t.Context(), request)
	wantRefusal(t, err, CodeProbe)
	f.issue("acme", Wanted{Framework: "cncf-sscp-v1"})
}
