package ca

import (
	"context"
	"crypto"
	"crypto/x509"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/templates"
)

// signatory signs orders: the roots and the timestamping CA, whether they are on the
// server, in Init's memory or offline.
type signatory struct {
	linter *linter
	now    time.Time
	// certs has its CA certificates and those of the CAs below; what an order adds is added.
	certs map[string]*x509.Certificate
	// key opens or, for a name without a certificate, makes a key.
	key func(ctx context.Context, name string) (crypto.Signer, error)
	// ceilings holds what each tier may certify, by the catalogue on this machine.
	ceilings map[string][]string
	titles   map[string]string
	// listed has the number of the last list of each CA that was signed here, if the one
	// who orders may not know of it.
	listed map[string]uint64
}

// setCeilings reads what the tiers may certify.
func (a *signatory) setCeilings(catalogue *audit.Catalogue, arc ext.Arc, tiers []templates.TierSpec) error {
	a.ceilings, a.titles = map[string][]string{}, map[string]string{}
	for _, t := range tiers {
		policies, err := ceiling(catalogue, arc, t)
		if err != nil {
			return fmt.Errorf("tier %s: %w", t.Name, err)
		}
		if len(policies) == 0 {
			return fmt.Errorf("tier %s: nothing in the catalogue lies under its ceilings", t.Name)
		}
		a.ceilings[t.Name], a.titles[t.Name] = policies, t.Title
	}
	return nil
}

// judge refuses an order that asks for more than this authority's own view of it: a
// tier's policies are its ceiling, a cross-certificate's are those that its CA has
// already. The error is a *CeremonyError.
func (a *signatory) judge(o order) error {
	if a.now.Before(o.CreatedAt.Add(-orderSkew)) || a.now.After(o.CreatedAt.Add(orderLife)) {
		return ceremonyRefuses(CeremonyStale, "the order is of %s, this machine's clock says %s; an order holds for %d days",
			o.CreatedAt.Format(time.RFC3339), a.now.Format(time.RFC3339), int(orderLife.Hours()/24))
	}
	for _, c := range o.Certificates {
		policies, title, err := a.expected(c)
		if err != nil {
			return err
		}
		if !slices.Equal(policies, c.Policies) {
			return ceremonyRefuses(CeremonyPolicies, "certificate %s is to have %d policies that are not exactly the %d allowed", c.Name, len(c.Policies), len(policies))
		}
		if title != c.Title {
			return ceremonyRefuses(CeremonyProfile, "certificate %s is to be titled %q, not %q", c.Name, title, c.Title)
		}
	}
	return nil
}

// expected is what a certificate's policies and title must be.
func (a *signatory) expected(c ordered) (policies []string, title string, err error) {
	_, isCross := a.certs[c.key()]
	isCross = isCross && strings.Contains(c.Name, crossInfix)
	n := strings.TrimPrefix(strings.TrimPrefix(c.key(), c.Tier), "-")
	switch {
	case isCross && c.Profile != templates.Cross:
		have := a.certs[c.key()]
		for _, p := range have.Policies {
			policies = append(policies, p.String())
		}
		return policies, c.Title, nil // the name is compared with have's when it is signed
	case c.Profile == templates.Tier && a.ceilings[c.Tier] != nil:
		return a.ceilings[c.Tier], strings.TrimSpace(a.titles[c.Tier] + " " + n), nil
	case c.Profile == templates.Tier:
		return nil, "", ceremonyRefuses(CeremonyPolicies, "tier %q is not known on this machine", c.Tier)
	case c.Profile == templates.Cross:
		return a.union(), rootTitle(c.key()), nil
	case c.Profile == templates.Root:
		return nil, rootTitle(c.key()), nil
	case c.Profile == templates.TimestampingCA:
		return nil, stampTitle(c.key()), nil
	}
	return nil, stampTitle(c.Name), nil
}

