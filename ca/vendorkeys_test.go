package ca

import (
	"fmt"
	"testing"

	"github.com/hallmark-pki/hallmark/store"
)

// A vendor may have the service make keys, and not fill its store or its token with them:
// each request without one of the vendor's own makes another, whatever becomes of it.
func TestServiceKeysAreBounded(t *testing.T) {
	f := newFixture(t)
	put := func(vendor string, n int) {
		t.Helper()
		err := f.store.Update(t.Context(), func(tx store.Tx) error {
			for i := range n {
				if err := store.SigningKeys.Put(tx, store.SigningKey{ID: fmt.Sprintf("%s-%d", vendor, i), Vendor: vendor}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	put("acme", maxVendorKeys-1)
	put("beta", 1) // another's do not count
	if _, err := f.ca.NewSigningKey(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	f.ca.passphrase = nil // a key that is made after all is another error
	_, err := f.ca.NewSigningKey(t.Context(), "acme")
	wantRefusal(t, err, CodeTooManyKeys)
}
