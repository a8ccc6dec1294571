package store_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func update(t *testing.T, d storetest.Driver, fn func(store.Tx) error) {
	t.Helper()
	if err := d.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// view runs fn, and then checks that records and indexes agree.
func view(t *testing.T, d storetest.Driver, fn func(store.Reader) error) {
	t.Helper()
	if err := d.View(t.Context(), func(r store.Reader) error { return errors.Join(fn(r), store.Check(r)) }); err != nil {
		t.Fatal(err)
	}
}

func cert(serial, vendor string, notAfter time.Time, assessments ...string) store.Certificate {
	return store.Certificate{Serial: serial, Tier: "high", Vendor: vendor, SPKISHA256: "k" + serial, NotAfter: notAfter, Assessments: assessments}
}

// serials collects a sequence, up to its error.
func serials(seq iter.Seq2[store.Certificate, error]) (got []string, err error) {
	got = []string{}
	for c, err := range seq {
		if err != nil {
			return got, err
		}
		got = append(got, c.Serial)
	}
	return got, nil
}

// entries returns the names of all index entries of certificates.
func entries(t *testing.T, d storetest.Driver) (got []string) {
	t.Helper()
	view(t, d, func(r store.Reader) error {
		got = nil
		for _, index := range []string{"vendor", "assessment", "key", "not_after", "revoked"} {
			if err := r.ScanRaw("certificate_by_"+index, "", "", func(entry string, _ []byte) bool {
				got = append(got, index+" "+strings.ReplaceAll(entry, "\x1f", "|"))
				return true
			}); err != nil {
				return err
			}
		}
		return nil
	})
	return got
}

func TestPutKeepsIndexes(t *testing.T) {
	d := storetest.NewMemory()
	first := cert("1", "a", noon, "x", "y")
	update(t, d, func(tx store.Tx) error { return store.Certificates.Insert(tx, first) })
	want := []string{"vendor a|1", "assessment x|1", "assessment y|1", "key k1|1", "not_after 20260301T120000Z|1"}
	if diff := cmp.Diff(want, entries(t, d)); diff != "" {
		t.Errorf("after Insert (-want +got):\n%s", diff)
	}

	second := cert("1", "b", noon.Add(time.Second), "y", "z", "z")
	second.Revocation = &store.Revocation{Reason: 1}
	update(t, d, func(tx store.Tx) error { return store.Certificates.Put(tx, second) })
	want = []string{"vendor b|1", "assessment y|1", "assessment z|1", "key k1|1", "not_after 20260301T120001Z|1", "revoked high|1"}
	if diff := cmp.Diff(want, entries(t, d)); diff != "" {
		t.Errorf("after Put (-want +got):\n%s", diff)
	}
	view(t, d, func(r store.Reader) error {
		got, err := store.Certificates.Get(r, "1")
		if diff := cmp.Diff(second, got); diff != "" {
			t.Errorf("Get (-want +got):\n%s", diff)
		}
		return err
	})

	update(t, d, func(tx store.Tx) error {
		return errors.Join(store.Certificates.Delete(tx, "1"), store.Certificates.Delete(tx, "1"), store.Certificates.Delete(tx, ""))
	})
	if got := entries(t, d); got != nil {
		t.Errorf("after Delete: %v", got)
	}
	view(t, d, func(r store.Reader) error {
		_, err := store.Certificates.Get(r, "1")
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Get after Delete = %v", err)
		}
		return nil
	})
}

func TestInsertRefusesExisting(t *testing.T) {
	d := storetest.NewMemory()
	update(t, d, func(tx store.Tx) error { return store.Certificates.Insert(tx, cert("1", "a", noon)) })
	before := entries(t, d)
	err := d.Update(t.Context(), func(tx store.Tx) error { return store.Certificates.Insert(tx, cert("1", "b", noon)) })
	if !errors.Is(err, store.ErrExists) || !strings.Contains(err.Error(), `insert certificate "1"`) {
		t.Errorf("Insert = %v", err)
	}
	update(t, d, func(tx store.Tx) error {
		if err := store.Certificates.Insert(tx, cert("1", "b", noon)); !errors.Is(err, store.ErrExists) {
			t.Errorf("Insert = %v", err)
		}
		return nil // a caller may take it for an answer
	})
	if diff := cmp.Diff(before, entries(t, d)); diff != "" {
		t.Errorf("a refused Insert changed indexes (-want +got):\n%s", diff)
	}
}

