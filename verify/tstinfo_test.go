package verify_test

import (
	"bytes"
	"crypto"
	"encoding/asn1"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// info is a TSTInfo with parts to exchange.
type info struct {
	version         int64
	policy, imprint []byte
	serial          []byte
	at              string
	rest            []byte
}

func element(tag cbasn1.Tag, content ...[]byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(bytes.Join(content, nil)) })
	return b.BytesOrPanic()
}

func goodInfo() info {
	sha256 := element(cbasn1.SEQUENCE, []byte{6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1}, []byte{5, 0})
	return info{
		version: 1, policy: []byte{6, 2, 0x2a, 3}, serial: []byte{2, 1, 7}, at: "20260301110000Z",
		imprint: element(cbasn1.SEQUENCE, sha256, element(cbasn1.OCTET_STRING, make([]byte, 32))),
	}
}

func (i info) der() []byte {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(i.version)
		b.AddBytes(i.policy)
		b.AddBytes(i.imprint)
		b.AddBytes(i.serial)
		b.AddASN1(cbasn1.GeneralizedTime, func(b *cryptobyte.Builder) { b.AddBytes([]byte(i.at)) })
		b.AddBytes(i.rest)
	})
	return b.BytesOrPanic()
}

func extensions(critical ...byte) []byte {
	flag := []byte{}
	if critical != nil {
		flag = element(cbasn1.BOOLEAN, critical)
	}
	one := element(cbasn1.SEQUENCE, []byte{6, 2, 0x2a, 3}, flag, element(cbasn1.OCTET_STRING, []byte{5, 0}))
	return element(cbasn1.Tag(1).ContextSpecific().Constructed(), one)
}

func fullRest() []byte {
	return bytes.Join([][]byte{
		element(cbasn1.SEQUENCE, []byte{2, 1, 1}, []byte{0x80, 1, 1}, []byte{0x81, 1, 1}), {1, 1, 0xff}, {2, 1, 9},
		element(cbasn1.Tag(0).ContextSpecific().Constructed(), []byte{0x82, 1, 'x'}), extensions(),
	}, nil)
}

func TestTSTInfo(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*info)
		want   time.Time
	}{
		"plain":           {func(*info) {}, time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC)},
		"fraction":        {func(i *info) { i.at = "20260301110000.25Z" }, time.Date(2026, 3, 1, 11, 0, 0, 250e6, time.UTC)},
		"everything else": {func(i *info) { i.rest = fullRest() }, time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC)},
	} {
		i := goodInfo()
		c.change(&i)
		h, imprint, at, err := verify.ParseTSTInfo(i.der())
		if err != nil || h != crypto.SHA256 || !bytes.Equal(imprint, make([]byte, 32)) || !at.Equal(c.want) {
			t.Errorf("%s: %v %x %v %v", name, h, imprint, at, err)
		}
	}
}

