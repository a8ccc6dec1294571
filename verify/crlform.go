package verify

import (
	"crypto/x509"
	"errors"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// checkListForm walks a CRL, RFC 5280 §5.1, to the end of each of its parts.
// crypto/x509 stops where it has what it wants: bytes behind the extensions, a second
// nextUpdate or a list of entries that is there and empty pass, and another reader
// may find a revocation in them.
func checkListForm(der []byte) error {
	in := cryptobyte.String(der)
	var list, tbs cryptobyte.String
	ok := in.ReadASN1(&list, cbasn1.SEQUENCE) && in.Empty() &&
		list.ReadASN1(&tbs, cbasn1.SEQUENCE) && list.SkipASN1(cbasn1.SEQUENCE) && list.SkipASN1(cbasn1.BIT_STRING) && list.Empty() &&
		tbs.SkipOptionalASN1(cbasn1.INTEGER) && tbs.SkipASN1(cbasn1.SEQUENCE) && tbs.SkipASN1(cbasn1.SEQUENCE)
	if !ok || !skipTime(&tbs) {
		return errors.New("not a CertificateList")
	}
	if tbs.PeekASN1Tag(cbasn1.UTCTime) || tbs.PeekASN1Tag(cbasn1.GeneralizedTime) {
		skipTime(&tbs) // nextUpdate
	}
	if tbs.PeekASN1Tag(cbasn1.SEQUENCE) {
		var entries cryptobyte.String
		if !tbs.ReadASN1(&entries, cbasn1.SEQUENCE) || entries.Empty() {
			return errors.New("a list of entries that is there and empty")
		}
		for !entries.Empty() {
			var entry cryptobyte.String
			if !entries.ReadASN1(&entry, cbasn1.SEQUENCE) || !entry.SkipASN1(cbasn1.INTEGER) || !skipTime(&entry) ||
				!entry.SkipOptionalASN1(cbasn1.SEQUENCE) || !entry.Empty() {
				return errors.New("malformed entry")
			}
		}
	}
	if !tbs.SkipOptionalASN1(contextTag(0)) || !tbs.Empty() {
		return errors.New("something behind the extensions")
	}
	return nil
}

func skipTime(in *cryptobyte.String) bool {
	return in.SkipASN1(cbasn1.UTCTime) || in.SkipASN1(cbasn1.GeneralizedTime)
}

// isPlainlyListed reports that a certificate's distribution points, RFC 5280 §4.2.1.13, are
// its issuer's own and for all reasons, as far as they are there. A CRL of the issuer's
// does not speak for one that another authority lists.
func isPlainlyListed(c *x509.Certificate) bool {
	for _, e := range c.Extensions {
		if !e.Id.Equal(oidCRLDistributionPoints) {
			continue
		}
		in := cryptobyte.String(e.Value)
		var points cryptobyte.String
		if !in.ReadASN1(&points, cbasn1.SEQUENCE) || !in.Empty() {
			return false
		}
		for !points.Empty() {
			var point cryptobyte.String
			if !points.ReadASN1(&point, cbasn1.SEQUENCE) || !point.SkipOptionalASN1(contextTag(0)) || !point.Empty() {
				return false
			}
		}
	}
	return true
}
