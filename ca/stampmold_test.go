package ca

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// asResponse puts a token where TimeStampResp has it.
func asResponse(t *testing.T, token []byte) []byte {
	t.Helper()
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1Int64(0) })
		b.AddBytes(token)
	})
	response, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// TestStampLikeTheLibrary: but for what differs from token to token, a token out of the
// mold has the bytes of one that the library writes.
func TestStampLikeTheLibrary(t *testing.T) {
	f := newFixture(t)
	for hash := range stampHashes {
		digest := bytes.Repeat([]byte{0xa5}, hash.Size())
		theirs, err := f.ca.tsa.grant(t.Context(), &timestamp.Request{HashAlgorithm: hash, HashedMessage: digest, Certificates: true})
		if err != nil {
			t.Fatal(err)
		}
		token, err := f.ca.StampDigest(t.Context(), hash, digest)
		if err != nil {
			t.Fatal(err)
		}
		var want, got stampMold
		if !want.take(theirs) || !got.take(asResponse(t, token)) {
			t.Fatalf("%v: a token does not read", hash)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(stampMold{})); diff != "" {
			t.Errorf("%v (-library +mold):\n%s", hash, diff)
		}
		read, err := timestamp.Parse(token) // which verifies the signature
		if err != nil {
			t.Fatalf("%v: %v", hash, err)
		}
		if read.HashAlgorithm != hash || !bytes.Equal(read.HashedMessage, digest) || !read.Time.Equal(noon) || read.Accuracy != timestampAccuracy {
			t.Errorf("%v: %+v", hash, read)
		}
		again, err := f.ca.StampDigest(t.Context(), hash, digest)
		if err != nil {
			t.Fatal(err)
		}
		second, err := timestamp.Parse(again)
		if err != nil || second.SerialNumber.Cmp(read.SerialNumber) == 0 {
			t.Errorf("%v: a serial number twice: %v, %v", hash, second.SerialNumber, err)
		}
		if !slices.ContainsFunc(read.Certificates, func(c *x509.Certificate) bool { return c.Equal(f.ca.tsa.chain[0]) }) {
			t.Errorf("%v: the CA's certificate is not inside", hash)
		}
	}
}

// TestMoldRefuses: a sample of another form is not taken for one.
func TestMoldRefuses(t *testing.T) {
	f := newFixture(t)
	good, err := f.ca.tsa.grant(t.Context(), &timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: make([]byte, 32), Certificates: true})
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		if new(stampMold).take(good[:i]) {
			t.Fatalf("took the first %d of %d bytes", i, len(good))
		}
	}
	without, err := f.ca.tsa.grant(t.Context(), &timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	if new(stampMold).take(without) {
		t.Error("took one without certificates")
	}
	if new(stampMold).take(append(slices.Clone(good), 0)) {
		t.Error("took one with a byte behind it")
	}
}

// TestStampIn2050 has the signing time as GeneralizedTime.
func TestStampIn2050(t *testing.T) {
	f := newFixture(t)
	m, err := f.ca.tsa.mold(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2050, 1, 2, 3, 4, 5, 0, time.UTC)
	token, err := m.stamp(make([]byte, 32), at, f.ca.tsa.signer)
	if err != nil {
		t.Fatal(err)
	}
	if !new(stampMold).take(asResponse(t, token)) {
		t.Error("does not read")
	}
	said, err := asn1.MarshalWithParams(at, "generalized")
	if err != nil || bytes.Count(token, said) != 2 { // in TSTInfo and as signing time
		t.Errorf("%d times %x, %v", bytes.Count(token, said), said, err)
	}
}