func TestTSTInfoRefuses(t *testing.T) {
	good := goodInfo()
	for name, change := range map[string]func(*info){
		"version 2":         func(i *info) { i.version = 2 },
		"no policy":         func(i *info) { i.policy = nil },
		"no imprint":        func(i *info) { i.imprint = nil },
		"imprint with more": func(i *info) { i.imprint = element(cbasn1.SEQUENCE, i.imprint[2:], []byte{5, 0}) },
		"imprint with SHA-1": func(i *info) {
			i.imprint = bytes.Replace(i.imprint, []byte{6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1}, []byte{6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 9}, 1)
		},
		"no serial":             func(i *info) { i.serial = nil },
		"serial not minimal":    func(i *info) { i.serial = []byte{2, 2, 0, 7} },
		"no time":               func(i *info) { i.at = "" },
		"local time":            func(i *info) { i.at = "20260301110000" },
		"other zone":            func(i *info) { i.at = "20260301110000+0100" },
		"zero at the end":       func(i *info) { i.at = "20260301110000.250Z" },
		"comma":                 func(i *info) { i.at = "20260301110000,25Z" },
		"no fraction":           func(i *info) { i.at = "20260301110000.Z" },
		"no seconds":            func(i *info) { i.at = "202603011100Z" },
		"leap day":              func(i *info) { i.at = "20260229110000Z" },
		"trailing":              func(i *info) { i.rest = []byte{4, 0} },
		"ordering that is said": func(i *info) { i.rest = []byte{1, 1, 0} },
		"order":                 func(i *info) { i.rest = []byte{2, 1, 9, 1, 1, 0xff} },
		"two nonces":            func(i *info) { i.rest = []byte{2, 1, 9, 2, 1, 9} },
		"accuracy with more":    func(i *info) { i.rest = element(cbasn1.SEQUENCE, []byte{2, 1, 1, 2, 1, 1}) },
		"critical extension":    func(i *info) { i.rest = extensions(0xff) },
		"critical that is not":  func(i *info) { i.rest = extensions(0) },
		"no extensions":         func(i *info) { i.rest = []byte{0xa1, 0} },
		"extension of nothing":  func(i *info) { i.rest = []byte{0xa1, 2, 0x30, 0} },
	} {
		i := good
		change(&i)
		if h, imprint, at, err := verify.ParseTSTInfo(i.der()); err == nil {
			t.Errorf("%s: %v %x %v", name, h, imprint, at)
		}
	}
	der := good.der()
	for n := range der {
		if _, _, _, err := verify.ParseTSTInfo(der[:n]); err == nil {
			t.Errorf("cut at %d", n)
		}
	}
	if _, _, _, err := verify.ParseTSTInfo(append(der, 0)); err == nil {
		t.Error("trailing byte")
	}
}

// FuzzTSTInfo: what is read here, encoding/asn1 reads the same way, as the general library does.
func FuzzTSTInfo(f *testing.F) {
	i := goodInfo()
	f.Add(i.der())
	i.rest = fullRest()
	f.Add(i.der())
	p := pki.New(f)
	made, err := verify.TokenContent(p.Stamp(f, p.TSA, []byte("x"), p.Signed))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(made)
	f.Fuzz(func(t *testing.T, der []byte) {
		_, imprint, at, err := verify.ParseTSTInfo(der)
		if err != nil {
			return
		}
		var other struct {
			Version int
			Policy  asn1.ObjectIdentifier
			Imprint struct {
				Algorithm asn1.RawValue
				Digest    []byte
			}
			Serial asn1.RawValue
			At     time.Time     `asn1:"generalized"`
			Rest   asn1.RawValue `asn1:"optional"`
		}
		if _, err := asn1.Unmarshal(der, &other); err != nil || !other.At.Equal(at) || !bytes.Equal(other.Imprint.Digest, imprint) {
			t.Errorf("%v %v and %v %x: %x", err, at, other.At, imprint, der)
		}
	})
}

// TestTokenAgainstLibrary: on good tokens, and on each with one byte changed, what is
// accepted here is accepted by the general library, and means the same.
func TestTokenAgainstLibrary(t *testing.T) {
	p := pki.New(t)
	token := p.Stamp(t, p.TSA, []byte("x"), p.Signed)
	accepted := 0
	for n := -1; n < len(token); n++ {
		changed := bytes.Clone(token)
		if n >= 0 {
			changed[n] ^= 0x01
		}
		if _, _, err := verify.ReadToken(changed); err != nil {
			continue
		}
		accepted++
		content, err := verify.TokenContent(changed)
		if err != nil {
			t.Fatal(err)
		}
		h, imprint, at, err := verify.ParseTSTInfo(content)
		if err != nil {
			t.Fatal(err)
		}
		other, err := timestamp.Parse(changed)
		if err != nil || other.HashAlgorithm != h || !bytes.Equal(other.HashedMessage, imprint) || !other.Time.Equal(at) {
			t.Errorf("byte %d: %v %+v", n, err, other)
		}
	}
	if accepted == 0 {
		t.Error("not even the good one")
	}
	t.Logf("%d of %d accepted", accepted, len(token)+1)
}
