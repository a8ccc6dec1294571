package store

import (
	"os"
	"testing"

	"encoding/json"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// FuzzDecode gives arbitrary bytes to the decoder of each kind of record. The law: it
// never panics, and what decodes can be encoded and then decodes to an equal record.
// The seeds are the records of the sample store.
func FuzzDecode(f *testing.F) {
	raw, err := os.ReadFile("testdata/v2.json")
	if err != nil {
		f.Fatal(err)
	}
	var sample map[string][]json.RawMessage
	if err := json.Unmarshal(raw, &sample); err != nil {
		f.Fatal(err)
	}
	for table, records := range sample {
		for _, data := range records {
			seed, err := json.Marshal(envelope{recordVersion, data})
			if err != nil {
				f.Fatal(err)
			}
			f.Add(table, seed)
		}
	}
	if len(sample) != len(tables) {
		f.Fatalf("seeds for %d tables of %d", len(sample), len(tables))
	}
	f.Add("vendor", []byte(`{"v":2,"d":{}}`))
	f.Add("event", []byte(`{"v":1,"d":{"id":"\ud800","detail":{}}}`))
	f.Fuzz(func(t *testing.T, table string, raw []byte) {
		for _, tab := range tables {
			if tab, ok := tab.(interface {
				named(string) bool
				roundTrip(*testing.T, []byte)
			}); ok && tab.named(table) {
				tab.roundTrip(t, raw)
			}
		}
		_ = CheckFormat(raw) // only must not panic
	})
}

func (t Table[T]) named(name string) bool { return t.name == name }

func (t Table[T]) roundTrip(tb *testing.T, raw []byte) {
	rec, err := unseal[T](raw)
	if err != nil {
		return
	}
	key, again, err := t.encode(rec)
	if err != nil {
		return // a key or an indexed value that may not be stored
	}
	got, err := t.decode(key, again)
	if diff := cmp.Diff(rec, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
		tb.Errorf("%s %s: %v (-first +again):\n%s", t.name, raw, err, diff)
	}
}