func TestScans(t *testing.T) {
	d := storetest.NewMemory()
	update(t, d, func(tx store.Tx) error {
		for i, c := range []store.Certificate{
			cert("3", "a", noon, "x"), cert("1", "a", noon.Add(time.Hour), "x", "y"),
			cert("2", "ab", noon.Add(2*time.Hour), "xy"), cert("10", "a", noon.Add(-time.Hour)),
		} {
			if err := store.Certificates.Insert(tx, c); err != nil {
				return fmt.Errorf("%d: %w", i, err)
			}
		}
		return nil
	})
	at := func(h int) string { return store.TimeKey(noon.Add(time.Duration(h) * time.Hour)) }
	table := store.Certificates
	for _, c := range []struct {
		name string
		seq  func(store.Reader) iter.Seq2[store.Certificate, error]
		want []string
	}{
		{"all", func(r store.Reader) iter.Seq2[store.Certificate, error] { return table.All(r, "") }, []string{"1", "10", "2", "3"}},
		{"all after", func(r store.Reader) iter.Seq2[store.Certificate, error] { return table.All(r, "10") }, []string{"2", "3"}},
		{"by vendor", func(r store.Reader) iter.Seq2[store.Certificate, error] { return table.By(r, "vendor", "a") }, []string{"1", "10", "3"}},
		{"by a vendor whose name begins the same", func(r store.Reader) iter.Seq2[store.Certificate, error] { return table.By(r, "vendor", "ab") }, []string{"2"}},
		{"by nobody", func(r store.Reader) iter.Seq2[store.Certificate, error] { return table.By(r, "vendor", "abc") }, []string{}},
		{"by nothing", func(r store.Reader) iter.Seq2[store.Certificate, error] { return table.By(r, "vendor", "") }, []string{}},
		{"by one of several", func(r store.Reader) iter.Seq2[store.Certificate, error] { return table.By(r, "assessment", "x") }, []string{"1", "3"}},
		{"by vendor, next page", func(r store.Reader) iter.Seq2[store.Certificate, error] {
			return table.ByAfter(r, "vendor", "a", "1")
		}, []string{"10", "3"}},
		{"by vendor, page after what is gone", func(r store.Reader) iter.Seq2[store.Certificate, error] {
			return table.ByAfter(r, "vendor", "a", "2")
		}, []string{"3"}},
		{"by vendor, page after the last", func(r store.Reader) iter.Seq2[store.Certificate, error] {
			return table.ByAfter(r, "vendor", "a", "3")
		}, []string{}},
		{"by vendor, page after nonsense", func(r store.Reader) iter.Seq2[store.Certificate, error] {
			return table.ByAfter(r, "vendor", "a", "\xff\x00")
		}, []string{}},
		{"by vendor, first page", func(r store.Reader) iter.Seq2[store.Certificate, error] {
			return table.ByAfter(r, "vendor", "a", "")
		}, []string{"1", "10", "3"}},
		{"by a value with a separator", func(r store.Reader) iter.Seq2[store.Certificate, error] { return table.By(r, "vendor", "a\x1f1") }, []string{}},
		{"between", func(r store.Reader) iter.Seq2[store.Certificate, error] {
			return table.Between(r, "not_after", at(0), at(2))
		}, []string{"3", "1"}},
		{"between, no end", func(r store.Reader) iter.Seq2[store.Certificate, error] {
			return table.Between(r, "not_after", at(0), "")
		}, []string{"3", "1", "2"}},
		{"between, no begin", func(r store.Reader) iter.Seq2[store.Certificate, error] {
			return table.Between(r, "not_after", "", at(0))
		}, []string{"10"}},
		{"between, empty", func(r store.Reader) iter.Seq2[store.Certificate, error] {
			return table.Between(r, "not_after", at(1), at(1))
		}, []string{}},
		{"between, backwards", func(r store.Reader) iter.Seq2[store.Certificate, error] {
			return table.Between(r, "not_after", at(2), at(0))
		}, []string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			view(t, d, func(r store.Reader) error {
				got, err := serials(c.seq(r))
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				for range c.seq(r) {
					break // a loop that stops early must not be called again
				}
				return err
			})
		})
	}
}

