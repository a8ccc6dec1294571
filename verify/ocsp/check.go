package ocsp

import (
	"bytes"
	"crypto"
	_ "crypto/sha1" // names issuers and responders; no signature with it is accepted
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"slices"
	"time"
)

// Status is what a responder says about a certificate.
type Status int

// RFC 6960 §2.2. The zero value is unknown, so that nobody reads good into nothing.
const (
	Unknown Status = iota
	Good
	Revoked
)

// String returns the status as the RFC spells it.
func (s Status) String() string {
	switch s {
	case Good:
		return "good"
	case Revoked:
		return "revoked"
	}
	return "unknown"
}

// MarshalText writes the status as the RFC spells it.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Query is what was asked.
type Query struct {
	Certificate *x509.Certificate
	Issuer      *x509.Certificate // its chain has been verified by the caller
	Nonce       []byte            // as sent; empty: none was
}

// Answer is what a response proves.
type Answer struct {
	Status     Status            `json:"status"`
	ThisUpdate time.Time         `json:"this_update"`
	NextUpdate time.Time         `json:"next_update,omitzero"` // zero: newer information is there at any time
	ProducedAt time.Time         `json:"produced_at"`
	RevokedAt  time.Time         `json:"revoked_at,omitzero"` // with Revoked
	Reason     int               `json:"reason,omitzero"`     // RFC 5280 §5.3.1; 0 also when the responder gives none
	Responder  *x509.Certificate `json:"-"`                   // who signed: Query.Issuer, or its delegate
}

// Checker judges responses. The zero value is strict and uses the machine's clock. Safe
// for concurrent use.
type Checker struct {
	Now    func() time.Time // nil takes time.Now
	MaxAge time.Duration    // greatest age of thisUpdate; 0 takes DefaultMaxAge

	// SHA1Unsafe accepts signatures with RSA and SHA-1, and responders' certificates with
	// SHA-1: for test data of the time when responders signed with it. It may be forged today.
	SHA1Unsafe bool
}

// Check judges a response, DER. The error is a *Refusal, except for a Query without
// certificate or issuer.
func (c Checker) Check(raw []byte, q Query) (Answer, error) {
	if q.Certificate == nil || q.Issuer == nil {
		return Answer{}, errors.New("check OCSP response: certificate and issuer are required")
	}
	r, err := parse(raw)
	if err != nil {
		return Answer{}, err
	}
	now := time.Now
	if c.Now != nil {
		now = c.Now
	}
	if err := r.checkExtensions(q.Nonce); err != nil {
		return Answer{}, err
	}
	a, err := r.answerFor(q)
	if err != nil {
		return Answer{}, err
	}
	signer, err := r.signer(q.Issuer, now(), c.SHA1Unsafe)
	if err != nil {
		return Answer{}, err
	}
	if err := r.checkSignature(signer, c.SHA1Unsafe); err != nil {
		return Answer{}, err
	}
	if err := c.checkTimes(r, a, now()); err != nil {
		return Answer{}, err
	}
	return Answer{
		Status: a.status, ThisUpdate: a.thisUpdate, NextUpdate: a.nextUpdate, ProducedAt: r.producedAt,
		RevokedAt: a.revokedAt, Reason: a.reason, Responder: signer,
	}, nil
}

// checkExtensions knows one extension, the nonce. Of the answers that are about other
// certificates the critical extensions do not matter; answerFor looks at ours.
func (r *response) checkExtensions(sent []byte) error {
	var nonce []byte
	for _, e := range r.extensions {
		if e.id.Equal(oidNonce) {
			nonce = e.value
		} else if e.critical {
			return refuse(CriticalExtension, "%s", e.id)
		}
	}
	if len(sent) == 0 {
		return nil // a nonce that nobody asked for says nothing
	}
	if nonce == nil {
		return refuse(NonceMissing, "a nonce was sent, none came back")
	}
	want, err := asn1.Marshal(sent)
	if err != nil || !bytes.Equal(nonce, want) {
		return refuse(NonceMismatch, "another nonce came back")
	}
	return nil
}

// answerFor finds the one answer about the certificate, RFC 6960 §3.2 (1).
func (r *response) answerFor(q Query) (answer, error) {
	key, err := keyBits(q.Issuer)
	if err != nil {
		return answer{}, refuse(NoMatch, "the issuer's key cannot be read")
	}
	var found []answer
	for _, a := range r.answers {
		if a.hash != 0 && a.serial.Cmp(q.Certificate.SerialNumber) == 0 &&
			bytes.Equal(a.nameHash, digest(a.hash, q.Certificate.RawIssuer)) && bytes.Equal(a.keyHash, digest(a.hash, key)) {
			found = append(found, a)
		}
	}
	switch {
	case len(found) == 0:
		return answer{}, refuse(NoMatch, "%d answers, none about serial number %x of this issuer", len(r.answers), q.Certificate.SerialNumber)
	case len(found) > 1:
		return answer{}, refuse(Ambiguous, "%d answers about serial number %x", len(found), q.Certificate.SerialNumber)
	}
	for _, e := range found[0].extensions {
		if e.critical {
			return answer{}, refuse(CriticalExtension, "%s", e.id)
		}
	}
	return found[0], nil
}

