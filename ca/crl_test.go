package ca

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

// listOf returns the list that a certificate would be on.
func listOf(t testing.TB, c *CA, cert store.Certificate) *x509.RevocationList {
	t.Helper()
	der, err := c.CRLOf(context.Background(), cert)
	if err != nil {
		t.Fatal(err)
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// listed returns the serial numbers on all lists of an issuing CA, as records spell
// them, with how often each is there.
func listed(t testing.TB, c *CA, issuer string) map[string]int {
	t.Helper()
	found := map[string]int{}
	for _, name := range c.Lists() {
		if !strings.HasPrefix(name, issuer+"/") {
			continue
		}
		der, err := c.CRL(context.Background(), name)
		if err != nil {
			t.Fatal(err)
		}
		list, err := x509.ParseRevocationList(der)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list.RevokedCertificateEntries {
			found[SerialKey(e.SerialNumber)]++
		}
	}
	return found
}

// numbers returns the number of every list of every issuing CA.
func numbers(t testing.TB, c *CA) map[string]*big.Int {
	t.Helper()
	found := map[string]*big.Int{}
	for _, name := range c.Lists() {
		der, err := c.CRL(context.Background(), name)
		if err != nil {
			t.Fatal(err)
		}
		list, err := x509.ParseRevocationList(der)
		if err != nil {
			t.Fatal(err)
		}
		found[name] = list.Number
	}
	return found
}

func TestCRLs(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 3, year)
	issued := f.issue("acme")
	if err := f.ca.PublishCRLs(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := numbers(t, f.ca)
	if len(before) != 3*shardsInTests+2 {
		t.Errorf("%d lists", len(before))
	}
	if err := f.ca.PublishCRLs(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.clock.Add(time.Minute)
	if err := f.ca.Revoke(t.Context(), issued.Record.Serial, store.Revocation{Reason: ReasonCessationOfOperation}); err != nil {
		t.Fatal(err)
	}
	shard := strings.TrimSuffix(strings.TrimPrefix(issued.Certificate.CRLDistributionPoints[0], "http://ca.example.com/crl/"), ".crl")
	for name, number := range numbers(t, f.ca) {
		if changed := number.Cmp(before[name]) > 0; changed != (name == shard) {
			t.Errorf("%s: number %d after %d, the certificate's is %s", name, number, before[name], shard)
		}
	}
	if got := listed(t, f.ca, "elevated"); len(got) != 1 || got[issued.Record.Serial] != 1 {
		t.Errorf("listed %v", got)
	}
	if got := listed(t, f.ca, "standard"); len(got) != 0 {
		t.Errorf("another tier's serial number is listed: %v", got)
	}
	list := listOf(t, f.ca, issued.Record)
	if err := list.CheckSignatureFrom(issued.Chain[0]); err != nil || list.NextUpdate.Sub(list.ThisUpdate) > 7*24*time.Hour {
		t.Errorf("%v, %s to %s", err, list.ThisUpdate, list.NextUpdate)
	}
	for _, name := range []string{"nope", "elevated", "elevated/32", "elevated/-1", "elevated/01", "elevated/", "elevated/1/1", "/1"} {
		if _, err := f.ca.CRL(t.Context(), name); !errors.Is(err, ErrUnknownIssuer) {
			t.Errorf("%s: error %v, want %v", name, err, ErrUnknownIssuer)
		}
	}
}

// TestIssuingDistributionPoint: every shard says, critically, of which URL it is.
func TestIssuingDistributionPoint(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 1, year)
	issued := f.issue("acme")
	list := listOf(t, f.ca, issued.Record)
	for _, e := range list.Extensions {
		if !e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 28}) {
			continue
		}
		var point struct {
			Point struct {
				Full struct {
					URI string `asn1:"tag:6,ia5"`
				} `asn1:"tag:0"`
			} `asn1:"tag:0"`
			UserOnly bool `asn1:"tag:1"`
		}
		rest, err := asn1.Unmarshal(e.Value, &point)
		if err != nil || len(rest) > 0 || !e.Critical || !point.UserOnly || point.Point.Full.URI != issued.Certificate.CRLDistributionPoints[0] {
			t.Errorf("%v, %+v", err, point)
		}
		return
	}
	t.Error("there is none")
}

