package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

const assessmentID = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func built(n, hour int, revoked bool) store.Certificate {
	at := noon.Add(time.Duration(hour)*time.Hour + time.Duration(n)*time.Second)
	c := cert(fmt.Sprintf("%04x", n), "acme", noon.Add(24*time.Hour), assessmentID)
	c.Build, c.IssuedAt = fmt.Sprintf("sha256:%064x", n), at
	if revoked {
		c.Revocation = &store.Revocation{At: at}
	}
	return c
}

func tallied(t *testing.T, d storetest.Driver, prefix, after string) (got []store.Tallied) {
	t.Helper()
	view(t, d, func(r store.Reader) error {
		got = nil
		for n, err := range store.Certificates.Tally(r, "group", prefix, after) {
			if err != nil {
				return err
			}
			got = append(got, n)
		}
		return nil
	})
	return got
}

// TestTally: what is counted follows what is on record, through every kind of change.
func TestTally(t *testing.T) {
	d := storetest.NewMemory()
	put := func(c store.Certificate) {
		t.Helper()
		update(t, d, func(tx store.Tx) error { return store.Certificates.Put(tx, c) })
	}
	plain := cert("ffff", "acme", noon)
	put(plain)
	for n := range 4 {
		put(built(n, n/3, false))
	}
	put(built(1, 0, true))
	put(built(1, 0, true)) // the same again
	day := built(0, 0, false).IssuedAt
	end := store.TimeKey(noon.Add(24 * time.Hour))
	hour := func(n int) string {
		return store.TimeKey(day.Truncate(time.Hour).Add(time.Duration(n) * time.Hour))
	}
	name := built(0, 0, false).BuildGroup() + "/"
	want := []store.Tallied{
		{Value: name + hour(0) + "/" + end + "/good", Count: 2}, {Value: name + hour(0) + "/" + end + "/revoked", Count: 1},
		{Value: name + hour(1) + "/" + end + "/good", Count: 1},
	}
	if diff := cmp.Diff(want, tallied(t, d, "", "")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[2:], tallied(t, d, "acme/", want[1].Value)); diff != "" {
		t.Errorf("behind the second (-want +got):\n%s", diff)
	}
	if got := tallied(t, d, "beta/", ""); got != nil {
		t.Errorf("of another vendor: %v", got)
	}
	update(t, d, func(tx store.Tx) error { return store.Certificates.Delete(tx, "0003") })
	if diff := cmp.Diff(want[:2], tallied(t, d, "", "")); diff != "" {
		t.Errorf("after a removal (-want +got):\n%s", diff)
	}
	view(t, d, store.Check)
}

// TestTallyOfManyChanges makes changes at random; Check counts anew.
func TestTallyOfManyChanges(t *testing.T) {
	d := storetest.NewMemory()
	for range 300 {
		n, hour, revoked, gone := rand.N(20), rand.N(3), rand.N(2) == 0, rand.N(4) == 0
		update(t, d, func(tx store.Tx) error {
			if gone {
				return store.Certificates.Delete(tx, fmt.Sprintf("%04x", n))
			}
			return store.Certificates.Put(tx, built(n, hour, revoked))
		})
	}
	view(t, d, store.Check)
}

// TestCheckFindsWrongTally puts each kind of wrong count.
func TestCheckFindsWrongTally(t *testing.T) {
	for name, spoil := range map[string]func(tx store.Tx, value string) error{
		"too many": func(tx store.Tx, v string) error {
			return tx.PutRaw("certificate_n_group", v, []byte(`{"v":1,"d":{"n":2}}`))
		},
		"gone": func(tx store.Tx, v string) error { return tx.DeleteRaw("certificate_n_group", v) },
		"of nobody": func(tx store.Tx, v string) error {
			return tx.PutRaw("certificate_n_group", v+"x", []byte(`{"v":1,"d":{"n":1}}`))
		},
		"nonsense": func(tx store.Tx, v string) error { return tx.PutRaw("certificate_n_group", v, []byte(`{`)) },
	} {
		t.Run(name, func(t *testing.T) {
			d := storetest.NewMemory()
			update(t, d, func(tx store.Tx) error { return store.Certificates.Put(tx, built(1, 0, false)) })
			value := tallied(t, d, "", "")[0].Value
			update(t, d, func(tx store.Tx) error { return spoil(tx, value) })
			err := d.View(t.Context(), store.Check)
			if !errors.Is(err, store.ErrDamaged) {
				t.Errorf("Check = %v, want ErrDamaged", err)
			}
		})
	}
	d := storetest.NewMemory()
	update(t, d, func(tx store.Tx) error { return store.Certificates.Put(tx, built(1, 0, false)) })
	value := tallied(t, d, "", "")[0].Value
	err := d.Update(t.Context(), func(tx store.Tx) error {
		return errors.Join(tx.DeleteRaw("certificate_n_group", value), store.Certificates.Delete(tx, "0001"))
	})
	if !errors.Is(err, store.ErrDamaged) {
		t.Errorf("a count below zero = %v, want ErrDamaged", err)
	}
}

// TestGroups: what is one group, and what the tally's value says.
func TestGroups(t *testing.T) {
	base := built(1, 0, false)
	for name, change := range map[string]func(*store.Certificate){
		"vendor":           func(c *store.Certificate) { c.Vendor = "beta" },
		"tier":             func(c *store.Certificate) { c.Tier = "other" },
		"day":              func(c *store.Certificate) { c.IssuedAt = c.IssuedAt.AddDate(0, 0, 1) },
		"assessment":       func(c *store.Certificate) { c.Assessments = []string{"f" + assessmentID[1:]} },
		"further":          func(c *store.Certificate) { c.Assessments = append(c.Assessments, "x") },
		"none":             func(c *store.Certificate) { c.Assessments = nil },
		"not of one build": func(c *store.Certificate) { c.Build = "" },
	} {
		other := base
		if change(&other); other.BuildGroup() == base.BuildGroup() {
			t.Errorf("%s: in one group with another", name)
		}
	}
	same := base
	same.Serial, same.IssuedAt, same.Revocation, same.Assessments = "0f", same.IssuedAt.Add(time.Second), &store.Revocation{}, []string{assessmentID, assessmentID}
	if same.BuildGroup() != base.BuildGroup() {
		t.Errorf("%q and %q are two groups", same.BuildGroup(), base.BuildGroup())
	}
	for _, text := range []string{"", "a/b/c/d/e/good", base.BuildGroup() + "/20260302T120000Z/20260302T120000Z/dead", base.BuildGroup() + "/x/20260302T120000Z/good"} {
		if g, ok := store.ParseGroupTally(text); ok {
			t.Errorf("%q is taken for %+v", text, g)
		}
	}
}
