package verify

import (
	"crypto/x509"
	"math/big"
	"time"
)

// Listing is what one CRL says about one certificate.
type Listing struct {
	Number                 *big.Int
	ThisUpdate, NextUpdate time.Time
	Listed                 bool
	RevocationDate         time.Time // with Listed
	InvalidityDate         time.Time // with Listed; zero when the CRL gives none
	Reason                 int       // RFC 5280 §5.3.1, with Listed
}

// CheckCRL judges one CRL, DER, that was fetched for a certificate: for who asks about
// revocation alone and has verified the issuer's chain by other means. sharded says that
// the issuer publishes by shards, as for code signers; then the list must name one of
// the certificate's distribution points.
//
// The error is a Reason: RevocationUnknown for a list that is malformed, not the
// issuer's or not about the certificate, RevocationStale for one whose time is over,
// also when the certificate is listed, ClockBehind for one from the future.
func CheckCRL(der []byte, c, issuer *x509.Certificate, sharded bool, now time.Time) (Listing, error) {
	if len(der) > maxCRLBytes {
		return Listing{}, because(RevocationUnknown, "CRL of %d bytes, at most %d", len(der), maxCRLBytes)
	}
	list, err := newCRL(der)
	if err != nil {
		return Listing{}, because(RevocationUnknown, "the CRL cannot be read: %v", err)
	}
	if !list.isFrom(issuer) {
		return Listing{}, because(RevocationUnknown, "the CRL is not of %q", issuer.Subject)
	}
	p, err := list.usable(c, issuer, sharded, now)
	if err != nil {
		return Listing{}, unknown(c, err)
	}
	switch {
	case p.delta:
		return Listing{}, because(RevocationUnknown, "a delta CRL of %q", issuer.Subject)
	case p.NextUpdate.IsZero():
		return Listing{}, because(RevocationStale, "the CRL does not say until when it holds")
	case now.After(p.NextUpdate):
		return Listing{}, because(RevocationStale, "the CRL ended on %s", p.NextUpdate.UTC().Format(time.RFC3339))
	}
	e, listed, err := p.lookup(c.SerialNumber)
	if err != nil {
		return Listing{}, because(RevocationUnknown, "CRL of %q: %v", issuer.Subject, err)
	}
	return Listing{
		Number: p.Number, ThisUpdate: p.ThisUpdate, NextUpdate: p.NextUpdate,
		Listed: listed, RevocationDate: e.revoked, InvalidityDate: e.invalidity, Reason: e.reason,
	}, nil
}
