package der

import (
	"bytes"
	stdasn1 "encoding/asn1"
	"math/big"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// lengths are those at which the form of a length changes.
var lengths = []int{0, 1, 127, 128, 255, 256, 65535, 65536, 1<<24 - 1, 1 << 24}

// TestLikeCryptobyte: the same bytes as the library that counts last.
func TestLikeCryptobyte(t *testing.T) {
	for _, n := range lengths {
		content := make([]byte, n)
		var b cryptobyte.Builder
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(content) })
		want := b.BytesOrPanic()
		got := Append(nil, asn1.SEQUENCE, content[:n/2], content[n/2:])
		if !bytes.Equal(got, want) || Len(n) != len(want) {
			t.Errorf("%d: begins %x, want %x; %d bytes, want %d", n, got[:min(8, len(got))], want[:min(8, len(want))], Len(n), len(want))
		}
	}
}

// TestSetOf: the order is encoding/asn1's, whatever the elements' own was.
func TestSetOf(t *testing.T) {
	for _, values := range [][]int{nil, {1}, {3, 1, 2}, {70000, 1, 300, -1}, {5, 5}} {
		want, err := stdasn1.MarshalWithParams(values, "set")
		if err != nil {
			t.Fatal(err)
		}
		var elements [][]byte
		for _, v := range values {
			one, err := stdasn1.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			elements = append(elements, one)
		}
		got, header := SetOf(elements)
		if !bytes.Equal(got, want) || header != 2 {
			t.Errorf("%v: %x with a header of %d, want %x", values, got, header, want)
		}
	}
}

func TestUnsigned(t *testing.T) {
	for _, magnitude := range [][]byte{nil, {0}, {0, 0}, {1}, {0x7f}, {0x80}, {0, 0x80}, {0, 0, 1, 0}, bytes.Repeat([]byte{0xff}, 20), bytes.Repeat([]byte{0x7f}, 200)} {
		want, err := stdasn1.Marshal(new(big.Int).SetBytes(magnitude))
		if err != nil {
			t.Fatal(err)
		}
		if got := AppendUnsigned(nil, magnitude); !bytes.Equal(got, want) {
			t.Errorf("%x: %x, want %x", magnitude, got, want)
		}
	}
}

func TestTimes(t *testing.T) {
	for _, at := range []time.Time{
		time.Date(1949, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2026, 3, 1, 12, 0, 0, 999, time.FixedZone("", 3600)), time.Date(2049, 12, 31, 23, 59, 59, 0, time.UTC),
		time.Date(2049, 12, 31, 23, 59, 59, 0, time.FixedZone("", -3600)), time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		want, err := stdasn1.Marshal(at.UTC())
		if err != nil {
			t.Fatal(err)
		}
		if got := AppendTime(nil, at); !bytes.Equal(got, want) {
			t.Errorf("%v: %x, want %x", at, got, want)
		}
		want, err = stdasn1.MarshalWithParams(at.UTC(), "generalized")
		if err != nil {
			t.Fatal(err)
		}
		if got := AppendGeneralizedTime(nil, at); !bytes.Equal(got, want) {
			t.Errorf("%v: %x, want %x", at, got, want)
		}
	}
}

// FuzzAppend: whatever is appended is one element with these contents, behind what was there.
func FuzzAppend(f *testing.F) {
	f.Add([]byte("before"), []byte("one"), []byte("two"))
	f.Add([]byte{}, []byte{}, make([]byte, 300))
	f.Fuzz(func(t *testing.T, before, one, two []byte) {
		got := Append(bytes.Clone(before), asn1.OCTET_STRING, one, two)
		s := cryptobyte.String(got[len(before):])
		var content []byte
		if !bytes.HasPrefix(got, before) || !s.ReadASN1Bytes(&content, asn1.OCTET_STRING) || !s.Empty() || !bytes.Equal(content, append(bytes.Clone(one), two...)) {
			t.Errorf("%x", got)
		}
		n := AppendUnsigned(nil, one)
		if v := cryptobyte.String(n); !v.ReadASN1Integer(new(big.Int)) || !v.Empty() {
			t.Errorf("%x is no INTEGER", n)
		}
	})
}
