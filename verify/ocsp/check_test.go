package ocsp_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/verify/ocsp"
	xocsp "golang.org/x/crypto/ocsp"
)

func checker() ocsp.Checker {
	return ocsp.Checker{Now: func() time.Time { return noon }, MaxAge: 24 * time.Hour}
}

func TestAccepted(t *testing.T) {
	c := made(t)
	nonce := []byte("0123456789abcdef")
	for name, change := range map[string]struct {
		change func(*message)
		nonce  []byte
		want   ocsp.Status
	}{
		"good":                {func(*message) {}, nil, ocsp.Good},
		"responder by key":    {func(m *message) { m.byKey = true }, nil, ocsp.Good},
		"the issuer itself":   {func(m *message) { m.named, m.key, m.certs = c.issuer, c.issuerKey, nil }, nil, ocsp.Good},
		"SHA-256":             {func(m *message) { m.answers[0].sha256 = true }, nil, ocsp.Good},
		"without next update": {func(m *message) { m.answers[0].nextUpdate = time.Time{} }, nil, ocsp.Good},
		"unknown":             {func(m *message) { m.answers[0].status = ocsp.Unknown }, nil, ocsp.Unknown},
		"revoked": {func(m *message) {
			m.answers[0].status, m.answers[0].revokedAt, m.answers[0].reason = ocsp.Revoked, noon.AddDate(0, 0, -3), 1
		}, nil, ocsp.Revoked},
		"another answer beside it": {func(m *message) {
			other := m.answers[0]
			other.serial, other.status = big.NewInt(99), ocsp.Unknown
			other.extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true}}
			m.answers = append([]single{other}, m.answers...)
		}, nil, ocsp.Good},
		"harmless extension":    {func(m *message) { m.extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}}} }, nil, ocsp.Good},
		"nonce":                 {func(m *message) { m.extensions = []pkix.Extension{nonceOf(t, nonce)} }, nonce, ocsp.Good},
		"nonce nobody sent":     {func(m *message) { m.extensions = []pkix.Extension{nonceOf(t, nonce)} }, nil, ocsp.Good},
		"within the clock skew": {func(m *message) { m.producedAt, m.answers[0].thisUpdate = noon.Add(ocsp.Skew), noon.Add(ocsp.Skew) }, nil, ocsp.Good},
	} {
		m := good(c)
		change.change(m)
		a, err := checker().Check(m.der(t), ocsp.Query{Certificate: c.leaf, Issuer: c.issuer, Nonce: change.nonce})
		if err != nil || a.Status != change.want || a.Responder == nil || !a.ThisUpdate.Equal(m.answers[len(m.answers)-1].thisUpdate) {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
		if a.Status == ocsp.Revoked && (a.Reason != 1 || !a.RevokedAt.Equal(noon.AddDate(0, 0, -3))) {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

func nonceOf(t testing.TB, nonce []byte) pkix.Extension {
	t.Helper()
	value, err := asn1.Marshal(nonce)
	if err != nil {
		t.Fatal(err)
	}
	return pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}, Value: value}
}

// refusals break exactly one thing of a good response each.
func refusals(t testing.TB, c *cast) []struct {
	code   ocsp.Code
	name   string
	change func(*message)
} {
	t.Helper()
	// with signs the response by a responder whose certificate has one thing changed.
	with := func(parent *x509.Certificate, key *ecdsa.PrivateKey, change func(*x509.Certificate)) func(*message) {
		return func(m *message) {
			der, err := x509.CreateCertificate(rand.Reader, delegate(change), parent, c.responderKey.Public(), key)
			if err != nil {
				t.Fatal(err)
			}
			cert, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			m.certs, m.named = []*x509.Certificate{cert}, cert
		}
	}
	of := func(change func(*x509.Certificate)) func(*message) { return with(c.issuer, c.issuerKey, change) }
	first := func(change func(*single)) func(*message) { return func(m *message) { change(&m.answers[0]) } }
	critical := []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true}}
	double := []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}}, {Id: asn1.ObjectIdentifier{1, 2, 3}}}
	return []struct {
		code   ocsp.Code
		name   string
		change func(*message)
	}{
		{ocsp.Malformed, "default version written out", func(m *message) { m.version = true }},
		{ocsp.Malformed, "65 answers", func(m *message) { m.answers = slices.Repeat(m.answers, 65) }},
		{ocsp.Malformed, "5 certificates", func(m *message) { m.certs = slices.Repeat(m.certs, 5) }},
		{ocsp.Malformed, "17 extensions", func(m *message) { m.extensions = slices.Repeat(double[:1], 17); distinct(m.extensions) }},
		{ocsp.NotSuccessful, "tryLater", func(m *message) { m.outerStatus = 3 }},
		{ocsp.ResponseType, "another type", func(m *message) { m.kind = asn1.ObjectIdentifier{1, 2, 3} }},
		{ocsp.CriticalExtension, "of the response", func(m *message) { m.extensions = critical }},
		{ocsp.CriticalExtension, "of the answer", first(func(s *single) { s.extensions = critical })},
		{ocsp.DuplicateExtension, "of the response", func(m *message) { m.extensions = double }},
		{ocsp.DuplicateExtension, "of the answer", first(func(s *single) { s.extensions = double })},
		{ocsp.NoMatch, "no answers", func(m *message) { m.answers = nil }},
		{ocsp.NoMatch, "another serial number", first(func(s *single) { s.serial = c.another.SerialNumber })},
		{ocsp.NoMatch, "another CA of the same name", first(func(s *single) { s.issuer = c.other })},
		{ocsp.Ambiguous, "twice", func(m *message) { m.answers = slices.Repeat(m.answers, 2) }},
		{ocsp.Ambiguous, "under two hashes", func(m *message) {
			second := m.answers[0]
			second.sha256, second.status = true, ocsp.Unknown
			m.answers = append(m.answers, second)
		}},
		{ocsp.ResponderUnknown, "certificate left out", func(m *message) { m.certs = nil }},
		{ocsp.ResponderUnknown, "another named", func(m *message) { m.named = c.leaf }},
		{ocsp.ResponderUntrusted, "another CA of the same name", with(c.other, c.otherKey, nil)},
		{ocsp.ResponderUntrusted, "issued by the responder", with(c.responder, c.responderKey, nil)},
		{ocsp.ResponderUntrusted, "vouched for with SHA-1", of(func(t *x509.Certificate) { t.SignatureAlgorithm = x509.ECDSAWithSHA1 })},
		{ocsp.ResponderPurpose, "no OCSPSigning", of(func(t *x509.Certificate) { t.ExtKeyUsage = nil })},
		{ocsp.ResponderPurpose, "any purpose", of(func(t *x509.Certificate) { t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} })},
		{ocsp.ResponderPurpose, "no digitalSignature", of(func(t *x509.Certificate) { t.KeyUsage = x509.KeyUsageContentCommitment })},
		{ocsp.ResponderPurpose, "unknown critical extension", of(func(t *x509.Certificate) {
			t.ExtraExtensions = append(t.ExtraExtensions, critical...)
		})},
		{ocsp.ResponderPurpose, "a leaf of the same CA", func(m *message) { m.certs, m.named, m.key = []*x509.Certificate{c.leaf}, c.leaf, c.otherKey }},
		{ocsp.ResponderExpired, "yesterday", of(func(t *x509.Certificate) { t.NotAfter = noon.AddDate(0, 0, -1) })},
		{ocsp.ResponderExpired, "tomorrow", of(func(t *x509.Certificate) { t.NotBefore = noon.AddDate(0, 0, 1) })},
		{ocsp.ResponderUnchecked, "no nocheck", of(func(t *x509.Certificate) { t.ExtraExtensions = nil })},
		{ocsp.SignatureAlgorithm, "ECDSA with SHA-1", func(m *message) { m.algorithm = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 1} }},
		{ocsp.SignatureInvalid, "spoilt", func(m *message) { m.spoil = true }},
		{ocsp.SignatureInvalid, "another key", func(m *message) { m.key = c.otherKey }},
		{ocsp.SignatureInvalid, "the responder's, in the issuer's name", func(m *message) { m.named = c.issuer }},
		{ocsp.NotYetValid, "this update", first(func(s *single) { s.thisUpdate = noon.Add(ocsp.Skew + time.Second) })},
		{ocsp.NotYetValid, "produced", func(m *message) { m.producedAt = noon.Add(ocsp.Skew + time.Second) }},
		{ocsp.Expired, "next update", first(func(s *single) { s.nextUpdate = noon.Add(-ocsp.Skew - time.Second) })},
		{ocsp.TooOld, "a day", func(m *message) {
			m.answers[0].thisUpdate, m.answers[0].nextUpdate = noon.Add(-24*time.Hour-time.Second), time.Time{}
		}},
		{ocsp.TimesContradict, "next before this", first(func(s *single) { s.nextUpdate = s.thisUpdate.Add(-time.Second) })},
		{ocsp.TimesContradict, "produced before this", func(m *message) { m.producedAt = m.answers[0].thisUpdate.Add(-ocsp.Skew - time.Second) }},
	}
}

