package lint_test

import (
	"bytes"
	"encoding/asn1"
	"testing"
)

// Defects that no library would encode: the certificate is taken apart and put together
// again. Signatures no longer fit, which no rule looks at.

type certificate struct {
	TBS       tbs
	Algorithm asn1.RawValue
	Signature asn1.BitString
}

type tbs struct {
	Version    asn1.RawValue
	Serial     asn1.RawValue
	Algorithm  asn1.RawValue
	Issuer     asn1.RawValue
	Validity   asn1.RawValue
	Subject    asn1.RawValue
	Key        asn1.RawValue
	Extensions []asn1.RawValue `asn1:"explicit,tag:3"`
}

func operate(t *testing.T, der []byte, change func(*certificate)) []byte {
	t.Helper()
	var c certificate
	if rest, err := asn1.Unmarshal(der, &c); err != nil || len(rest) != 0 {
		t.Fatal(err)
	}
	change(&c)
	out, err := asn1.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// keyUsageDER is the extension as our leaf has it.
var keyUsageDER = []byte{0x30, 14, 6, 3, 0x55, 0x1d, 0x0f, 1, 1, 0xff, 4, 4, 3, 2, 7, 0x80}

func indexOf(t *testing.T, c *certificate, der []byte) int {
	t.Helper()
	for i, e := range c.TBS.Extensions {
		if bytes.Equal(e.FullBytes, der) {
			return i
		}
	}
	t.Fatalf("no extension % x", der)
	return 0
}

func twice(t *testing.T, der []byte) []byte {
	return operate(t, der, func(c *certificate) {
		c.TBS.Extensions = append(c.TBS.Extensions, c.TBS.Extensions[indexOf(t, c, keyUsageDER)])
	})
}

func uncritical(t *testing.T, der []byte) []byte {
	return operate(t, der, func(c *certificate) {
		c.TBS.Extensions[indexOf(t, c, keyUsageDER)] = asn1.RawValue{FullBytes: []byte{0x30, 11, 6, 3, 0x55, 0x1d, 0x0f, 4, 4, 3, 2, 7, 0x80}}
	})
}

// falseCritical writes out the default of the subject key identifier.
func falseCritical(t *testing.T, der []byte) []byte {
	return operate(t, der, func(c *certificate) {
		for i, e := range c.TBS.Extensions {
			if id := []byte{6, 3, 0x55, 0x1d, 0x0e}; bytes.HasPrefix(e.Bytes, id) {
				e.FullBytes = nil
				e.Bytes = bytes.Join([][]byte{id, {1, 1, 0}, e.Bytes[len(id):]}, nil)
				c.TBS.Extensions[i] = e
				return
			}
		}
		t.Fatal("no subject key identifier")
	})
}

func offCurve(t *testing.T, der []byte) []byte {
	return operate(t, der, func(c *certificate) {
		key := bytes.Clone(c.TBS.Key.FullBytes)
		key[len(key)-1] ^= 1
		c.TBS.Key.FullBytes = key
	})
}

func uniqueID(t *testing.T, der []byte) []byte {
	return operate(t, der, func(c *certificate) {
		c.TBS.Key.FullBytes = append(bytes.Clone(c.TBS.Key.FullBytes), 0x81, 2, 0, 1)
	})
}

func longSerial(t *testing.T, der []byte) []byte {
	return operate(t, der, func(c *certificate) {
		c.TBS.Serial = asn1.RawValue{Tag: asn1.TagInteger, Bytes: bytes.Repeat([]byte{0x11}, 21)}
	})
}

// algorithms sets the ends of the two OIDs below ecdsa-with-SHA2, or the whole of
// ecdsa-with-SHA1 when they are one byte long.
func algorithms(inner, outer []byte) func(*testing.T, []byte) []byte {
	identifier := func(end []byte) asn1.RawValue {
		id := append([]byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 4}, end...)
		return asn1.RawValue{FullBytes: append([]byte{0x30, byte(len(id) + 2), 6, byte(len(id))}, id...)}
	}
	return func(t *testing.T, der []byte) []byte {
		return operate(t, der, func(c *certificate) { c.TBS.Algorithm, c.Algorithm = identifier(inner), identifier(outer) })
	}
}