// TestIndexOfURIs has values that are prefixes of each other, and of other keys.
func TestIndexOfURIs(t *testing.T) {
	d := storetest.NewMemory()
	uris := []string{"https://example.com", "https://example.com/", "https://example.com/a", "https://example.com/a/b", "https://example.com/a b", "https://example.com.example.net"}
	update(t, d, func(tx store.Tx) error {
		for i, uri := range uris {
			if err := store.Vendors.Insert(tx, store.Vendor{ID: fmt.Sprint(i), URI: uri}); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, d, func(r store.Reader) error {
		for i, uri := range uris {
			n := 0
			for v, err := range store.Vendors.By(r, "uri", uri) {
				n++
				if err != nil || v.ID != fmt.Sprint(i) {
					t.Errorf("by %q: %q, %v", uri, v.ID, err)
				}
			}
			if n != 1 {
				t.Errorf("by %q: %d vendors", uri, n)
			}
		}
		return nil
	})
}

func TestUnknownIndex(t *testing.T) {
	view(t, storetest.NewMemory(), func(r store.Reader) error {
		for name, seq := range map[string]iter.Seq2[store.Certificate, error]{
			"By":      store.Certificates.By(r, "vender", "a"),
			"Between": store.Certificates.Between(r, "", "", ""),
		} {
			if _, err := serials(seq); err == nil {
				t.Errorf("%s of an index that is not there: no error", name)
			}
		}
		return nil
	})
}

func TestBadRecords(t *testing.T) {
	d := storetest.NewMemory()
	bad := map[string]string{
		"empty": "", "nul": "a\x00b", "separator": "a\x1fb", "newline": "a\n", "no utf-8": "a\xff", "del": "\x7f",
		"long": strings.Repeat("a", store.MaxKeyBytes+1),
	}
	for name, s := range bad {
		t.Run(name, func(t *testing.T) {
			for what, fn := range map[string]func(store.Tx) error{
				"key, Put":      func(tx store.Tx) error { return store.Vendors.Put(tx, store.Vendor{ID: s, URI: "u"}) },
				"key, Insert":   func(tx store.Tx) error { return store.Vendors.Insert(tx, store.Vendor{ID: s, URI: "u"}) },
				"index, Put":    func(tx store.Tx) error { return store.Vendors.Put(tx, store.Vendor{ID: "v", URI: s}) },
				"index, Insert": func(tx store.Tx) error { return store.Vendors.Insert(tx, store.Vendor{ID: "v", URI: s}) },
			} {
				if err := d.Update(t.Context(), fn); !errors.Is(err, store.ErrBadKey) {
					t.Errorf("%s: %v, want ErrBadKey", what, err)
				}
			}
			view(t, d, func(r store.Reader) error {
				if _, err := store.Vendors.Get(r, s); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("Get = %v, want ErrNotFound", err)
				}
				return nil
			})
		})
	}
}

func TestTimeThatJSONRefuses(t *testing.T) {
	c := cert("1", "a", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))
	err := storetest.NewMemory().Update(t.Context(), func(tx store.Tx) error { return store.Certificates.Put(tx, c) })
	if err == nil || !strings.Contains(err.Error(), `encode certificate "1"`) {
		t.Errorf("Put = %v", err)
	}
}

