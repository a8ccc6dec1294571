package verify

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// crl is one CRL, parsed when it is first needed: a status bundle covers issuers
// that most files have nothing to do with. Safe for concurrent use.
type crl struct {
	raw    []byte
	issuer []byte   // DER name
	urls   []string // of its issuing distribution point, as far as could be read

	parse func() (*parsedCRL, error) // once

	mu       sync.Mutex
	verified map[string]bool // issuer's SubjectPublicKeyInfo: signature holds
}

type parsedCRL struct {
	*x509.RevocationList
	scope scope
	delta bool
}

// newCRL takes a CRL in. Its signature is checked when it is used.
func newCRL(raw []byte) (*crl, error) {
	head, err := readCRLHead(raw)
	if err != nil {
		return nil, err
	}
	c := &crl{raw: raw, issuer: head.issuer, urls: head.urls, verified: map[string]bool{}}
	c.parse = sync.OnceValues(func() (*parsedCRL, error) { return parseCRL(raw) })
	return c, nil
}

// parseCRL reads a CRL and refuses one whose meaning it does not know to the end:
// a critical extension that is ignored can turn "all but these" into "these".
func parseCRL(raw []byte) (*parsedCRL, error) {
	p, err := parseUnnumbered(raw)
	if err != nil {
		return nil, err
	}
	if p.Number == nil || p.Number.Sign() < 0 {
		return nil, errors.New("no CRL number, RFC 5280 §5.2.3")
	}
	return p, nil
}

func parseUnnumbered(raw []byte) (*parsedCRL, error) {
	list, err := x509.ParseRevocationList(raw)
	if err != nil {
		return nil, err
	}
	if err := checkListForm(raw); err != nil {
		return nil, err
	}
	p := &parsedCRL{RevocationList: list}
	var seen []asn1.ObjectIdentifier
	for _, e := range list.Extensions {
		switch {
		case slices.ContainsFunc(seen, e.Id.Equal):
			return nil, fmt.Errorf("extension %v occurs twice", e.Id)
		case e.Id.Equal(oidIssuingDistributionPoint):
			if p.scope, err = parseScope(e.Value); err != nil {
				return nil, err
			}
		case e.Id.Equal(oidDeltaCRLIndicator):
			p.delta = true
		case e.Critical:
			return nil, fmt.Errorf("unknown critical extension %v", e.Id)
		}
		seen = append(seen, e.Id)
	}
	for _, entry := range list.RevokedCertificateEntries {
		for _, e := range entry.Extensions {
			if e.Critical && !e.Id.Equal(oidCRLReason) && !e.Id.Equal(oidInvalidityDate) {
				return nil, fmt.Errorf("entry %x: unknown critical extension %v", entry.SerialNumber, e.Id)
			}
		}
	}
	return p, nil
}

// scope is what an issuing distribution point restricts a CRL to, RFC 5280 §5.2.5.
type scope struct {
	urls     []string // empty: no distribution point named
	userOnly bool
	caOnly   bool
}

// parseScope takes distribution point URLs, onlyContainsUserCerts and
// onlyContainsCACerts. The rest (some reasons only, indirect, attribute
// certificates) is not in the profile.
func parseScope(der []byte) (scope, error) {
	var s scope
	bad := errors.New("issuing distribution point outside of the profile")
	in := cryptobyte.String(der)
	var body, point, full cryptobyte.String
	var hasPoint bool
	if checkDER(der) != nil || !in.ReadASN1(&body, cbasn1.SEQUENCE) || !in.Empty() ||
		!body.ReadOptionalASN1(&point, &hasPoint, contextTag(0)) {
		return scope{}, bad
	}
	if hasPoint {
		if !point.ReadASN1(&full, contextTag(0)) || !point.Empty() || full.Empty() {
			return scope{}, bad
		}
		for !full.Empty() {
			var url cryptobyte.String
			if !full.ReadASN1(&url, cbasn1.Tag(6).ContextSpecific()) {
				return scope{}, bad
			}
			s.urls = append(s.urls, string(url))
		}
	}
	ok := readFlag(&body, 1, &s.userOnly) && readFlag(&body, 2, &s.caOnly)
	if !ok || !body.Empty() || s.userOnly && s.caOnly {
		return scope{}, bad
	}
	return s, nil
}

// readFlag reads an optional BOOLEAN behind an implicit tag; FALSE is the default
// and so never written in DER.
func readFlag(in *cryptobyte.String, n uint8, out *bool) bool {
	var body cryptobyte.String
	if !in.ReadOptionalASN1(&body, out, cbasn1.Tag(n).ContextSpecific()) {
		return false
	}
	return !*out || len(body) == 1 && body[0] == 0xff
}

