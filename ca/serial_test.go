package ca

import (
	"crypto/rand"
	"encoding/asn1"
	"testing"
	"time"
)

// TestLeafSerials: numbers of one moment differ in each of their random bits, later ones
// sort behind, whatever the clock says they have one length and one way of writing them,
// and they are spread over the lists.
func TestLeafSerials(t *testing.T) {
	var before string
	for _, now := range []time.Time{
		time.UnixMilli(0), time.UnixMilli(1), noon, noon.Add(time.Millisecond), noon.Add(time.Second),
		time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(4000, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		var ones, zeros [leafSerialBytes]byte
		seen, lists := map[string]bool{}, map[int]bool{}
		last := before
		for range 1024 { // so many that no list is missed by chance
			n, err := newLeafSerial(rand.Reader, now)
			if err != nil {
				t.Fatal(err)
			}
			der, err := asn1.Marshal(n)
			key := SerialKey(n)
			if err != nil || len(der) != 2+leafSerialBytes || len(key) != 2*leafSerialBytes || key <= before || seen[key] {
				t.Fatalf("%s: %x, %s behind %s, %v", now, der, key, before, err)
			}
			seen[key], lists[shardOf(n, DefaultShards)] = true, true
			last = max(last, key)
			for i, b := range der[2:] {
				ones[i], zeros[i] = ones[i]|b, zeros[i]|^b
			}
		}
		for i := range leafSerialBytes {
			if both := ones[i] & zeros[i]; (i < serialTimeBytes) != (both == 0) || i >= serialTimeBytes && both != 0xff {
				t.Errorf("%s: octet %d: bits %08b came both ways", now, i, both)
			}
		}
		if len(lists) != DefaultShards {
			t.Errorf("%s: %d lists", now, len(lists))
		}
		before = last
	}
	if n, err := newLeafSerial(rand.Reader, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil || n.Sign() != 1 || len(SerialKey(n)) != 2*leafSerialBytes {
		t.Errorf("%x, %v", n, err)
	}
	if n, err := newLeafSerial(constant{}, noon); err != nil || n.BitLen() != 8*leafSerialBytes-1 {
		t.Errorf("%d bits, %v", n.BitLen(), err)
	}
}
