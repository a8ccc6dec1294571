package ca

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/templates"
)

// profile is the checked form of the code-signing template for one tier (after
// letsencrypt/boulder's issuance.Profile). Its fields are private and set once, so
// a certificate can only be made of a template that was looked at.
type profile struct {
	template  templates.Profile
	arc       ext.Arc
	issuer    string // id, which names its lists
	publicURL string
	shards    int
	caIssuers string
	ocsp      string
	random    io.Reader
	now       func() time.Time
	molds     leafMolds
}

func newProfile(issuer string, arc ext.Arc, publicURL string, shards int, random io.Reader, now func() time.Time) (*profile, error) {
	t, err := templates.Load(templates.CodeSigning)
	if err != nil {
		return nil, err
	}
	p := &profile{
		template:  t,
		arc:       arc,
		issuer:    issuer,
		publicURL: publicURL,
		shards:    shards,
		caIssuers: publicURL + "/ca/" + issuer + ".cer",
		ocsp:      publicURL + "/ocsp",
		random:    random,
		now:       now,
	}
	key, err := newP256()
	if err != nil {
		return nil, err
	}
	sample, err := t.Render(key.Public(), p.values(subject{"Sample", "Sample", "XX", "https://sample.example"}, nil, nil))
	if err != nil {
		return nil, err
	}
	sample.SerialNumber = new(big.Int)
	p.distribute(sample)
	if err := p.check(sample); err != nil {
		return nil, fmt.Errorf("profile %s: %w", t.Name(), err)
	}
	return p, nil
}

// subject is who a certificate is about.
type subject struct {
	commonName, organization, country, uri string
}

func vendorSubject(v store.Vendor) subject {
	return subject{v.Organization, v.Organization, v.Country, v.URI}
}

// fill makes the unsigned certificate of a grant.
func (p *profile) fill(pub crypto.PublicKey, g *grant, from, until time.Time) (*x509.Certificate, error) {
	policies, err := p.arc.Policies(g.claims)
	if err != nil {
		return nil, fmt.Errorf("policies of the claims: %w", err)
	}
	extensions, err := p.arc.Extensions(ext.Mark{
		Assurance:  ext.Assurance{Claims: g.claims},
		Repository: ext.AttestationRepository{URLs: g.repositories},
	})
	if err != nil {
		return nil, fmt.Errorf("extensions of the claims: %w", err)
	}
	dotted := make([]string, len(policies))
	for i, oid := range policies {
		dotted[i] = oid.String()
	}
	raw := make([]templates.Extension, len(extensions))
	for i, e := range extensions {
		raw[i] = templates.Extension{ID: e.Id.String(), Critical: e.Critical, Value: e.Value}
	}
	t, err := render(p.template, pub, p.values(vendorSubject(g.vendor), dotted, raw), p.random, from, until)
	if err != nil {
		return nil, err
	}
	if t.SerialNumber, err = newLeafSerial(p.random, p.now()); err != nil {
		return nil, err
	}
	p.distribute(t)
	if err := p.check(t); err != nil {
		return nil, fmt.Errorf("profile %s: %w", p.template.Name(), err)
	}
	return t, nil
}

// distribute names the list that a certificate would be on, which follows from its
// serial number.
func (p *profile) distribute(t *x509.Certificate) {
	t.CRLDistributionPoints = []string{p.crl(t.SerialNumber)}
}

func (p *profile) crl(serial *big.Int) string {
	return listURL(p.publicURL, listName(p.issuer, shardOf(serial, p.shards)))
}

func (p *profile) values(s subject, policies []string, extensions []templates.Extension) templates.Values {
	return templates.Values{
		CommonName: s.commonName, Organization: s.organization, Country: s.country, URIs: []string{s.uri},
		Policies: policies, CRL: listURL(p.publicURL, p.issuer), CAIssuers: p.caIssuers, OCSP: p.ocsp, Extensions: extensions,
	}
}

// check holds the invariants of a code-signing leaf, whatever the template file
// says today: DESIGN section 6 and CABF Code Signing BR section 7.1.2.3.
func (p *profile) check(t *x509.Certificate) error {
	switch {
	case t.IsCA || !t.BasicConstraintsValid:
		return fmt.Errorf("the certificate would be a CA, or not say that it is none")
	case t.KeyUsage != x509.KeyUsageDigitalSignature:
		return fmt.Errorf("key usage is not digitalSignature alone")
	case !isCodeSigning(t) || len(t.UnknownExtKeyUsage) != 0:
		return fmt.Errorf("extended key usage is not codeSigning alone")
	case len(t.DNSNames)+len(t.EmailAddresses)+len(t.IPAddresses) != 0 || len(t.URIs) != 1:
		return fmt.Errorf("subject alternative name is not the vendor's URI alone")
	case !slices.Equal(t.CRLDistributionPoints, []string{p.crl(t.SerialNumber)}):
		return fmt.Errorf("CRL distribution point is not %s", p.crl(t.SerialNumber))
	case !slices.Equal(t.IssuingCertificateURL, []string{p.caIssuers}) || !slices.Equal(t.OCSPServer, []string{p.ocsp}):
		return fmt.Errorf("authority information access is not %s and %s", p.caIssuers, p.ocsp)
	}
	for _, e := range t.ExtraExtensions {
		if e.Critical || (!e.Id.Equal(p.arc.Assurance()) && !e.Id.Equal(p.arc.AttestationRepository())) {
			return fmt.Errorf("extension %s is critical or not ours", e.Id)
		}
	}
	return nil
}

// checkPublicURL accepts what may stand before /crl, /ca and /ocsp in every
// certificate: plain http, because a client that fetches a CRL cannot yet judge a
// TLS certificate (CABF Code Signing BR section 7.1.2.3).
func checkPublicURL(s string) error {
	rest, ok := strings.CutPrefix(s, "http://")
	if !ok || rest == "" || strings.HasSuffix(s, "/") || strings.ContainsAny(rest, "?#@ \t\r\n\"<>\\") {
		return fmt.Errorf("public URL %q is not http://host[:port][/path] without a slash at the end", s)
	}
	return nil
}
