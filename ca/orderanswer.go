package ca

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"slices"
	"strings"
	"time"
)

// orderAnswer is what a signatory made of an order: ceremony/answer.json.
type orderAnswer struct {
	Version      int               `json:"version"`
	Order        string            `json:"order"` // its id
	OrderSHA256  string            `json:"order_sha256"`
	SignedAt     time.Time         `json:"signed_at"`
	Certificates map[string][]byte `json:"certificates"` // name → DER
	Lists        map[string][]byte `json:"lists"`        // issuer → DER
}

func (a orderAnswer) marshal() ([]byte, error) {
	return marshalIndented(a)
}

// parseAnswer reads an answer strictly. The error is a *CeremonyError.
func parseAnswer(raw []byte) (orderAnswer, error) {
	var a orderAnswer
	if err := decodeStrictly(raw, maxOrderBytes, &a); err != nil {
		return orderAnswer{}, &CeremonyError{CeremonyFormat, "answer: " + err.Error()}
	}
	if a.Version != orderVersion {
		return orderAnswer{}, ceremonyRefuses(CeremonyFormat, "answer has version %d, this program knows %d", a.Version, orderVersion)
	}
	return a, nil
}

// checker holds an answer against the order. It trusts nothing but its own order and
// the certificates it has already.
type checker struct {
	order  order
	sum    string                       // SHA-256 of the order's file
	known  map[string]*x509.Certificate // what there is already, by name
	linter *linter
	now    time.Time
}