// covers reports whether a certificate is within the CRL's scope, RFC 5280 §6.3.3 (b).
// One that names distribution points has to name one of the certificate's. One that
// names none speaks for all of its issuer's certificates; sharded takes none of those,
// because issuing CAs for code signing publish by shards only, and whoever holds a
// whole list of such a CA holds something else than it publishes today.
func (s scope) covers(c *x509.Certificate, sharded bool) bool {
	// A certificate of version 1 or 2 does not say whether it is a CA.
	if s.userOnly && (c.IsCA || c.Version == 1 || c.Version == 2) || s.caOnly && !c.IsCA || !isPlainlyListed(c) {
		return false
	}
	if len(s.urls) == 0 {
		return !sharded
	}
	return sharesURL(s.urls, c)
}

func sharesURL(urls []string, c *x509.Certificate) bool {
	return slices.ContainsFunc(urls, func(u string) bool { return slices.Contains(c.CRLDistributionPoints, u) })
}

// signedBy verifies the CRL under the issuer's key, once per key.
func (c *crl) signedBy(p *parsedCRL, issuer *x509.Certificate) bool {
	key := string(issuer.RawSubjectPublicKeyInfo)
	c.mu.Lock()
	defer c.mu.Unlock()
	ok, known := c.verified[key]
	if !known {
		ok = !isSHA1(p.SignatureAlgorithm) && p.CheckSignatureFrom(issuer) == nil
		c.verified[key] = ok
	}
	return ok
}

// isSHA1 is for what CheckSignatureFrom of a list takes, and that of a certificate does not.
func isSHA1(a x509.SignatureAlgorithm) bool { return a == x509.SHA1WithRSA || a == x509.ECDSAWithSHA1 }

// entry is what a CRL says about one certificate.
type entry struct {
	revoked    time.Time
	invalidity time.Time // zero when absent
	reason     int       // RFC 5280 §5.3.1
	hasReason  bool
}

// lookup returns the entry for a serial number; the worst one, should it be there
// more than once.
func (p *parsedCRL) lookup(serial *big.Int) (entry, bool, error) {
	var found entry
	var ok bool
	for i := range p.RevokedCertificateEntries {
		raw := &p.RevokedCertificateEntries[i]
		if raw.SerialNumber.Cmp(serial) != 0 {
			continue
		}
		e, err := readEntry(raw)
		if err != nil {
			return entry{}, false, err
		}
		if !ok || e.always() || !found.always() && e.effective().Before(found.effective()) {
			found, ok = e, true
		}
	}
	return found, ok, nil
}

func readEntry(raw *x509.RevocationListEntry) (entry, error) {
	e := entry{revoked: raw.RevocationTime, reason: raw.ReasonCode}
	for _, x := range raw.Extensions {
		switch {
		case x.Id.Equal(oidCRLReason):
			e.hasReason = true
		case x.Id.Equal(oidInvalidityDate):
			in := cryptobyte.String(x.Value)
			if !in.ReadASN1GeneralizedTime(&e.invalidity) || !in.Empty() {
				return entry{}, errors.New("malformed invalidity date")
			}
		}
	}
	return e, nil
}

// Revocation reasons, RFC 5280 §5.3.1.
const (
	keyCompromise        = 1
	caCompromise         = 2
	affiliationChanged   = 3
	superseded           = 4
	cessationOfOperation = 5
	removeFromCRL        = 8
	aaCompromise         = 10
)

// effective is the moment from which signatures are worth nothing: the earlier of
// revocation date and invalidity date, so that neither of the two fields can make a
// revocation weaker than the other says.
func (e entry) effective() time.Time {
	if !e.invalidity.IsZero() && e.invalidity.Before(e.revoked) {
		return e.invalidity
	}
	return e.revoked
}

// always reports whether no time helps: the key is in other hands and nobody has
// said since when, so that the revocation date is only when it was noticed.
func (e entry) always() bool {
	compromised := e.reason == keyCompromise || e.reason == caCompromise || e.reason == aaCompromise
	return compromised && e.invalidity.IsZero()
}

func (e entry) String() string {
	names := []string{"unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded",
		"cessationOfOperation", "certificateHold", "7", "removeFromCRL", "privilegeWithdrawn", "aACompromise"}
	name := fmt.Sprint(e.reason)
	if e.reason >= 0 && e.reason < len(names) {
		name = names[e.reason]
	}
	return fmt.Sprintf("%s, effective %s", name, e.effective().UTC().Format(time.RFC3339))
}

func (c *crl) isFrom(issuer *x509.Certificate) bool { return bytes.Equal(c.issuer, issuer.RawSubject) }

// isOfOtherShard reports that the CRL names distribution points, none of them the
// certificate's: it is not worth parsing.
func (c *crl) isOfOtherShard(cert *x509.Certificate) bool {
	return len(c.urls) > 0 && !sharesURL(c.urls, cert)
}
