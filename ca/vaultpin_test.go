package ca

import (
	"testing"
	"time"
)

// TestVaultKeepsToItsCA: an order of a server that was taken over, in the CA's name, that
// would send whoever checks a new issuing CA to lists of another host, or certify it for
// another organisation or under other policies.
func TestVaultKeepsToItsCA(t *testing.T) {
	c := newCeremony(t)
	now := born.Add(time.Hour)
	c.mustImport(c.mustSign(now), now)
	if _, err := openSite(t, c.dir, now).RenewOfflineCRLs(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.readOrder()
	good := c.order
	for name, edit := range map[string]func(*order){
		"another host":         func(o *order) { o.PublicURL = "http://elsewhere.example.com" },
		"another organisation": func(o *order) { o.Organization = "Elsewhere" },
		"another country":      func(o *order) { o.Country = "DE" },
		"another arc":          func(o *order) { o.Arc = "1.3.6.1.4.1.32473.9" },
	} {
		t.Run(name, func(t *testing.T) {
			c.order = editOrder(t, good, edit)
			_, err := c.sign(now)
			wantCeremony(t, err, CeremonyMissing)
		})
	}
	c.order = good
	c.mustSign(now)
}
