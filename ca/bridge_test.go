package ca

import (
	"context"
	"crypto"
	"testing"
	"time"
)

// Rehearsal lets tests outside of this package, which may import what imports it, play
// a CA over years: a hierarchy on disk that is opened anew after each change.
type Rehearsal struct {
	Dir string
	f   *fixture
}

// NewRehearsal makes a CA with a vendor, acme, that is assessed at SLSA 2.
func NewRehearsal(t *testing.T) *Rehearsal {
	r := &Rehearsal{Dir: copyHierarchy(t), f: newFixture(t)}
	r.Reopen(t)
	r.f.assess("acme", "slsa-v0.1", "slsa", 2, year)
	return r
}

// Reopen is what a restart of the server does.
func (r *Rehearsal) Reopen(t *testing.T) *CA {
	t.Helper()
	h, err := OpenHierarchy(r.Dir, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	r.f.ca, err = Open(context.Background(), Config{Hierarchy: h, Store: r.f.store, Now: r.f.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	return r.f.ca
}

// Site opens the directory for a change.
func (r *Rehearsal) Site(t *testing.T) *Site { return openSite(t, r.Dir, r.f.clock.Now()) }

// Now is the rehearsal's clock.
func (r *Rehearsal) Now() time.Time { return r.f.clock.Now() }

// Later moves the clock.
func (r *Rehearsal) Later(d time.Duration) { r.f.clock.Add(d) }

// Issue asks for a certificate for acme.
func (r *Rehearsal) Issue(t *testing.T, key crypto.Signer) Issued {
	t.Helper()
	issued, err := r.f.ca.Issue(context.Background(), Request{Vendor: "acme", PublicKey: key.Public(), Claims: []Wanted{{Framework: "slsa-v0.1"}}, By: "test", Way: "api"})
	if err != nil {
		t.Fatal(err)
	}
	return issued
}
