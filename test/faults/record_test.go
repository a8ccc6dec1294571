package faults

import (
	"context"
	"crypto/x509"
	"errors"
	"iter"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/doctor"
	"github.com/hallmark-pki/hallmark/ledger/monitor"
	"github.com/hallmark-pki/hallmark/ledger/queue"
	"github.com/hallmark-pki/hallmark/store"
	"golang.org/x/mod/sumdb/note"
)

// clients is what those who were answered hold and know, over the whole run.
type clients struct {
	issued  map[string]string // serial number → SHA-256 of the certificate
	revoked map[string]bool
	numbers map[string]uint64 // highest number seen, by list
	lists   map[string]string // SHA-256 of the list on record, by name and number
}

func newClients() *clients {
	return &clients{issued: map[string]string{}, revoked: map[string]bool{}, numbers: map[string]uint64{}, lists: map[string]string{}}
}

// hear takes note of an acknowledgement, and fails where it contradicts an earlier one.
func (c *clients) hear(t *testing.T, a ack) {
	t.Helper()
	switch {
	case a.Issued != "":
		if _, twice := c.issued[a.Issued]; twice {
			t.Errorf("serial number %s was issued twice", a.Issued)
		}
		c.issued[a.Issued] = a.SHA256
	case a.Revoked != "":
		c.revoked[a.Revoked] = true
	case a.Listed != "":
		if a.Number < c.numbers[a.Listed] {
			t.Errorf("list %s has number %d after %d", a.Listed, a.Number, c.numbers[a.Listed])
		}
		c.numbers[a.Listed] = a.Number
	case a.Failed != "":
		t.Errorf("the child could not work: %s", a.Failed)
	}
}

