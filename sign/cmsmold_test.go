package sign

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/format"
)

// moldInput is an input that newCMSMold takes, and certificates for others.
func moldInput(t *testing.T) (p *pki, in CMSInput) {
	t.Helper()
	p = newPKI(t)
	leaf := p.leaf(t, newKey(t, elliptic.P256()))
	return p, CMSInput{Digest: digestOf(crypto.SHA256, testContent), Signer: leaf.key, Chain: []*x509.Certificate{leaf.cert, p.issuing.cert}, SigningTime: time.Now()}
}

// TestMoldedAgain: a second signature out of a mold says what is asked of it and nothing of
// the first.
func TestMoldedAgain(t *testing.T) {
	_, in := moldInput(t)
	m, err := newCMSMold(in)
	must(t, err)
	first, err := m.build(t.Context(), in)
	must(t, err)
	must(t, first.AddTimestamp([]byte{5, 0}))
	before := marshal(t, first)

	other := in
	other.Digest = digestOf(crypto.SHA256, []byte("other"))
	other.SigningTime = in.SigningTime.Add(time.Hour)
	other.Attributes = []format.Attribute{{Type: asn1.ObjectIdentifier{1, 2, 3}, Value: []byte{5, 0}}}
	second, err := m.build(t.Context(), other)
	must(t, err)
	info := readCMS(t, second)
	var digest []byte
	must(t, info.AuthenticatedAttributes.GetOne(ext.MessageDigest(), &digest))
	var at time.Time
	must(t, info.AuthenticatedAttributes.GetOne(ext.SigningTime(), &at))
	if !bytes.Equal(digest, other.Digest) || !at.Equal(other.SigningTime.Truncate(time.Second)) || len(info.AuthenticatedAttributes) != 6 || len(info.UnauthenticatedAttributes) != 0 {
		t.Errorf("digest %x, %s, %d and %d attributes", digest, at, len(info.AuthenticatedAttributes), len(info.UnauthenticatedAttributes))
	}
	if !bytes.Equal(before, marshal(t, first)) {
		t.Error("the first signature has changed")
	}
}

// TestMoldFits: a mold is used for the certificates, hash and type that it was made for,
// and signs with no key but the certificate's.
func TestMoldFits(t *testing.T) {
	p, in := moldInput(t)
	m, err := newCMSMold(in)
	must(t, err)
	if !m.fits(in) {
		t.Fatal("not what it was made of")
	}
	other := p.leaf(t, newKey(t, elliptic.P256()))
	for name, change := range map[string]func(*CMSInput){
		"hash":        func(in *CMSInput) { in.Hash = crypto.SHA384 },
		"type":        func(in *CMSInput) { in.ContentType = asn1.ObjectIdentifier{1, 2, 3} },
		"certificate": func(in *CMSInput) { in.Chain = []*x509.Certificate{other.cert, p.issuing.cert} },
		"chain":       func(in *CMSInput) { in.Chain = in.Chain[:1] },
		"cross":       func(in *CMSInput) { in.Cross = []*x509.Certificate{p.issuing.cert} },
		"no signer":   func(in *CMSInput) { in.Signer = nil },
	} {
		changed := in
		change(&changed)
		if m.fits(changed) {
			t.Errorf("%s: fits", name)
		}
	}
	in.Signer = other.key
	if _, err := m.build(t.Context(), in); !errors.Is(err, errNotSigners) {
		t.Errorf("another's key: %v", err)
	}
}

// TestSigningTimeRefused: a time that no form of CMS can say.
func TestSigningTimeRefused(t *testing.T) {
	_, in := moldInput(t)
	in.SigningTime = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	if _, err := BuildCMS(t.Context(), in); err == nil {
		t.Error("accepted")
	}
}