// TestDamage reads what could only be there by damage or a later release.
func TestDamage(t *testing.T) {
	vendor := func(raw string) map[string]string { return map[string]string{"vendor v": raw} }
	const good = `{"v":1,"d":{"id":"v","uri":"https://example.com"}}`
	for _, c := range []struct {
		name   string
		stored map[string]string
		want   error
	}{
		{"later record", vendor(`{"v":2,"d":{"id":"v"}}`), store.ErrVersion},
		{"later record of another shape", vendor(`{"v":2,"d":[1]}`), store.ErrVersion},
		{"version zero", vendor(`{"v":0,"d":{"id":"v"}}`), store.ErrDamaged},
		{"negative version", vendor(`{"v":-1,"d":{"id":"v"}}`), store.ErrDamaged},
		{"no version", vendor(`{"d":{"id":"v"}}`), store.ErrDamaged},
		{"no data", vendor(`{"v":1}`), store.ErrDamaged},
		{"null data", vendor(`{"v":1,"d":null}`), store.ErrDamaged},
		{"wrong type", vendor(`{"v":1,"d":{"id":7}}`), store.ErrDamaged},
		{"empty", vendor(``), store.ErrDamaged},
		{"cut", vendor(good[:20]), store.ErrDamaged},
		{"trailing", vendor(good + "}"), store.ErrDamaged},
		{"under another key", vendor(strings.ReplaceAll(good, `"v","u`, `"w","u`)), store.ErrDamaged},
		{"missing from the index", vendor(good), store.ErrDamaged},
		{"index leads nowhere", map[string]string{"vendor_by_uri https://example.com\x1fv": "{}"}, store.ErrDamaged},
		{"index of another value", map[string]string{
			"vendor v": good, "vendor_by_uri https://example.com\x1fv": "{}", "vendor_by_uri https://example.net\x1fv": "{}",
		}, store.ErrDamaged},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := storetest.NewMemory()
			update(t, d, func(tx store.Tx) error {
				for k, v := range c.stored {
					table, key, _ := strings.Cut(k, " ")
					if err := tx.PutRaw(table, key, []byte(v)); err != nil {
						return err
					}
				}
				return nil
			})
			if err := d.View(t.Context(), store.Check); !errors.Is(err, c.want) {
				t.Errorf("Check = %v, want %v", err, c.want)
			}
			if strings.Contains(c.name, "index") {
				return
			}
			for what, err := range readAll(d) {
				if !errors.Is(err, c.want) || errors.Is(err, store.ErrNotFound) {
					t.Errorf("%s = %v, want %v", what, err, c.want)
				}
			}
		})
	}
}

// readAll touches vendor "v" in every way that decodes it.
func readAll(d storetest.Driver) map[string]error {
	errs := map[string]error{}
	ctx := context.Background()
	errs["Get"] = d.View(ctx, func(r store.Reader) error { _, err := store.Vendors.Get(r, "v"); return err })
	errs["All"] = d.View(ctx, func(r store.Reader) error {
		for _, err := range store.Vendors.All(r, "") {
			if err != nil {
				return err
			}
		}
		return nil
	})
	errs["Put"] = d.Update(ctx, func(tx store.Tx) error { return store.Vendors.Put(tx, store.Vendor{ID: "v", URI: "u"}) })
	errs["Delete"] = d.Update(ctx, func(tx store.Tx) error { return store.Vendors.Delete(tx, "v") })
	return errs
}

// TestBrokenIndex: an index entry without its record is not an answer.
func TestBrokenIndex(t *testing.T) {
	d := storetest.NewMemory()
	update(t, d, func(tx store.Tx) error { return tx.PutRaw("vendor_by_uri", "u\x1fv", []byte("{}")) })
	err := d.View(t.Context(), func(r store.Reader) error {
		for _, err := range store.Vendors.By(r, "uri", "u") {
			if err != nil {
				return err
			}
		}
		return nil
	})
	if !errors.Is(err, store.ErrDamaged) || errors.Is(err, store.ErrNotFound) {
		t.Errorf("By = %v, want ErrDamaged and not ErrNotFound", err)
	}
}