// TestNumbersOnlyGoUp: whatever the clock does, and in whichever process.
func TestNumbersOnlyGoUp(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 1, year)
	issued := f.issue("acme")
	last := listOf(t, f.ca, issued.Record)
	for _, step := range []struct {
		name string
		by   time.Duration
	}{
		{"a day", 25 * time.Hour}, {"a day", 25 * time.Hour}, {"back two days", -50 * time.Hour},
		{"forth a year", year}, {"back a year", -year}, {"a day", 25 * time.Hour},
	} {
		f.clock.Add(step.by)
		f.ca = f.open(f.store) // as after a restart
		list := listOf(t, f.ca, issued.Record)
		if list.Number.Cmp(last.Number) <= 0 {
			t.Errorf("%s: number %d after %d", step.name, list.Number, last.Number)
		}
		if now := f.clock.Now(); list.ThisUpdate.After(now) || !list.NextUpdate.After(now) {
			t.Errorf("%s: at %s a list from %s to %s", step.name, now, list.ThisUpdate, list.NextUpdate)
		}
		last = list
	}
	f.clock.Add(-time.Minute) // within what clocks may differ: not a reason for a list that looks older
	if list := listOf(t, f.ca, issued.Record); list.Number.Cmp(last.Number) != 0 {
		t.Errorf("number %d after %d", list.Number, last.Number)
	}
	if err := f.ca.Revoke(t.Context(), issued.Record.Serial, store.Revocation{Reason: ReasonSuperseded}); err != nil {
		t.Fatal(err)
	}
	if list := listOf(t, f.ca, issued.Record); list.Number.Cmp(last.Number) <= 0 || list.ThisUpdate.Before(last.ThisUpdate) {
		t.Errorf("number %d of %s after %d of %s", list.Number, list.ThisUpdate, last.Number, last.ThisUpdate)
	}
}

// TestRestoredStoreRepeatsNoNumber: a backup knows nothing of the lists made since.
func TestRestoredStoreRepeatsNoNumber(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 1, year)
	issued := f.issue("acme")
	old := listOf(t, f.ca, issued.Record)
	var backup store.CRL
	name := strings.TrimSuffix(strings.TrimPrefix(issued.Certificate.CRLDistributionPoints[0], "http://ca.example.com/crl/"), ".crl")
	f.view(func(r store.Reader) (err error) { backup, err = store.CRLs.Get(r, name); return err })
	for range 3 {
		f.clock.Add(25 * time.Hour)
		old = listOf(t, f.ca, issued.Record)
	}
	f.update(func(tx store.Tx) error { return store.CRLs.Put(tx, backup) })
	f.clock.Add(time.Hour)
	if list := listOf(t, f.open(f.store), issued.Record); list.Number.Cmp(old.Number) <= 0 {
		t.Errorf("number %d after %d", list.Number, old.Number)
	}
}

// TestRevokedStayForTenYears after their certificate's end, and no longer.
func TestRevokedStayForTenYears(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 1, year)
	issued := f.issue("acme")
	if err := f.ca.Revoke(t.Context(), issued.Record.Serial, store.Revocation{Reason: ReasonSuperseded}); err != nil {
		t.Fatal(err)
	}
	end := issued.Certificate.NotAfter
	for _, c := range []struct {
		name string
		at   time.Time
		want int
	}{
		{"before its end", end.Add(-time.Hour), 1},
		{"after its end", end.AddDate(0, 0, 2), 1},
		{"ten years later, less two days", end.AddDate(10, 0, -2), 1},
		{"ten years and a day later", end.AddDate(10, 0, 1), 0},
	} {
		f.clock.Add(c.at.Sub(f.clock.Now()))
		if got := len(listOf(t, f.ca, issued.Record).RevokedCertificateEntries); got != c.want {
			t.Errorf("%s: %d on the list, want %d", c.name, got, c.want)
		}
	}
}