const (
	titleTimestamping = "Timestamping CA"
	titleTSA          = "Timestamping Authority"
)

func rootTitle(name string) string {
	return strings.TrimSpace("Root " + strings.TrimPrefix(strings.TrimPrefix(name, nameRoot), "-"))
}

// union is what all tiers together may certify, each once.
func (a *signatory) union() []string {
	var all []string
	for _, policies := range a.ceilings {
		all = append(all, policies...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// sign makes everything that is ordered. What fails leaves keys behind, never a
// certificate that anybody has.
func (a *signatory) sign(ctx context.Context, o order, orderSum string) (orderAnswer, error) {
	if err := a.judge(o); err != nil {
		return orderAnswer{}, err
	}
	out := orderAnswer{
		Version: orderVersion, Order: o.ID, OrderSHA256: orderSum, SignedAt: a.now.UTC().Truncate(time.Second),
		Certificates: map[string][]byte{}, Lists: map[string][]byte{},
	}
	for _, c := range o.Certificates {
		cert, err := a.certify(ctx, o, c)
		if err != nil {
			return orderAnswer{}, fmt.Errorf("certificate %s: %w", c.Name, err)
		}
		a.certs[c.Name], out.Certificates[c.Name] = cert, cert.Raw
	}
	for _, l := range o.Lists {
		cert := a.certs[l.Issuer]
		if cert == nil {
			return orderAnswer{}, ceremonyRefuses(CeremonyList, "there is no CA %q here", l.Issuer)
		}
		key, err := a.key(ctx, l.Issuer)
		if err != nil {
			return orderAnswer{}, fmt.Errorf("key %s: %w", l.Issuer, err)
		}
		number := max(l.After, a.listed[l.Issuer]) + 1
		out.Lists[l.Issuer], err = offlineCRL(cert, key, new(big.Int).SetUint64(number), out.SignedAt)
		if err != nil {
			return orderAnswer{}, err
		}
	}
	return out, nil
}

func (a *signatory) certify(ctx context.Context, o order, c ordered) (*x509.Certificate, error) {
	pub, err := a.subjectKey(ctx, o, c)
	if err != nil {
		return nil, err
	}
	issuerKey, err := a.key(ctx, c.Issuer)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", c.Issuer, err)
	}
	parent := a.certs[c.Issuer]
	if parent == nil != c.selfSigned() {
		return nil, ceremonyRefuses(CeremonyMissing, "issuer %s: not here, or here already", c.Issuer)
	}
	t, err := o.template(c, pub, parent, a.now.Add(-backdate).UTC().Truncate(time.Second))
	if err != nil {
		return nil, err
	}
	if have := a.certs[c.key()]; have != nil && c.Name != c.key() && t.Subject.String() != have.Subject.String() {
		return nil, ceremonyRefuses(CeremonyProfile, "it is for %q, certificate %s is %q", t.Subject, c.key(), have.Subject)
	}
	from := t
	if parent != nil {
		from = parent
	}
	throwaway, err := throwawayFor(issuerKey.Public())
	if err != nil {
		return nil, err
	}
	leave, err := a.linter.press(t, from, pub, issuerKey.Public(), throwaway)
	if err != nil {
		return nil, err
	}
	return signTicket(leave, issuerKey, parent)
}

// subjectKey returns the key to certify: the request's, or one held here.
func (a *signatory) subjectKey(ctx context.Context, o order, c ordered) (crypto.PublicKey, error) {
	if len(c.Request) == 0 {
		key, err := a.key(ctx, c.key())
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", c.key(), err)
		}
		return key.Public(), nil
	}
	pub, err := o.openRequest(c)
	if err != nil {
		return nil, err
	}
	if have := a.certs[c.key()]; have != nil && !samePublicKey(have.PublicKey, pub) {
		return nil, ceremonyRefuses(CeremonyKey, "request %s is for another key than certificate %s", c.Name, c.key())
	}
	return pub, nil
}
