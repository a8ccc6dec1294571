package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var plainAt = time.Date(2026, 3, 1, 12, 0, 0, 123, time.UTC)

// fullOf returns a record whose every field is set, so that a field that is added and not
// written is found.
func fullOf[T any](t testing.TB) T {
	t.Helper()
	var rec T
	v := reflect.ValueOf(&rec).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i).Addr().Interface().(type) {
		case *string:
			*f = fmt.Sprint("text ", i)
		case *[]string:
			*f = []string{"one", "two"}
		case *[]byte:
			*f = []byte{1, 2, 3, byte(i)}
		case *time.Time:
			*f = plainAt.Add(time.Duration(i) * time.Hour)
		case *bool:
			*f = true
		case *uint64:
			*f = uint64(i) << 40
		case **Revocation: // not plain, see TestSealRevoked
		case *map[string]string:
			*f = map[string]string{"b": "1", "a": "2", "": ""}
		default:
			t.Fatalf("field %s: %T", v.Type().Field(i).Name, f)
		}
	}
	return rec
}

// samplesOf are the full record, the zero one, and each with one field of the other.
func samplesOf[T any](t testing.TB) []T {
	full := fullOf[T](t)
	var zero T
	all := []T{full, zero}
	for i := range reflect.TypeFor[T]().NumField() {
		with, without := zero, full
		reflect.ValueOf(&with).Elem().Field(i).Set(reflect.ValueOf(full).Field(i))
		reflect.ValueOf(&without).Elem().Field(i).SetZero()
		all = append(all, with, without)
	}
	return all
}

func sealedLikeJSON[T any](t *testing.T) {
	t.Helper()
	for _, rec := range samplesOf[T](t) {
		data, err := json.Marshal(rec)
		if err != nil {
			t.Fatal(err)
		}
		want := sealBegin + string(data) + sealEnd
		raw, ok := sealPlain(rec)
		if !ok || string(raw) != want {
			t.Errorf("%T: %v\n%s\nwant\n%s", rec, ok, raw, want)
		}
		got, err := unseal[T](raw)
		if diff := cmp.Diff(rec, got); err != nil || diff != "" {
			t.Errorf("%T: reads as %v\n%s", rec, err, diff)
		}
	}
}

// TestSealPlain: records that write themselves have the bytes that encoding/json gives
// them, whatever is set.
func TestSealPlain(t *testing.T) {
	sealedLikeJSON[Signature](t)
	sealedLikeJSON[Event](t)
	sealedLikeJSON[LedgerEntry](t)
	sealedLikeJSON[Intent](t)
	sealedLikeJSON[Certificate](t)
}

// TestSealRevoked: a certificate with a revocation is no plain record, and loses nothing.
func TestSealRevoked(t *testing.T) {
	rec := fullOf[Certificate](t)
	rec.Revocation = &Revocation{At: plainAt, RevocationDate: plainAt.Add(-time.Hour), Reason: 1, Note: "lost", By: "officer"}
	if raw, ok := sealPlain(rec); ok {
		t.Errorf("plain: %s", raw)
	}
	raw, err := seal(rec)
	if err != nil {
		t.Fatal(err)
	}
	got, err := unseal[Certificate](raw)
	if diff := cmp.Diff(rec, got); err != nil || diff != "" {
		t.Errorf("reads as %v\n%s", err, diff)
	}
}

// TestSealNotPlain: what is not plain has them too.
func TestSealNotPlain(t *testing.T) {
	for _, rec := range []any{
		Signature{Product: "<b>"}, Signature{Product: "é"}, Event{Detail: map[string]string{"a": "\n"}}, Event{Detail: map[string]string{"&": ""}},
		LedgerEntry{About: `"`}, LedgerEntry{At: plainAt.In(time.FixedZone("", 60))},
	} {
		if _, ok := sealPlain(rec); ok {
			t.Errorf("%+v is called plain", rec)
		}
		data, err := json.Marshal(rec)
		if err != nil {
			t.Fatal(err)
		}
		if raw, err := seal(rec); err != nil || string(raw) != sealBegin+string(data)+sealEnd {
			t.Errorf("%s, %v", raw, err)
		}
	}
}

// FuzzReadPlain: an entry that reads itself reads as encoding/json reads it.
func FuzzReadPlain(f *testing.F) {
	for _, rec := range samplesOf[LedgerEntry](f) {
		data, err := json.Marshal(rec)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(bytes.Replace(data, []byte(`"at"`), []byte(`"about":"x","at"`), 1))
		f.Add(bytes.Replace(data, []byte(`Z"}`), []byte(`+01:00"}`), 1))
	}
	f.Add([]byte(`{"id":"a\u0062","about":"","entry":"","at":"2026-03-01T12:00:00Z"}`))
	f.Add([]byte(`{"id":"a","about":"","entry":"AB==","at":"2026-03-01T12:00:00Z"}`))
	f.Add([]byte("{\"id\":\"a\",\"about\":\"\",\"entry\":\"\nAAAA\",\"at\":\"2026-03-01T12:00:00,5Z\"}"))
	f.Add([]byte(`{"id":"a","about":"","entry":"","at":"2026-03-01T1:00:00Z"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var got, want LedgerEntry
		if !got.readPlain(string(data)) {
			return
		}
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", data, diff)
		}
	})
}