// hold holds what clients were told, now, against the store: each certificate on record
// as they have it, each revocation on record and on a list.
func (c *clients) hold(t *testing.T, s doctor.Store, heard []ack) {
	t.Helper()
	err := s.View(t.Context(), func(r store.Reader) error {
		listed, err := c.readLists(t, r)
		if err != nil {
			return err
		}
		for _, a := range heard {
			switch {
			case a.Issued != "":
				rec, err := store.Certificates.Get(r, a.Issued)
				if err != nil {
					t.Errorf("a client holds a certificate: %v", err)
				} else if got := hexSHA256(rec.DER); got != a.SHA256 {
					t.Errorf("a client holds certificate %s as %s, on record is %s", a.Issued, a.SHA256, got)
				}
			case a.Revoked != "":
				if rec, err := store.Certificates.Get(r, a.Revoked); err != nil || rec.Revocation == nil {
					t.Errorf("a client revoked %s, on record: %+v, %v", a.Revoked, rec.Revocation, err)
				}
				if !listed[a.Revoked] {
					t.Errorf("a client revoked %s, it is on no list", a.Revoked)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// readLists reads every list on record, whatever lists there are: it returns the serial
// numbers on them, and fails on a number that went back, or that was given to two lists.
func (c *clients) readLists(t *testing.T, r store.Reader) (map[string]bool, error) {
	t.Helper()
	listed := map[string]bool{}
	for rec, err := range store.CRLs.All(r, "") {
		if err != nil {
			return nil, err
		}
		c.hear(t, ack{Listed: listName(rec), Number: rec.Number})
		list, err := x509.ParseRevocationList(rec.DER)
		if err != nil {
			return nil, err
		}
		if !list.Number.IsUint64() || list.Number.Uint64() != rec.Number {
			t.Errorf("list %s has number %v, its record says %d", listName(rec), list.Number, rec.Number)
		}
		name, sum := listName(rec)+" "+list.Number.String(), hexSHA256(rec.DER)
		if other, ok := c.lists[name]; ok && other != sum {
			t.Errorf("two lists have the number of %s", name)
		}
		c.lists[name] = sum
		for _, e := range list.RevokedCertificateEntries {
			listed[ca.SerialKey(e.SerialNumber)] = true
		}
	}
	return listed, nil
}

// listName is what tells a list from others: a shard's own name, or its CA's.
func listName(rec store.CRL) string {
	if rec.Name != "" {
		return rec.Name
	}
	return rec.Tier
}

// noEvidence is a folder without files.
type noEvidence struct{}

func (noEvidence) Has(string) (bool, error)      { return false, nil }
func (noEvidence) All() iter.Seq2[string, error] { return func(func(string, error) bool) {} }

// wantSound has everything logged that waits, and then has the doctor explain the rest.
// It returns the notes.
func (w *world) wantSound(t *testing.T) (notes []doctor.Finding) {
	t.Helper()
	if _, err := w.queue.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := w.store.View(t.Context(), func(r store.Reader) error {
		n, err := queue.Pending(r, 1)
		if n != 0 {
			t.Error("entries wait to be logged although all were")
		}
		return errors.Join(err, store.Check(r))
	})
	if err != nil {
		t.Fatal(err)
	}
	key, err := note.NewVerifier(w.vkey)
	if err != nil {
		t.Fatal(err)
	}
	err = doctor.Examine(t.Context(), doctor.Patient{Store: w.store, Log: w.log, LogKey: key, CA: w.ca, Evidence: noEvidence{}}, func(f doctor.Finding) {
		if f.Severity == doctor.Problem {
			t.Errorf("the doctor finds: %s: %s", f.About, f.Detail)
		} else {
			notes = append(notes, f)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return notes
}

// wantOneHistory looks at the log from outside: it extends what the same monitor saw
// before, its entries make its root, and no certificate rests on what was not in force.
func (w *world) wantOneHistory(t *testing.T) uint64 {
	t.Helper()
	server := httptest.NewServer(w.log.Handler())
	defer server.Close()
	follower, err := monitor.New(monitor.Options{URL: server.URL, Key: w.vkey, State: filepath.Join(w.dir, "monitor")})
	if err != nil {
		t.Fatal(err)
	}
	round, err := follower.Check(t.Context(), func(e monitor.Entry) error {
		for _, f := range e.Findings {
			t.Errorf("entry %d of the log: %v", e.Index, f)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("the log: %v", err)
	}
	return round.Size
}

// revokeAll revokes every certificate on record that is not revoked, as mass revocation
// would, and what is left over, and returns how many of these there were.
func (w *world) revokeAll(t *testing.T, ctx context.Context, c *clients) (leftovers []string) {
	t.Helper()
	const batch = 500
	var waiting []string
	for serial := range c.issued {
		if !c.revoked[serial] {
			waiting = append(waiting, serial)
		}
	}
	for len(waiting) > 0 {
		part := waiting[:min(batch, len(waiting))]
		waiting = waiting[len(part):]
		err := w.store.Update(ctx, func(tx store.Tx) error {
			for _, serial := range part {
				err := w.ca.RevokeIn(tx, serial, store.Revocation{Reason: ca.ReasonCessationOfOperation, By: "olga"})
				// A revocation may be on record whose client was never told.
				if r := ca.IsRefusal(err); err != nil && (r == nil || r.Code != ca.CodeAlreadyRevoked) {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatalf("what a client holds cannot be revoked: %v", err)
		}
	}
	leftovers, err := w.ca.RevokeLeftovers(ctx, 0, "olga")
	if err == nil {
		err = w.ca.PublishCRLs(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	err = w.store.View(ctx, func(r store.Reader) error {
		listed, err := c.readLists(t, r)
		if err != nil {
			return err
		}
		for serial := range c.issued {
			if !listed[serial] {
				t.Errorf("a client's certificate %s is revoked and on no list", serial)
			}
		}
		for _, serial := range leftovers {
			if !listed[serial] {
				t.Errorf("leftover %s is revoked and on no list", serial)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return leftovers
}

// aboutIntents counts the notes about intents that no certificate followed.
func aboutIntents(notes []doctor.Finding) (n int) {
	for _, f := range notes {
		if strings.HasPrefix(f.About, "intent ") {
			n++
		}
	}
	return n
}