// signer finds who signed, RFC 6960 §4.2.2.2: the issuer or its delegate.
func (r *response) signer(issuer *x509.Certificate, now time.Time, sha1Unsafe bool) (*x509.Certificate, error) {
	if r.names(issuer) {
		return issuer, nil
	}
	i := slices.IndexFunc(r.certs, r.names)
	if i < 0 {
		return nil, refuse(ResponderUnknown, "no certificate at hand is the responder that the response names")
	}
	return r.certs[i], checkDelegate(r.certs[i], issuer, now, sha1Unsafe)
}

// names reports whether a certificate is the responder that the response names.
func (r *response) names(c *x509.Certificate) bool {
	if r.byName != nil {
		return bytes.Equal(r.byName, c.RawSubject)
	}
	key, err := keyBits(c)
	return err == nil && bytes.Equal(r.byKey, digest(crypto.SHA1, key))
}

func checkDelegate(c, issuer *x509.Certificate, now time.Time, sha1Unsafe bool) error {
	if !bytes.Equal(c.RawIssuer, issuer.RawSubject) {
		return refuse(ResponderUntrusted, "the responder's certificate names %q as issuer", c.Issuer)
	}
	// CheckSignature takes SHA-1, which CheckSignatureFrom, that wants more than is wanted here, does not.
	if isSHA1(c.SignatureAlgorithm) && !sha1Unsafe {
		return refuse(ResponderUntrusted, "the responder's certificate is signed with %s", c.SignatureAlgorithm)
	}
	if err := issuer.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature); err != nil {
		return refuse(ResponderUntrusted, "the responder's certificate: %v", err)
	}
	switch {
	case !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning): // anyExtendedKeyUsage does not count
		return refuse(ResponderPurpose, "the responder's certificate lacks OCSPSigning")
	case c.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return refuse(ResponderPurpose, "the responder's certificate lacks digitalSignature")
	case len(c.UnhandledCriticalExtensions) != 0:
		return refuse(ResponderPurpose, "the responder's certificate has critical extension %s", c.UnhandledCriticalExtensions[0])
	case now.Before(c.NotBefore.Add(-Skew)) || now.After(c.NotAfter.Add(Skew)):
		return refuse(ResponderExpired, "the responder's certificate is valid from %s to %s", c.NotBefore.UTC().Format(time.RFC3339), c.NotAfter.UTC().Format(time.RFC3339))
	}
	for _, e := range c.Extensions {
		if e.Id.Equal(oidNoCheck) {
			return nil
		}
	}
	return refuse(ResponderUnchecked, "the responder's certificate lacks id-pkix-ocsp-nocheck")
}

func isSHA1(a x509.SignatureAlgorithm) bool { return a == x509.SHA1WithRSA || a == x509.ECDSAWithSHA1 }

func (r *response) checkSignature(signer *x509.Certificate, sha1Unsafe bool) error {
	algorithm, ok := signatureOf(r.algorithm, sha1Unsafe)
	if !ok {
		return refuse(SignatureAlgorithm, "%s", r.algorithm)
	}
	if err := signer.CheckSignature(algorithm, r.tbs, r.signature); err != nil {
		return refuse(SignatureInvalid, "%v", err)
	}
	return nil
}

// checkTimes is RFC 6960 §3.2 (5) and (6).
func (c Checker) checkTimes(r *response, a answer, now time.Time) error {
	most := c.MaxAge
	if most <= 0 {
		most = DefaultMaxAge
	}
	text := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	switch {
	case a.thisUpdate.After(now.Add(Skew)):
		return refuse(NotYetValid, "this update is of %s, this machine's clock says %s", text(a.thisUpdate), text(now))
	case r.producedAt.After(now.Add(Skew)):
		return refuse(NotYetValid, "produced at %s, this machine's clock says %s", text(r.producedAt), text(now))
	case !a.nextUpdate.IsZero() && a.nextUpdate.Before(a.thisUpdate):
		return refuse(TimesContradict, "next update %s is before this update %s", text(a.nextUpdate), text(a.thisUpdate))
	case r.producedAt.Before(a.thisUpdate.Add(-Skew)):
		return refuse(TimesContradict, "produced at %s, before this update %s", text(r.producedAt), text(a.thisUpdate))
	case !a.nextUpdate.IsZero() && now.After(a.nextUpdate.Add(Skew)):
		return refuse(Expired, "the next update was due at %s", text(a.nextUpdate))
	case now.Sub(a.thisUpdate) > most:
		return refuse(TooOld, "%s old, at most %s", now.Sub(a.thisUpdate).Round(time.Second), most)
	}
	return nil
}

// keyBits returns the content of a certificate's subjectPublicKey, which is what OCSP hashes.
func keyBits(c *x509.Certificate) ([]byte, error) {
	var spki struct {
		Algorithm asn1.RawValue
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(c.RawSubjectPublicKeyInfo, &spki); err != nil {
		return nil, err
	}
	return spki.Key.RightAlign(), nil
}

func digest(h crypto.Hash, b []byte) []byte {
	d := h.New()
	d.Write(b)
	return d.Sum(nil)
}