// check returns the certificates by name. Every certificate is rebuilt from the order
// and the profile and must come out as the same bytes, but for serial number, dates
// and the key of a CA that is new. The error is a *CeremonyError.
func (k checker) check(a orderAnswer) (map[string]*x509.Certificate, error) {
	switch {
	case a.Order != k.order.ID || a.OrderSHA256 != k.sum:
		return nil, ceremonyRefuses(CeremonyStale, "this is the answer to order %.32q, waiting is %s", a.Order, k.order.ID)
	case a.SignedAt.Before(k.order.CreatedAt.Add(-orderSkew)) || a.SignedAt.After(k.order.CreatedAt.Add(orderLife)):
		return nil, ceremonyRefuses(CeremonyStale, "it was signed on %s, the order is of %s", a.SignedAt.Format(time.RFC3339), k.order.CreatedAt.Format(time.RFC3339))
	case k.now.Before(a.SignedAt.Add(-orderSkew)) || k.now.After(a.SignedAt.Add(orderLife)):
		return nil, ceremonyRefuses(CeremonyStale, "it was signed on %s, this machine's clock says %s", a.SignedAt.Format(time.RFC3339), k.now.Format(time.RFC3339))
	case len(a.Certificates) != len(k.order.Certificates) || len(a.Lists) != len(k.order.Lists):
		return nil, ceremonyRefuses(CeremonyMissing, "%d certificates and %d lists, ordered were %d and %d",
			len(a.Certificates), len(a.Lists), len(k.order.Certificates), len(k.order.Lists))
	}
	found := map[string]*x509.Certificate{}
	for _, c := range k.order.Certificates {
		cert, err := x509.ParseCertificate(a.Certificates[c.Name])
		if err != nil {
			return nil, ceremonyRefuses(CeremonyMissing, "certificate %s: missing or unreadable: %v", c.Name, err)
		}
		if err := k.certificate(a, c, cert, found); err != nil {
			return nil, err
		}
		found[c.Name] = cert
	}
	for _, l := range k.order.Lists {
		if err := k.list(a, l, pick(l.Issuer, found, k.known)); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// pick finds a certificate among the new ones, then among those known.
func pick(name string, found, known map[string]*x509.Certificate) *x509.Certificate {
	if c := found[name]; c != nil {
		return c
	}
	return known[name]
}

func (k checker) certificate(a orderAnswer, c ordered, cert *x509.Certificate, found map[string]*x509.Certificate) error {
	pub, err := k.key(c, cert, found)
	if err != nil {
		return err
	}
	parent := pick(c.Issuer, found, k.known)
	if c.selfSigned() {
		parent = cert
	}
	if parent == nil {
		return ceremonyRefuses(CeremonyMissing, "certificate %s: there is no issuer %s", c.Name, c.Issuer)
	}
	if err := cert.CheckSignatureFrom(parent); err != nil {
		return ceremonyRefuses(CeremonySignature, "certificate %s is not signed by %s: %v", c.Name, c.Issuer, err)
	}
	if err := k.dates(a, c, cert, parent); err != nil {
		return err
	}
	if err := k.unique(c, cert, found); err != nil {
		return err
	}
	above := parent
	if c.selfSigned() {
		above = nil
	}
	t, err := k.order.template(c, pub, above, cert.NotBefore)
	if err != nil {
		return err
	}
	t.SerialNumber, t.NotBefore, t.NotAfter = cert.SerialNumber, cert.NotBefore, cert.NotAfter
	throwaway, err := throwawayFor(parent.PublicKey)
	if err != nil {
		return ceremonyRefuses(CeremonyKey, "certificate %s: %v", c.Name, err)
	}
	from := parent
	if c.selfSigned() {
		from = t
	}
	leave, err := k.linter.press(t, from, pub, parent.PublicKey, throwaway)
	if err != nil {
		return ceremonyRefuses(CeremonyProfile, "certificate %s: %v", c.Name, err)
	}
	if slices.Equal(policyTexts(cert), policyTexts(t)) && bytes.Equal(leave.tbs, cert.RawTBSCertificate) {
		return nil
	}
	if !slices.Equal(policyTexts(cert), policyTexts(t)) {
		return ceremonyRefuses(CeremonyPolicies, "certificate %s has other policies than were ordered", c.Name)
	}
	return ceremonyRefuses(CeremonyProfile, "certificate %s differs from its profile", c.Name)
}

func policyTexts(c *x509.Certificate) []string {
	var out []string
	for _, p := range c.Policies {
		out = append(out, p.String())
	}
	return out
}

// key returns the key that a certificate must have.
func (k checker) key(c ordered, cert *x509.Certificate, found map[string]*x509.Certificate) (crypto.PublicKey, error) {
	want := cert.PublicKey
	if len(c.Request) > 0 {
		pub, err := k.order.openRequest(c)
		if err != nil {
			return nil, err
		}
		want = pub
	}
	if have := pick(c.key(), found, k.known); have != nil && c.key() != c.Name {
		want = have.PublicKey
	}
	if !samePublicKey(want, cert.PublicKey) {
		return nil, ceremonyRefuses(CeremonyKey, "certificate %s is for another key", c.Name)
	}
	if err := CheckKey(want); err != nil {
		return nil, ceremonyRefuses(CeremonyKey, "certificate %s: %v", c.Name, err)
	}
	return want, nil
}

// dates holds a validity against the profile's.
func (k checker) dates(a orderAnswer, c ordered, cert, parent *x509.Certificate) error {
	until := cert.NotBefore.Add(lifeOf(c.Profile))
	if !c.selfSigned() && parent.NotAfter.Before(until) {
		until = parent.NotAfter
	}
	early, late := a.SignedAt.Add(-2*backdate), a.SignedAt
	if cert.NotBefore.Before(early) || cert.NotBefore.After(late) || !cert.NotAfter.Equal(until) {
		return ceremonyRefuses(CeremonyDates, "certificate %s runs from %s to %s", c.Name, cert.NotBefore.Format(time.RFC3339), cert.NotAfter.Format(time.RFC3339))
	}
	if n := cert.SerialNumber; n.Sign() <= 0 || n.BitLen() > 8*serialBytes || n.BitLen() < 8*serialBytes-8 {
		return ceremonyRefuses(CeremonyProfile, "certificate %s has a serial number of %d bits", c.Name, n.BitLen())
	}
	return nil
}

// list checks a revocation list: empty, a later number than the last one, a year at most.
func (k checker) list(a orderAnswer, l orderedList, issuer *x509.Certificate) error {
	if issuer == nil {
		return ceremonyRefuses(CeremonyList, "list of %s: there is no such CA", l.Issuer)
	}
	list, err := x509.ParseRevocationList(a.Lists[l.Issuer])
	if err != nil {
		return ceremonyRefuses(CeremonyList, "list of %s: missing or unreadable: %v", l.Issuer, err)
	}
	if err := list.CheckSignatureFrom(issuer); err != nil {
		return ceremonyRefuses(CeremonySignature, "list of %s: %v", l.Issuer, err)
	}
	switch {
	case list.Number == nil || !list.Number.IsUint64() || list.Number.Uint64() <= l.After || list.Number.Uint64() > l.After+maxListGap:
		return ceremonyRefuses(CeremonyList, "list of %s has number %v, the last one has %d", l.Issuer, list.Number, l.After)
	case len(list.RevokedCertificateEntries) != 0:
		return ceremonyRefuses(CeremonyList, "list of %s revokes %d certificates, none were ordered", l.Issuer, len(list.RevokedCertificateEntries))
	case !list.ThisUpdate.Equal(a.SignedAt) || !list.NextUpdate.Equal(a.SignedAt.Add(offlineCRLValidity)):
		return ceremonyRefuses(CeremonyDates, "list of %s runs from %s to %s", l.Issuer, list.ThisUpdate.Format(time.RFC3339), list.NextUpdate.Format(time.RFC3339))
	}
	return k.wholeList(l, list, issuer)
}

// wholeList demands the list, and nothing else, that offlineCRL makes: verifiers skip one
// that says it is about some certificates only, or in another's name.
func (k checker) wholeList(l orderedList, list *x509.RevocationList, issuer *x509.Certificate) error {
	throwaway, err := throwawayFor(issuer.PublicKey)
	if err != nil {
		return ceremonyRefuses(CeremonyKey, "list of %s: %v", l.Issuer, err)
	}
	der, err := offlineCRL(issuer, throwaway, list.Number, list.ThisUpdate)
	if err != nil {
		return ceremonyRefuses(CeremonyList, "list of %s: %v", l.Issuer, err)
	}
	want, err := x509.ParseRevocationList(der)
	if err != nil || !bytes.Equal(want.RawTBSRevocationList, list.RawTBSRevocationList) {
		return ceremonyRefuses(CeremonyList, "list of %s differs from what was ordered", l.Issuer)
	}
	return nil
}

// unique demands a serial number that no other certificate of the issuer has (RFC 5280
// §4.1.2.2), and of a CA that is new a key that no other has.
func (k checker) unique(c ordered, cert *x509.Certificate, found map[string]*x509.Certificate) error {
	for _, all := range []map[string]*x509.Certificate{found, k.known} {
		for name, other := range all {
			if name == c.Name {
				continue // an import that was interrupted is done again
			}
			if other.SerialNumber.Cmp(cert.SerialNumber) == 0 && bytes.Equal(other.RawIssuer, cert.RawIssuer) {
				return ceremonyRefuses(CeremonyProfile, "certificate %s has the serial number of certificate %s", c.Name, name)
			}
			if of, _, _ := strings.Cut(strings.TrimSuffix(name, twinSuffix), crossInfix); of != c.key() && samePublicKey(other.PublicKey, cert.PublicKey) {
				return ceremonyRefuses(CeremonyKey, "certificate %s is for the key of certificate %s", c.Name, name)
			}
		}
	}
	return nil
}
