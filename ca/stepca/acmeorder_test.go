package stepca

import (
	"net/http/httptest"
	"path"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/test/stepclient"
	"github.com/smallstep/certificates/acme"
)

// account registers a client for a vendor.
func (f *fixture) account(server *httptest.Server, vendor string) *stepclient.ACME {
	f.t.Helper()
	client, key := stepclient.NewACME(f.t, server.Client(), server.URL+ACMEDirectory), f.acmeKey(vendor, "")
	check(f.t, client.Register(key.ID, key.Secret))
	return client
}

// A challenge is answered at the URL that the server gave. At that of another
// authorization the attested key would be written down there, and the first one's order be
// free to have any key certified.
func TestACMEChallengeOfAnotherAuthorization(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", 2)
	maker := stepclient.NewManufacturer(t)
	server := f.devices(maker, nil)
	client := f.account(server, "acme")
	stranger := f.account(server, "beta")
	for name, owner := range map[string]*stepclient.ACME{"one's own": client, "another account's": stranger} {
		client.Answer = func(url string) string {
			others, err := owner.Order("1")
			check(t, err)
			dir, challenge := path.Split(url)
			return strings.Replace(dir, path.Base(dir), path.Base(others[0]), 1) + challenge
		}
		device := maker.Device(1)
		if _, err := client.CertificateFor(device, "1", newKey(t)); err == nil {
			t.Errorf("%s: a key that was never attested is certified", name)
		}
	}
	client.Answer = nil
	_, err := client.Certificate(maker.Device(2))
	check(t, err)
	if n := len(f.certificates()); n != 1 {
		t.Errorf("%d certificates", n)
	}
}

// Who asks for an authorization while its challenge is answered may have read it before
// the key was written into it, and its challenge afterwards. The key stays.
func TestACMEAuthorizationKeepsItsKey(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	a := f.with(Config{ACME: &ACME{AttestationRoots: stepclient.NewManufacturer(t).PEM}})
	request := func() *acmeDB { return &acmeDB{DB: a.acme.db, server: a.acme} }
	ch := &acme.Challenge{AccountID: "a", Type: acme.DEVICEATTEST01, Value: "1", Status: acme.StatusPending, Token: "t"}
	az := &acme.Authorization{AccountID: "a", Status: acme.StatusPending, ExpiresAt: time.Now().Add(time.Hour), Identifier: acme.Identifier{Type: acme.PermanentIdentifier, Value: "1"}}
	db := request()
	check(t, db.CreateChallenge(ctx, ch))
	az.Challenges = []*acme.Challenge{ch}
	check(t, db.CreateAuthorization(ctx, az))

	early, err := request().GetAuthorization(ctx, az.ID)
	check(t, err)
	az.Fingerprint = "the attested key"
	check(t, request().UpdateAuthorization(ctx, az))
	ch.Status = acme.StatusValid
	check(t, request().UpdateChallenge(ctx, ch))
	early.Challenges = []*acme.Challenge{ch}
	check(t, early.UpdateStatus(ctx, request()))
	got, err := request().GetAuthorization(ctx, az.ID)
	check(t, err)
	if got.Fingerprint != az.Fingerprint || got.Status != acme.StatusValid {
		t.Errorf("%s, for the key %q", got.Status, got.Fingerprint)
	}

	// One that counts for no key, as other releases may have left it, counts for nothing.
	got.Fingerprint = ""
	check(t, a.acme.db.UpdateAuthorization(ctx, got))
	if _, err := request().GetAuthorization(ctx, az.ID); err == nil {
		t.Error("an authorization for no key")
	}
}

// rows counts a table's.
func (f *fixture) rows(table string) (n int) {
	f.t.Helper()
	f.view(func(r store.Reader) error {
		n = 0
		return r.ScanRaw(table, "", "", func(string, []byte) bool { n++; return true })
	})
	return n
}

// An order for many devices is refused before it has left a record for each of them.
func TestACMEOrderOfMany(t *testing.T) {
	f := newFixture(t)
	server := f.devices(stepclient.NewManufacturer(t), nil)
	client := f.account(server, "acme")
	many := make([]string, 50)
	for i := range many {
		many[i] = strconv.Itoa(i)
	}
	_, err := client.Order(many...)
	wantProblem(t, err, "rejectedIdentifier")
	if a, c := f.rows("acme_authzs"), f.rows("acme_challenges"); a > 1 || c > 1 {
		t.Errorf("%d authorizations and %d challenges are on record", a, c)
	}
}

// Orders that nobody finishes are bounded; another account has its own.
func TestACMEOrdersThatWait(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", 2)
	maker := stepclient.NewManufacturer(t)
	server := f.devices(maker, nil)
	client := f.account(server, "acme")
	for range maxPendingOrders {
		_, err := client.Order("1")
		check(t, err)
	}
	_, err := client.Order("1")
	wantProblem(t, err, "rateLimited")
	if a, c := f.rows("acme_authzs"), f.rows("acme_challenges"); a != maxPendingOrders || c != maxPendingOrders {
		t.Errorf("%d authorizations and %d challenges are on record", a, c)
	}
	other := f.account(server, "acme")
	for i := range 3 { // what is finished does not wait
		_, err := other.Certificate(maker.Device(i))
		check(t, err)
	}
}
