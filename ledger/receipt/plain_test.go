package receipt

import (
	"bytes"
	"reflect"
	"testing"
	"time"
)

// TestEncodePlain: an entry that is written without reflection has the bytes that
// encoding/json gives it, whichever fields are set.
func TestEncodePlain(t *testing.T) {
	all := []Entry{{}, full(), accepted(), withdrawn()}
	for i := range reflect.TypeFor[Entry]().NumField() {
		with, without := Entry{}, full()
		reflect.ValueOf(&with).Elem().Field(i).Set(reflect.ValueOf(full()).Field(i))
		reflect.ValueOf(&without).Elem().Field(i).SetZero()
		all = append(all, with, without)
	}
	for _, e := range all {
		want, err := e.encodeJSON()
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := e.encodePlain(); !ok || !bytes.Equal(got, want) {
			t.Errorf("%v\n%s\nwant\n%s", ok, got, want)
		}
	}
	for name, change := range map[string]func(*Entry){
		"text beyond ASCII": func(e *Entry) { e.Reason = "é" },
		"quote":             func(e *Entry) { e.Tier = `"` },
		"negative":          func(e *Entry) { e.Level = -1 },
		"local time":        func(e *Entry) { e.At = at.In(time.FixedZone("", 60)) },
	} {
		e := full()
		change(&e)
		want, err := e.encodeJSON()
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := e.encodePlain(); ok {
			t.Errorf("%s: called plain", name)
		}
		if got, err := e.encode(); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}
