package server

import (
	"testing"

	"github.com/hallmark-pki/hallmark/server/api"
)

// TestOwnNames: nobody is called in the audit trail what the CA calls itself there.
func TestOwnNames(t *testing.T) {
	w := newWorld(t)
	refused := func(who, path string, body any) {
		t.Helper()
		if got := w.do(who, "POST", path, body); got.problem.Code != "invalid-field" || got.problem.Field != "id" {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	refused("acme", "/v1/vendors/acme/machines", api.NewMachine{ID: "hallmark", Products: []string{"hello"}})
	refused("acme", "/v1/vendors/acme/machines", api.NewMachine{ID: "acme-0123456789abcdef01234567", Products: []string{"hello"}})
	refused("olga", "/v1/people", api.NewPerson{ID: "ca", Role: api.RoleOfficer, Organization: "Example CA"})
	refused("olga", "/v1/vendors", api.NewVendor{ID: "rebuild", URI: "https://rebuild.example", Organization: "Rebuild", Country: "DE"})
	w.must("acme", "POST", "/v1/vendors/acme/machines", api.NewMachine{ID: "acme-0123", Products: []string{"hello"}}, nil)
}