func TestWriteWhileReading(t *testing.T) {
	d := storetest.NewMemory()
	update(t, d, func(tx store.Tx) error {
		return errors.Join(store.Certificates.Insert(tx, cert("1", "a", noon)), store.Certificates.Insert(tx, cert("2", "a", noon)))
	})
	for what, seq := range map[string]func(store.Reader) iter.Seq2[store.Certificate, error]{
		"All": func(r store.Reader) iter.Seq2[store.Certificate, error] { return store.Certificates.All(r, "") },
		"By": func(r store.Reader) iter.Seq2[store.Certificate, error] {
			return store.Certificates.By(r, "vendor", "a")
		},
	} {
		err := d.Update(t.Context(), func(tx store.Tx) error {
			for c, err := range seq(tx) {
				if err != nil {
					return err
				}
				c.Vendor = "b"
				if err := store.Certificates.Put(tx, c); err != nil {
					return err
				}
			}
			return nil
		})
		if !errors.Is(err, store.ErrScanning) {
			t.Errorf("Put inside %s = %v, want ErrScanning", what, err)
		}
	}
}

// TestEveryFault moves a record through its life on a store that fails at each
// point, and finds the record as it was or as it was to be, indexes included.
func TestEveryFault(t *testing.T) {
	open := func(*testing.T) storetest.Driver { return storetest.NewMemory() }
	storetest.EachFault(t, open, func(t *testing.T, d storetest.Driver, f *storetest.Faulty) {
		was := cert("1", "a", noon, "x")
		is := cert("1", "b", noon, "y")
		steps := []struct {
			fn   func(store.Tx) error
			want []string // vendors before and after the step
		}{
			{func(tx store.Tx) error { return store.Certificates.Insert(tx, was) }, []string{"", "a"}},
			{func(tx store.Tx) error { return store.Certificates.Put(tx, is) }, []string{"a", "b"}},
			{func(tx store.Tx) error { return store.Certificates.Delete(tx, "1") }, []string{"b", ""}},
		}
		for i, s := range steps {
			err := f.Update(t.Context(), s.fn)
			stored := err == nil || errors.Is(err, store.ErrUncertain)
			if err != nil && !errors.Is(err, storetest.ErrInjected) {
				t.Fatalf("step %d: %v", i, err)
			}
			want := s.want[0]
			if stored {
				want = s.want[1]
			}
			view(t, d, func(r store.Reader) error {
				c, err := store.Certificates.Get(r, "1")
				if c.Vendor != want || err != nil && !errors.Is(err, store.ErrNotFound) {
					t.Errorf("step %d: vendor %q, %v; want %q", i, c.Vendor, err, want)
				}
				return nil
			})
			if err != nil && !stored {
				update(t, d, s.fn)
			}
		}
	})
}

func TestTimeKey(t *testing.T) {
	zone := time.FixedZone("", 3600)
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{noon, "20260301T120000Z"},
		{noon.In(zone), "20260301T120000Z"},
		{noon.Add(999 * time.Millisecond), "20260301T120000Z"},
		{time.Time{}, "00010101T000000Z"},
	} {
		if got := store.TimeKey(c.at); got != c.want {
			t.Errorf("TimeKey(%v) = %s, want %s", c.at, got, c.want)
		}
	}
}

