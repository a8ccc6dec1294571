package ocsp

import (
	"bytes"
	"crypto"
	"encoding/asn1"
	"math/big"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ocsp"
)

// wire is a request that tests take apart.
type wire struct {
	version    int // 0: left out, as DER wants it
	ids        [][]byte
	nonce      []byte // whole extnValue
	extensions [][]byte
	signature  []byte
}

func (w wire) der(t testing.TB) []byte {
	t.Helper()
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			if w.version != 0 {
				b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { b.AddASN1Int64(int64(w.version)) })
			}
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				for _, id := range w.ids {
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(id) })
				}
			})
			if w.nonce != nil {
				w.extensions = append(w.extensions, extensionDER(t, oidNonce, false, w.nonce))
			}
			if w.extensions != nil {
				b.AddASN1(explicit(2), func(b *cryptobyte.Builder) {
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(bytes.Join(w.extensions, nil)) })
				})
			}
		})
		b.AddBytes(w.signature)
	})
	der, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func extensionDER(t testing.TB, oid asn1.ObjectIdentifier, critical bool, value []byte) []byte {
	t.Helper()
	der, err := asn1.Marshal(struct {
		ID       asn1.ObjectIdentifier
		Critical bool `asn1:"optional"`
		Value    []byte
	}{oid, critical, value})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func octets(n int) []byte {
	var b cryptobyte.Builder
	b.AddASN1OctetString(bytes.Repeat([]byte{7}, n))
	return b.BytesOrPanic()
}

// idOf is a CertID of an issuer whose hashes are all sevens.
func idOf(serial int64, edit func(*CertID)) []byte {
	sevens := strings.Repeat("\x07", crypto.SHA1.Size())
	id := CertID{Hash: crypto.SHA1, Null: true, NameHash: sevens, KeyHash: sevens, Serial: big.NewInt(serial)}
	if edit != nil {
		edit(&id)
	}
	var b cryptobyte.Builder
	id.add(&b)
	return b.BytesOrPanic()
}

// requests are a good one, and others that differ from it in one thing; refused says that
// they are malformed.
func requests(t testing.TB) map[string]struct {
	der     []byte
	refused bool
} {
	one := func(edit func(*CertID)) wire { return wire{ids: [][]byte{idOf(5, edit)}} }
	good := one(nil)
	with := func(edit func(*wire)) []byte { w := good; edit(&w); return w.der(t) }
	unknown := asn1.ObjectIdentifier{1, 2, 3}
	return map[string]struct {
		der     []byte
		refused bool
	}{
		"good":                         {good.der(t), false},
		"no parameters":                {one(func(id *CertID) { id.Null = false }).der(t), false},
		"nonce of 1 byte":              {with(func(w *wire) { w.nonce = octets(1) }), false},
		"nonce of 128 bytes":           {with(func(w *wire) { w.nonce = octets(128) }), false},
		"nonce of no bytes":            {with(func(w *wire) { w.nonce = octets(0) }), true},
		"nonce of 129 bytes":           {with(func(w *wire) { w.nonce = octets(129) }), true},
		"nonce not in an octet string": {with(func(w *wire) { w.nonce = []byte{1, 2, 3} }), true},
		"nonce with more behind it":    {with(func(w *wire) { w.nonce = append(octets(4), 0) }), true},
		"two nonces": {with(func(w *wire) {
			w.nonce, w.extensions = octets(4), [][]byte{extensionDER(t, oidNonce, false, octets(4))}
		}), true},
		"unknown extension":          {with(func(w *wire) { w.extensions = [][]byte{extensionDER(t, unknown, false, []byte{5, 0})} }), false},
		"unknown critical extension": {with(func(w *wire) { w.extensions = [][]byte{extensionDER(t, unknown, true, []byte{5, 0})} }), true},
		"empty extensions":           {with(func(w *wire) { w.extensions = [][]byte{} }), true},
		"version 2":                  {with(func(w *wire) { w.version = 1 }), true},
		"no certificate":             {with(func(w *wire) { w.ids = nil }), true},
		"16 certificates":            {with(func(w *wire) { w.ids = slices.Repeat(w.ids, maxIDs) }), false},
		"17 certificates":            {with(func(w *wire) { w.ids = slices.Repeat(w.ids, maxIDs+1) }), true},
		"short hash":                 {one(func(id *CertID) { id.KeyHash = "x" }).der(t), true},
		"unknown hash":               {bytes.Replace(good.der(t), []byte{6, 5, 43, 14, 3, 2, 26}, []byte{6, 5, 43, 14, 3, 2, 25}, 1), true},
		"bad parameters": {with(func(w *wire) {
			w.ids = [][]byte{bytes.Replace(w.ids[0], []byte{26, 5, 0}, []byte{26, 4, 0}, 1)}
		}), true},
		"signed":      {with(func(w *wire) { w.signature = []byte{0xa0, 2, 0x30, 0} }), false}, // by whom makes no difference
		"more behind": {append(good.der(t), 0), true},
		"cut off":     {good.der(t)[:40], true},
		"beyond bounds": {with(func(w *wire) {
			w.extensions = [][]byte{extensionDER(t, unknown, false, make([]byte, MaxRequestBytes))}
		}), true},
	}
}

func TestParseRequest(t *testing.T) {
	for name, c := range requests(t) {
		req, err := ParseRequest(c.der)
		if (err != nil) != c.refused {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && (len(req.IDs) == 0 || req.IDs[0].Serial.Int64() != 5) {
			t.Errorf("%s: %+v", name, req)
		}
		if plain := name == "good" || name == "no parameters" || name == "16 certificates"; err == nil && req.Extended == plain {
			t.Errorf("%s: extended is %v", name, req.Extended)
		}
	}
}

// FuzzParseRequest: a request that is taken means what x/crypto's reader, where it takes
// it, says, and the CertIDs of an answer are those of the request.
func FuzzParseRequest(f *testing.F) {
	for _, c := range requests(f) {
		f.Add(c.der)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		req, err := ParseRequest(raw)
		if err != nil {
			return
		}
		if len(req.IDs) == 0 || len(req.IDs) > maxIDs || len(req.Nonce) > maxNonceBytes {
			t.Fatalf("beyond bounds: %+v", req)
		}
		if theirs, err := ocsp.ParseRequest(raw); err == nil && theirs.SerialNumber.Cmp(req.IDs[0].Serial) != 0 {
			t.Fatalf("read as %x, by another reader as %x", req.IDs[0].Serial, theirs.SerialNumber)
		}
		for _, id := range req.IDs {
			var b cryptobyte.Builder
			id.add(&b)
			if !bytes.Contains(raw, b.BytesOrPanic()) {
				t.Fatalf("the answer is about %+v, which was not asked", id)
			}
		}
	})
}
