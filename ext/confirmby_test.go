package ext

import (
	"bytes"
	"testing"
	"time"
)

func TestConfirmBy(t *testing.T) {
	want := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	der := must[[]byte](t)(MarshalConfirmBy(want.Add(time.Second / 2).In(time.FixedZone("x", 3600))))
	if got := must[time.Time](t)(ParseConfirmBy(der)); !got.Equal(want) || got.Location() != time.UTC {
		t.Errorf("%v", got)
	}
	if _, err := MarshalConfirmBy(time.Time{}); err == nil {
		t.Error("the zero time was printed")
	}
	for name, bad := range map[string][]byte{
		"nothing": nil, "something behind": append(bytes.Clone(der), 0), "cut": der[:len(der)-1],
		"UTCTime": append([]byte{0x17, 13}, "260901120000Z"...), "offset": append([]byte{0x18, 19}, "20260901120000+0100"...),
		"fraction": append([]byte{0x18, 17}, "20260901120000.1Z"...), "no such day": append([]byte{0x18, 15}, "20260931120000Z"...),
	} {
		if got, err := ParseConfirmBy(bad); err == nil {
			t.Errorf("%s: read as %v", name, got)
		}
	}
}

func FuzzParseConfirmBy(f *testing.F) {
	f.Add(must[[]byte](f)(MarshalConfirmBy(time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC))))
	f.Add([]byte{0x18, 0})
	f.Fuzz(func(t *testing.T, der []byte) {
		at, err := ParseConfirmBy(der)
		if err != nil {
			return
		}
		if again, err := MarshalConfirmBy(at); err != nil || !bytes.Equal(again, der) {
			t.Errorf("%x is read as %v and printed as %x, %v", der, at, again, err)
		}
	})
}