// distinct numbers extensions, so that none stands twice.
func distinct(extensions []pkix.Extension) {
	for i := range extensions {
		extensions[i].Id = asn1.ObjectIdentifier{1, 2, 3, i}
	}
}

func TestRefused(t *testing.T) {
	c := made(t)
	covered := map[ocsp.Code]bool{}
	for _, r := range refusals(t, c) {
		covered[r.code] = true
		m := good(c)
		r.change(m)
		a, err := checker().Check(m.der(t), ocsp.Query{Certificate: c.leaf, Issuer: c.issuer})
		if ocsp.CodeOf(err) != r.code || a.Status != ocsp.Unknown {
			t.Errorf("%s, %s: %+v, %v", r.code, r.name, a, err)
		}
	}
	for name, sent := range map[ocsp.Code][]byte{ocsp.NonceMissing: []byte("0123456789abcdef"), ocsp.NonceMismatch: []byte("0123456789abcdef")} {
		covered[name] = true
		m := good(c)
		if name == ocsp.NonceMismatch {
			m.extensions = []pkix.Extension{nonceOf(t, []byte("0123456789abcdeg"))}
		}
		if _, err := checker().Check(m.der(t), ocsp.Query{Certificate: c.leaf, Issuer: c.issuer, Nonce: sent}); ocsp.CodeOf(err) != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, code := range ocsp.Codes() {
		if !covered[code] {
			t.Errorf("nothing is refused with %s", code)
		}
	}
}

// TestMalformed: no prefix, no byte after the end, and no other version of the bytes.
func TestMalformed(t *testing.T) {
	c := made(t)
	der := good(c).der(t)
	q := ocsp.Query{Certificate: c.leaf, Issuer: c.issuer}
	for n := range len(der) {
		if _, err := checker().Check(der[:n], q); ocsp.CodeOf(err) != ocsp.Malformed {
			t.Errorf("first %d bytes: %v", n, err)
		}
	}
	for name, raw := range map[string][]byte{"a byte more": append(slices.Clone(der), 0), "too large": make([]byte, 64<<10+1)} {
		if _, err := checker().Check(raw, q); ocsp.CodeOf(err) != ocsp.Malformed {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range der {
		changed := slices.Clone(der)
		changed[i] ^= 1
		if a, err := checker().Check(changed, q); err == nil {
			t.Errorf("byte %d changed: %+v", i, a)
		}
	}
	if _, err := checker().Check(der, ocsp.Query{}); err == nil {
		t.Error("without a certificate: accepted")
	}
}

// TestRequest: the library that our responder reads with understands what we send.
func TestRequest(t *testing.T) {
	c := made(t)
	for _, nonce := range [][]byte{nil, []byte("0123456789abcdef")} {
		der, err := ocsp.MarshalRequest(ocsp.Query{Certificate: c.leaf, Issuer: c.issuer, Nonce: nonce})
		if err != nil {
			t.Fatal(err)
		}
		req, err := xocsp.ParseRequest(der)
		if err != nil || req.SerialNumber.Cmp(c.leaf.SerialNumber) != 0 || req.HashAlgorithm != crypto.SHA1 {
			t.Errorf("%+v, %v", req, err)
		}
		plain, err := xocsp.CreateRequest(c.leaf, c.issuer, nil)
		if err != nil || nonce == nil && !bytes.Equal(plain, der) {
			t.Errorf("% x and % x, %v", der, plain, err)
		}
		if nonce != nil && !bytes.Contains(der, nonce) {
			t.Error("no nonce")
		}
	}
	for name, q := range map[string]ocsp.Query{"nothing": {}, "long nonce": {Certificate: c.leaf, Issuer: c.issuer, Nonce: make([]byte, 33)}} {
		if _, err := ocsp.MarshalRequest(q); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
