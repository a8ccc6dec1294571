package server

import (
	"fmt"
	"testing"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

// A vendor's people make keys for ACME accounts by themselves, as many as there can be and
// no more.
func TestACMEKeysAreBounded(t *testing.T) {
	w := newWorld(t)
	w.server.ACMEDirectory = "https://ca.example.com/acme/device/directory"
	err := w.store.Update(t.Context(), func(tx store.Tx) error {
		for _, vendor := range []string{"acme", "beta"} {
			for i := range maxACMEKeys - 1 {
				if err := store.ACMEKeys.Insert(tx, store.ACMEKey{ID: fmt.Sprintf("%s-%d", vendor, i), Vendor: vendor}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var made api.ACMEKey
	w.must("acme", "POST", "/v1/vendors/acme/acme-keys", nil, &made)
	if got := w.do("acme", "POST", "/v1/vendors/acme/acme-keys", nil); got.problem.Code != "too-many-acme-keys" {
		t.Errorf("one more: %d %s", got.status, got.body)
	}
	w.must("acme", "POST", "/v1/vendors/acme/acme-keys/"+made.ID+"/remove", nil, nil)
	w.must("acme", "POST", "/v1/vendors/acme/acme-keys", nil, &made)
	w.must("beta", "POST", "/v1/vendors/beta/acme-keys", nil, nil)
}
