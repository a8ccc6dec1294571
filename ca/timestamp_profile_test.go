package ca

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"strings"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/smallstep/pkcs7"
)

// signedStampInfo is TSTInfo of RFC 3161 §2.4.2, read without the library that wrote it.
type signedStampInfo struct {
	Version  int
	Policy   asn1.ObjectIdentifier
	Imprint  asn1.RawValue
	Serial   asn1.RawValue
	Time     asn1.RawValue
	Accuracy struct {
		Seconds int `asn1:"optional"`
		Millis  int `asn1:"optional,tag:0"`
		Micros  int `asn1:"optional,tag:1"`
	} `asn1:"optional"`
	Ordering bool          `asn1:"optional"`
	Nonce    asn1.RawValue `asn1:"optional"`
	TSA      asn1.RawValue `asn1:"optional,explicit,tag:0"`
}

// essCertificates is SigningCertificateV2 of RFC 5035 §3, which RFC 5816 §2.2.1 puts into
// tokens.
type essCertificates struct {
	Certs []struct {
		Hash   struct{ Algorithm asn1.ObjectIdentifier } `asn1:"optional"`
		Digest []byte
		Issuer asn1.RawValue `asn1:"optional"`
	}
}

// TestTimestampProfile reads tokens as RFC 3161 §2.4.2 and RFC 5816 §2.2.1 have them.
func TestTimestampProfile(t *testing.T) {
	f := newFixture(t)
	f.clock.Add(250 * time.Millisecond)
	h := hierarchy(t)
	long := sha512.Sum512([]byte("x"))
	for name, c := range map[string]struct {
		change func(*timestamp.Request)
		certs  int
		digest crypto.Hash
	}{
		"no certificates":   {nil, 0, crypto.SHA256},
		"with certificates": {func(r *timestamp.Request) { r.Certificates = true }, 2, crypto.SHA256},
		"our policy":        {func(r *timestamp.Request) { r.TSAPolicyOID = f.ca.arc.TimestampPolicy() }, 0, crypto.SHA256},
		"SHA-512":           {func(r *timestamp.Request) { r.HashAlgorithm, r.HashedMessage = crypto.SHA512, long[:] }, 0, crypto.SHA512},
	} {
		t.Run(name, func(t *testing.T) {
			der, err := f.ca.Timestamp(context.Background(), stampRequest(t, c.change))
			if err != nil {
				t.Fatal(err)
			}
			a := readAnswer(t, der)
			token, err := pkcs7.Parse(a.Token.FullBytes)
			if err != nil {
				t.Fatal(err)
			}
			var info signedStampInfo
			if rest, err := asn1.Unmarshal(token.Content, &info); err != nil || len(rest) != 0 {
				t.Fatalf("TSTInfo: %v", err)
			}
			if info.Version != 1 || !info.Policy.Equal(f.ca.arc.TimestampPolicy()) || info.Ordering || info.Accuracy.Seconds != 1 || info.Accuracy.Millis+info.Accuracy.Micros != 0 {
				t.Errorf("%+v", info)
			}
			if info.Time.Tag != asn1.TagGeneralizedTime || string(info.Time.Bytes) != "20260601120000Z" {
				t.Errorf("time %q", info.Time.Bytes)
			}
			if !bytes.Contains(info.TSA.FullBytes, h.tsa.RawSubject) {
				t.Error("the token does not name its authority")
			}
			if len(token.Certificates) != c.certs || len(token.Signers) != 1 {
				t.Errorf("%d certificates, %d signers", len(token.Certificates), len(token.Signers))
			}
			var ess essCertificates
			if err := token.UnmarshalSignedAttribute(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}, &ess); err != nil || len(ess.Certs) != 1 {
				t.Fatalf("signing-certificate-v2: %v", err)
			}
			sum := c.digest.New()
			sum.Write(h.tsa.Raw)
			if !bytes.Equal(ess.Certs[0].Digest, sum.Sum(nil)) || (c.digest == crypto.SHA256) != (ess.Certs[0].Hash.Algorithm == nil) {
				t.Errorf("signing-certificate-v2 %+v", ess)
			}
		})
	}
}

// TestTimestampingCertificates: RFC 3161 §2.3 for the authority; its CA certifies nothing else.
func TestTimestampingCertificates(t *testing.T) {
	h := hierarchy(t)
	usage := asn1.ObjectIdentifier{2, 5, 29, 37}
	for _, e := range h.tsa.Extensions {
		if e.Id.Equal(usage) && !e.Critical {
			t.Error("extended key usage is not critical")
		}
	}
	for name, c := range map[string]*x509.Certificate{"authority": h.tsa, "its CA": h.timestamping} {
		if len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageTimeStamping || len(c.UnknownExtKeyUsage) != 0 {
			t.Errorf("%s: extended key usages %v", name, c.ExtKeyUsage)
		}
	}
	if h.tsa.KeyUsage != x509.KeyUsageDigitalSignature || h.tsa.IsCA || !h.timestamping.MaxPathLenZero {
		t.Error("key usage, or a CA where there should be none")
	}
	if err := h.tsa.CheckSignatureFrom(h.timestamping); err != nil {
		t.Error(err)
	}
}

// TestTimestampOutsideCertificate: a token that nobody can verify is not made.
func TestTimestampOutsideCertificate(t *testing.T) {
	for name, at := range map[string]time.Time{
		"before": hierarchy(t).tsa.NotBefore.Add(-time.Second), "after": hierarchy(t).tsa.NotAfter.Add(time.Second),
	} {
		f := newFixture(t)
		f.clock.Add(at.Sub(f.clock.Now()))
		der, err := f.ca.Timestamp(t.Context(), stampRequest(t, nil))
		if err == nil || !strings.Contains(err.Error(), "certificate is good from") {
			t.Errorf("%s: %v", name, err)
		}
		if a := readAnswer(t, der); a.Status.Status != 2 || a.Status.Fail.At(failSystem) != 1 || len(a.Token.FullBytes) != 0 {
			t.Errorf("%s: %+v, want systemFailure", name, a)
		}
		sum := sha256.Sum256(nil)
		if token, err := f.ca.StampDigest(t.Context(), crypto.SHA256, sum[:]); err == nil || token != nil {
			t.Errorf("%s: stamped", name)
		}
	}
}
