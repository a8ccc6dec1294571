package ca

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
)

func stampRequest(t testing.TB, change func(*timestamp.Request)) []byte {
	t.Helper()
	sum := sha256.Sum256([]byte("x"))
	req := timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: sum[:], Nonce: big.NewInt(42)}
	if change != nil {
		change(&req)
	}
	der, err := req.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// answer is a TimeStampResp (RFC 3161 §2.4.2).
type answer struct {
	Status struct {
		Status int
		Text   []asn1.RawValue `asn1:"optional"`
		Fail   asn1.BitString  `asn1:"optional"`
	}
	Token asn1.RawValue `asn1:"optional"`
}

func readAnswer(t testing.TB, der []byte) answer {
	t.Helper()
	var a answer
	if rest, err := asn1.Unmarshal(der, &a); err != nil || len(rest) != 0 {
		t.Fatalf("response cannot be read: %v, %d bytes left", err, len(rest))
	}
	return a
}

func TestTimestamp(t *testing.T) {
	f := newFixture(t)
	f.clock.Add(1500 * time.Millisecond)
	der, err := f.ca.Timestamp(t.Context(), stampRequest(t, func(r *timestamp.Request) { r.Certificates = true }))
	if err != nil {
		t.Fatal(err)
	}
	stamp, err := timestamp.ParseResponse(der)
	if err != nil {
		t.Fatal(err)
	}
	if stamp.Nonce.Int64() != 42 || !stamp.Policy.Equal(f.ca.arc.TimestampPolicy()) || stamp.Accuracy != time.Second {
		t.Errorf("nonce %v, policy %v, accuracy %v", stamp.Nonce, stamp.Policy, stamp.Accuracy)
	}
	if !stamp.Time.Equal(noon.Add(2 * time.Second)) { // rounded
		t.Errorf("time %s", stamp.Time)
	}
	if len(stamp.Certificates) != 2 {
		t.Errorf("%d certificates, want the authority's and its CA's", len(stamp.Certificates))
	}
	again, err := f.ca.Timestamp(t.Context(), stampRequest(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	other, err := timestamp.ParseResponse(again)
	if err != nil || other.SerialNumber.Cmp(stamp.SerialNumber) == 0 || len(other.Certificates) != 0 {
		t.Errorf("serial %v, %d certificates, %v", other.SerialNumber, len(other.Certificates), err)
	}
}

func TestTimestampRejects(t *testing.T) {
	good := stampRequest(t, nil)
	version := bytes.Replace(good, []byte{2, 1, 1}, []byte{2, 1, 2}, 1)
	for _, c := range []struct {
		name string
		raw  []byte
		bit  int
	}{
		{"empty", nil, failBadDataFormat},
		{"garbage", []byte("garbage"), failBadDataFormat},
		{"truncated", good[:len(good)-1], failBadDataFormat},
		{"trailing byte", append(bytes.Clone(good), 0), failBadDataFormat},
		{"too large", append([]byte{0x30, 0x83, 0x10, 0, 0}, make([]byte, 1<<20)...), failBadDataFormat},
		{"version 2", version, failBadRequest},
		{"SHA-1", stampRequest(t, func(r *timestamp.Request) { r.HashAlgorithm, r.HashedMessage = crypto.SHA1, make([]byte, 20) }), failBadAlg},
		{"short imprint", stampRequest(t, func(r *timestamp.Request) { r.HashedMessage = make([]byte, 31) }), failBadDataFormat},
		{"no imprint", stampRequest(t, func(r *timestamp.Request) { r.HashedMessage = nil }), failBadDataFormat},
		{"another policy", stampRequest(t, func(r *timestamp.Request) { r.TSAPolicyOID = asn1.ObjectIdentifier{1, 2, 3} }), failUnacceptedPolicy},
		{"an extension", stampRequest(t, func(r *timestamp.Request) {
			r.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: []byte{5, 0}}}
		}), failUnacceptedExtension},
		{"a critical extension", stampRequest(t, func(r *timestamp.Request) {
			r.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		}), failUnacceptedExtension},
		{"huge nonce", stampRequest(t, func(r *timestamp.Request) { r.Nonce = new(big.Int).Lsh(big.NewInt(1), 1000) }), failBadRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			der, err := f.ca.Timestamp(t.Context(), c.raw)
			if err != nil {
				t.Fatal(err)
			}
			a := readAnswer(t, der)
			if a.Status.Status != 2 || len(a.Token.FullBytes) != 0 || a.Status.Fail.At(c.bit) != 1 || len(a.Status.Text) != 1 {
				t.Errorf("%+v, want rejection with bit %d", a, c.bit)
			}
		})
	}
}

func TestStampDigestRefuses(t *testing.T) {
	f := newFixture(t)
	for hash, n := range map[crypto.Hash]int{crypto.SHA1: 20, crypto.SHA256: 31, crypto.SHA512: 0} {
		if _, err := f.ca.StampDigest(t.Context(), hash, make([]byte, n)); err == nil {
			t.Errorf("stamped %d bytes of %v", n, hash)
		}
	}
}

// FuzzTimestamp: every request gets a well-formed answer; one with a token is about
// the imprint and nonce asked for.
func FuzzTimestamp(f *testing.F) {
	f.Add(stampRequest(f, nil))
	f.Add(stampRequest(f, func(r *timestamp.Request) { r.Certificates = true }))
	f.Add(stampRequest(f, func(r *timestamp.Request) { r.TSAPolicyOID = asn1.ObjectIdentifier{1, 2, 3} }))
	fix := newFixture(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		der, err := fix.ca.Timestamp(context.Background(), raw)
		if err != nil {
			t.Fatal(err)
		}
		a := readAnswer(t, der)
		if a.Status.Status != 0 {
			if len(a.Token.FullBytes) != 0 || a.Status.Status != 2 {
				t.Fatalf("%+v", a)
			}
			return
		}
		req, err := timestamp.ParseRequest(raw)
		if err != nil {
			t.Fatal("granted what cannot be read")
		}
		stamp, err := timestamp.ParseResponse(der)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(stamp.HashedMessage, req.HashedMessage) || stamp.HashAlgorithm != req.HashAlgorithm {
			t.Fatal("another imprint")
		}
		if (req.Nonce == nil) != (stamp.Nonce == nil) || req.Nonce != nil && req.Nonce.Cmp(stamp.Nonce) != 0 {
			t.Fatalf("nonce %v, want %v", stamp.Nonce, req.Nonce)
		}
	})
}
