package ca

import (
	"context"
	"testing"

	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

// Each write from request to certificate fails in turn. Whatever happens: nothing is
// issued that no officer approved, and whoever tries again gets one certificate in the
// end, and no second.
func TestApprovalUnderFaults(t *testing.T) {
	seeded := func(t *testing.T) storetest.Driver {
		d := storetest.NewMemory()
		f := newFixtureAt(t, noon, d)
		f.assess("acme", "slsa-v0.1", "slsa", 4, year)
		return d
	}
	storetest.EachFault(t, seeded, func(t *testing.T, d storetest.Driver, faulty *storetest.Faulty) {
		f := &fixture{t: t, store: d, clock: &clock{t: noon}}
		broken, whole := f.open(faulty), f.open(d)
		ctx := context.Background()
		req := f.highRequest(newKey(t).Public())
		life := func(c *CA) (Issued, error) {
			asked, err := c.RequestApproval(ctx, req)
			if err != nil {
				return Issued{}, err
			}
			if _, err := c.Approve(ctx, asked.ID, "olga", "", "a test has no hardware"); err != nil {
				return Issued{}, err
			}
			return c.Collect(ctx, asked.ID, "acme", "alice")
		}
		given, err := life(broken)
		if err == nil {
			return // nothing failed: the last round
		}
		if given.Certificate != nil {
			t.Fatal("an error, and a certificate")
		}
		for _, cert := range f.certificates() {
			if q := f.request(cert.Request); q.State != store.RequestIssued || q.Certificate != cert.Serial {
				t.Errorf("certificate %s on request %+v", cert.Serial, q)
			}
		}
		// Where it stopped decides what is left to do.
		f.ca = whole
		var rec store.CertificateRequest
		f.view(func(r store.Reader) error {
			rec = store.CertificateRequest{}
			for q, err := range store.CertificateRequests.All(r, "") {
				if err != nil {
					return err
				}
				rec = q
			}
			return nil
		})
		switch rec.State {
		case "":
			rec = f.approved(req)
		case store.RequestPending:
			mustApprove(f, rec.ID)
		}
		first, again := f.collect(rec.ID), f.collect(rec.ID)
		if n := len(f.certificates()); n != 1 || first.Record.Serial != again.Record.Serial {
			t.Errorf("%d certificates, %s and %s", n, first.Record.Serial, again.Record.Serial)
		}
	})
}
