package sign

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/bolt"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

// TestChangesCountAtOnce: whatever a service remembers of the records of signatures that
// it has made, what has changed since counts for the next one; and so does what is changed
// back. On both drivers, since they tell in different ways what has changed.
func TestChangesCountAtOnce(t *testing.T) {
	for name, open := range map[string]func(*testing.T) storetest.Driver{
		"memory": func(*testing.T) storetest.Driver { return storetest.NewMemory() },
		"bolt": func(t *testing.T) storetest.Driver {
			d, err := bolt.Open(filepath.Join(t.TempDir(), "hallmark.db"), bolt.Options{})
			must(t, err)
			t.Cleanup(func() { d.Close() })
			return d
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorldOn(t, open(t))
			s := w.service(t)
			signs := func(what string) {
				t.Helper()
				for range 2 {
					if _, err := s.Sign(t.Context(), w.request()); err != nil {
						t.Fatalf("%s: %v", what, err)
					}
				}
			}
			put := func(fn func(tx store.Tx) error) func() { return func() { t.Helper(); w.update(t, fn) } }
			vendor, err := read(t, w.store, store.Vendors, "vendor")
			must(t, err)
			auditor, err := read(t, w.store, store.AuditorKeys, keyID(t, w.auditor))
			must(t, err)
			accreditation, err := read(t, w.store, store.Accreditations, "auditor/slsa-v0.1")
			must(t, err)
			key, err := read(t, w.store, store.SigningKeys, "key-1")
			must(t, err)
			suspended, revoked, ended := vendor, auditor, accreditation
			suspended.SuspendedAt, revoked.RevokedAt, ended.SuspendedAt = testStart, testStart, testStart
			signs("at first")
			for _, c := range []struct {
				name       string
				do, undo   func()
				wantRefuse Code
			}{
				{"certificate revoked",
					func() { w.record(t, func(c *store.Certificate) { c.Revocation = &store.Revocation{At: w.now} }) },
					func() { w.record(t, func(c *store.Certificate) { c.Revocation = nil }) }, CodeCertificate},
				{"assessment withdrawn",
					func() { setState(store.AssessmentWithdrawn)(t, w, nil) },
					func() { setState(store.AssessmentInForce)(t, w, nil) }, CodeAssessment},
				{"vendor suspended",
					put(func(tx store.Tx) error { return store.Vendors.Put(tx, suspended) }),
					put(func(tx store.Tx) error { return store.Vendors.Put(tx, vendor) }), CodeVendor},
				{"vendor gone",
					put(func(tx store.Tx) error { return store.Vendors.Delete(tx, "vendor") }),
					put(func(tx store.Tx) error { return store.Vendors.Insert(tx, vendor) }), CodeVendor},
				{"auditor's key revoked",
					put(func(tx store.Tx) error { return store.AuditorKeys.Put(tx, revoked) }),
					put(func(tx store.Tx) error { return store.AuditorKeys.Put(tx, auditor) }), CodeAssessment},
				{"accreditation suspended",
					put(func(tx store.Tx) error { return store.Accreditations.Put(tx, ended) }),
					put(func(tx store.Tx) error { return store.Accreditations.Put(tx, accreditation) }), CodeAssessment},
				{"accreditation gone",
					put(func(tx store.Tx) error { return store.Accreditations.Delete(tx, "auditor/slsa-v0.1") }),
					put(func(tx store.Tx) error { return store.Accreditations.Insert(tx, accreditation) }), CodeAssessment},
				{"signing key gone",
					put(func(tx store.Tx) error { return store.SigningKeys.Delete(tx, "key-1") }),
					put(func(tx store.Tx) error { return store.SigningKeys.Insert(tx, key) }), CodeCertificate},
			} {
				c.do()
				var refusal *Refusal
				if _, err := s.Sign(t.Context(), w.request()); !errors.As(err, &refusal) || refusal.Code != c.wantRefuse {
					t.Errorf("%s: %v", c.name, err)
				}
				c.undo()
				signs("after " + c.name + " was undone")
			}
		})
	}
}

func read[T any](t *testing.T, d storetest.Driver, table store.Table[T], key string) (rec T, err error) {
	t.Helper()
	err = d.View(t.Context(), func(r store.Reader) error {
		rec, err = table.Get(r, key)
		return err
	})
	return rec, err
}