// TestSequenceEndsAtError: a loop that goes on after an error gets nothing more.
func TestSequenceEndsAtError(t *testing.T) {
	d := storetest.NewMemory()
	update(t, d, func(tx store.Tx) error {
		var errs []error
		for _, key := range []string{"1", "2", "3"} {
			errs = append(errs, tx.PutRaw("vendor", key, []byte("{")), tx.PutRaw("vendor_by_uri", "u\x1f"+key, []byte("{}")))
		}
		return errors.Join(errs...)
	})
	if err := d.View(t.Context(), func(r store.Reader) error {
		for what, seq := range map[string]iter.Seq2[store.Vendor, error]{
			"All": store.Vendors.All(r, ""), "By": store.Vendors.By(r, "uri", "u"), "Between": store.Vendors.Between(r, "uri", "", ""),
		} {
			n := 0
			for v, err := range seq {
				n++
				if err == nil || v.ID != "" {
					t.Errorf("%s yields %v, %v", what, v, err)
				}
			}
			if n != 1 {
				t.Errorf("%s yields %d times, want 1", what, n)
			}
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

func TestNewIDSortsByTime(t *testing.T) {
	last := ""
	for _, d := range []time.Duration{0, 1, 2, time.Microsecond, time.Second, time.Hour, 24 * time.Hour} {
		id := store.NewID(noon.Add(d).In(time.FixedZone("", -3600)))
		if id <= last || id == store.NewID(noon.Add(d)) {
			t.Errorf("NewID = %s after %s, or not unique", id, last)
		}
		if err := store.CheckKey("event", id); err != nil {
			t.Error(err)
		}
		last = id
	}
}

// TestEntries: an index answers without its records, and a count is as long as a list.
func TestEntries(t *testing.T) {
	db := storetest.NewMemory()
	if err := db.Update(t.Context(), func(tx store.Tx) error {
		for i, state := range []string{store.AssessmentInForce, store.AssessmentExpired, store.AssessmentInForce} {
			a := store.Assessment{ID: fmt.Sprint(i), State: state, Vendor: "acme", Auditor: "quill", ValidUntil: time.Date(2030-i, 1, 1, 0, 0, 0, 0, time.UTC)}
			if err := store.Assessments.Put(tx, a); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := db.View(t.Context(), func(r store.Reader) error {
		var got []store.Entry
		for e, err := range store.Assessments.Entries(r, "until", "", "20300101T000000Z") {
			if err != nil {
				return err
			}
			got = append(got, e)
		}
		if len(got) != 1 || got[0].Key != "2" || got[0].Value != "20280101T000000Z" {
			t.Errorf("entries %v", got)
		}
		inForce, err := store.Assessments.Count(r, "state", store.AssessmentInForce)
		if err != nil || inForce != 2 {
			t.Errorf("%d in force, %v", inForce, err)
		}
		all, err := store.Assessments.Len(r)
		if err != nil || all != 3 {
			t.Errorf("%d, %v", all, err)
		}
		if _, err := store.Assessments.Count(r, "colour", "red"); err == nil {
			t.Error("counted by an index that there is not")
		}
		for _, err := range store.Assessments.Entries(r, "colour", "", "") {
			if err == nil {
				t.Error("listed an index that there is not")
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// TestReplace: what is there is replaced when it is what the caller has read, with its
// indexes and tallies, and nothing happens otherwise.
func TestReplace(t *testing.T) {
	d := storetest.NewMemory()
	old := cert("01", "acme", noon, "a", "b")
	rec := cert("01", "acme", noon.Add(time.Hour), "b", "c")
	stale := cert("01", "acme", noon, "a")
	update(t, d, func(tx store.Tx) error { return store.Certificates.Insert(tx, old) })
	for name, c := range map[string]struct{ old, rec store.Certificate }{
		"stale": {stale, rec}, "absent": {cert("02", "acme", noon), cert("02", "acme", noon)},
	} {
		update(t, d, func(tx store.Tx) error {
			done, err := store.Certificates.Replace(tx, c.old, c.rec)
			if done {
				t.Errorf("%s: replaced", name)
			}
			return err
		})
	}
	view(t, d, func(r store.Reader) error {
		got, err := store.Certificates.Get(r, "01")
		if diff := cmp.Diff(old, got); diff != "" {
			t.Errorf("changed:\n%s", diff)
		}
		return err
	})
	update(t, d, func(tx store.Tx) error {
		done, err := store.Certificates.Replace(tx, old, rec)
		if !done {
			t.Error("not replaced")
		}
		return err
	})
	view(t, d, func(r store.Reader) error { // which checks the indexes
		got, err := store.Certificates.Get(r, "01")
		if diff := cmp.Diff(rec, got); diff != "" {
			t.Errorf("not replaced:\n%s", diff)
		}
		return err
	})
	err := d.Update(t.Context(), func(tx store.Tx) error {
		_, err := store.Certificates.Replace(tx, rec, cert("03", "acme", noon))
		return err
	})
	if !errors.Is(err, store.ErrBadKey) {
		t.Errorf("another key: %v", err)
	}
}