// TestListsAreMadeDaily: within a day, as long as somebody looks once an hour.
func TestListsAreMadeDaily(t *testing.T) {
	f := newFixture(t)
	oldest := func() (age time.Duration) {
		f.view(func(r store.Reader) error {
			for list, err := range store.CRLs.All(r, "") {
				if err != nil {
					return err
				}
				age = max(age, f.clock.Now().Sub(list.ThisUpdate))
			}
			return nil
		})
		return age
	}
	for range 50 {
		if age := oldest(); age > 24*time.Hour {
			t.Fatalf("a list is %s old", age)
		}
		if err := f.ca.PublishCRLs(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.clock.Add(time.Hour)
	}
}

// TestOneShard: nothing depends on there being several.
func TestOneShard(t *testing.T) {
	if got := shardOf(big.NewInt(0x1ffff), 1); got != 0 {
		t.Errorf("shard %d", got)
	}
	for _, c := range []struct {
		serial string
		shards int
		want   int
	}{{"5f0c00ff", 32, 31}, {"1", 32, 1}, {"ff0100", 256, 0}, {"12345678abcdef", 4096, 0xdef}, {"ffff", 1000, 535}} {
		n, _ := new(big.Int).SetString(c.serial, 16)
		if got := shardOf(n, c.shards); got != c.want {
			t.Errorf("%s of %d: %d, want %d", c.serial, c.shards, got, c.want)
		}
		if got, err := shardOfKey(c.serial, c.shards); err != nil || got != c.want {
			t.Errorf("%s of %d: %d, %v, want %d", c.serial, c.shards, got, err, c.want)
		}
	}
	if _, err := shardOfKey("none", 32); err == nil {
		t.Error("no number, but a shard")
	}
	for _, n := range []int{-1, MaxShards + 1} {
		cfg := initConfig(t.TempDir() + "/ca")
		cfg.CRLShards = n
		if _, err := newBuilder(cfg); err == nil {
			t.Errorf("%d shards accepted", n)
		}
	}
}

// TestTwoProcessesPublish: each keeps revoking and publishing, and their lists follow
// each other without a number twice.
func TestTwoProcessesPublish(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 1, year)
	seen := &numbersSeen{Store: f.store, last: map[string]uint64{}}
	a, b := f.open(seen), f.open(seen)
	var running sync.WaitGroup
	for _, c := range []*CA{a, b} {
		running.Go(func() {
			for range 8 {
				issued, err := c.Issue(context.Background(), Request{Vendor: "acme", PublicKey: newKey(t).Public()})
				if err != nil {
					t.Error(err)
					return
				}
				if err := c.Revoke(context.Background(), issued.Record.Serial, store.Revocation{Reason: ReasonSuperseded}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	running.Wait()
	if got := listed(t, a, "standard"); len(got) != 16 {
		t.Errorf("%d listed, want 16", len(got))
	}
	if seen.wrong > 0 {
		t.Errorf("%d lists whose number did not go up", seen.wrong)
	}
	f.view(func(r store.Reader) error {
		n, err := store.UnlistedRevocations.Len(r)
		if n != 0 {
			t.Errorf("%d still count as not listed", n)
		}
		return err
	})
}

// numbersSeen watches what becomes of the lists on record.
type numbersSeen struct {
	Store
	mu    sync.Mutex
	last  map[string]uint64
	wrong int
}

func (s *numbersSeen) Update(ctx context.Context, fn func(store.Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.Store.Update(ctx, fn); err != nil {
		return err
	}
	return s.Store.View(ctx, func(r store.Reader) error {
		for list, err := range store.CRLs.All(r, "") {
			if err != nil {
				return err
			}
			x, err := x509.ParseRevocationList(list.DER)
			if err != nil || x.Number.Uint64() != list.Number || list.Number < s.last[list.Name] {
				s.wrong++
			}
			s.last[list.Name] = list.Number
		}
		return nil
	})
}

// TestCRLWhenPublishingFails: the last list is served for as long as it is valid.
func TestCRLWhenPublishingFails(t *testing.T) {
	d := storetest.NewMemory()
	f := newFixtureAt(t, noon, d)
	f.assess("acme", "slsa-v0.1", "slsa", 1, year)
	issued := f.issue("acme")
	good := listOf(t, f.ca, issued.Record)
	f.clock.Add(3 * 24 * time.Hour)
	broken := f.open(storetest.FailAt(d, 1))
	if list := listOf(t, broken, issued.Record); list.Number.Cmp(good.Number) != 0 {
		t.Errorf("number %d, want the last, %d", list.Number, good.Number)
	}
	f.clock.Add(5 * 24 * time.Hour)
	if der, err := f.open(storetest.FailAt(d, 1)).CRLOf(t.Context(), issued.Record); !errors.Is(err, storetest.ErrInjected) {
		t.Errorf("a list that has ended is served: %d bytes, %v", len(der), err)
	}
}
