package ca

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/templates"
)

// order is what a root (and the timestamping CA) is asked to sign, all at once: the
// file ceremony/order.json, whose SHA-256 the people at a ceremony compare. A root
// that is at hand signs the same order, without a file.
type order struct {
	Version      int           `json:"version"`
	ID           string        `json:"id"` // 32 hex digits, random
	Purpose      string        `json:"purpose"`
	Name         string        `json:"name"`
	Organization string        `json:"organization"`
	Country      string        `json:"country"`
	Arc          string        `json:"arc"`
	PublicURL    string        `json:"public_url"`
	CreatedAt    time.Time     `json:"created_at"`
	Certificates []ordered     `json:"certificates"` // issuers before what they issue
	Lists        []orderedList `json:"lists"`
}

// Purposes of an order.
const (
	purposeFound = "found" // a new hierarchy
	purposeTier  = "tier"  // a new generation of a tier
	purposeRoot  = "root"  // a new root, with cross-certificates
	purposeLists = "lists" // the revocation lists of a year
	// a new generation of the timestamping authority; of its CA and of the authority under it
	purposeTSA, purposeTimestamping = "tsa", "timestamping"
)

// ordered is one certificate.
type ordered struct {
	Name     string         `json:"name"`           // of its file
	Tier     string         `json:"tier,omitempty"` // of an issuing CA
	Profile  templates.Name `json:"profile"`
	Title    string         `json:"title"`  // follows the CA's name in the common name
	Issuer   string         `json:"issuer"` // its own name: self-signed
	Policies []string       `json:"policies,omitempty"`
	// Request is the PKCS #10 request of the key's holder, DER, with every extension of
	// the profile that the issuer does not add. None: the signer holds the key.
	Request []byte `json:"request,omitempty"`
}

// orderedList is a revocation list.
type orderedList struct {
	Issuer string `json:"issuer"`
	After  uint64 `json:"after"` // the number of the last one; 0: there is none
}

const orderVersion = 1

var (
	orderID      = regexp.MustCompile(`^[0-9a-f]{32}$`)
	orderedNames = regexp.MustCompile(`^[a-z][a-z0-9-]{0,79}$`)
)

// key is the name of the certificate's key.
func (c ordered) key() string {
	of, _, _ := strings.Cut(c.Name, crossInfix)
	return of
}

func (c ordered) selfSigned() bool { return c.Issuer == c.Name }

// newOrder begins an order; the rest of its fields are the caller's.
func newOrder(purpose string, now time.Time) order {
	var id [16]byte
	rand.Read(id[:]) // never fails (crypto/rand.Read documents it)
	return order{Version: orderVersion, ID: hex.EncodeToString(id[:]), Purpose: purpose, CreatedAt: now.UTC().Truncate(time.Second)}
}

func (o order) marshal() ([]byte, error) {
	return marshalIndented(o)
}

// parseOrder reads an order strictly: unknown fields, text behind it and sizes beyond
// the bounds are refused. The error is a *CeremonyError.
func parseOrder(raw []byte) (order, error) {
	var o order
	if err := decodeStrictly(raw, maxOrderBytes, &o); err != nil {
		return order{}, &CeremonyError{CeremonyFormat, "order: " + err.Error()}
	}
	if err := o.check(); err != nil {
		return order{}, &CeremonyError{CeremonyFormat, "order: " + err.Error()}
	}
	return o, nil
}

func decodeStrictly(raw []byte, maxBytes int, to any) error {
	if len(raw) > maxBytes {
		return fmt.Errorf("%d bytes, at most %d", len(raw), maxBytes)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(to); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("text after the object")
	}
	return nil
}

func (o order) check() error {
	switch o.Purpose {
	case purposeFound, purposeTier, purposeRoot, purposeLists, purposeTSA, purposeTimestamping:
	default:
		return fmt.Errorf("purpose %.32q", o.Purpose)
	}
	switch {
	case o.Version != orderVersion:
		return fmt.Errorf("version %d, this program knows %d", o.Version, orderVersion)
	case !orderID.MatchString(o.ID):
		return errors.New("id is not 32 hex digits")
	case o.Name == "" || o.Organization == "" || len(o.Country) != 2:
		return errors.New("name, organisation or country is missing")
	case len(o.Certificates)+len(o.Lists) == 0 || len(o.Certificates) > maxOrdered || len(o.Lists) > maxOrdered:
		return fmt.Errorf("%d certificates and %d lists, want 1 to %d", len(o.Certificates), len(o.Lists), maxOrdered)
	}
	if _, err := ext.ParseArc(o.Arc); err != nil {
		return err
	}
	if err := checkPublicURL(o.PublicURL); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, c := range o.Certificates {
		if err := c.check(); err != nil {
			return fmt.Errorf("certificate %.64q: %w", c.Name, err)
		}
		if seen[c.Name] {
			return fmt.Errorf("certificate %q is ordered twice", c.Name)
		}
		seen[c.Name] = true
	}
	for _, l := range o.Lists {
		if !orderedNames.MatchString(l.Issuer) || seen["list of "+l.Issuer] {
			return fmt.Errorf("list of %.64q", l.Issuer)
		}
		seen["list of "+l.Issuer] = true
	}
	return nil
}

func (c ordered) check() error {
	if !orderedNames.MatchString(c.Name) || !orderedNames.MatchString(c.Issuer) {
		return errors.New("bad name")
	}
	if _, by, ok := strings.Cut(c.Name, crossInfix); ok && by != c.Issuer {
		return errors.New("its name says another issuer")
	}
	switch c.Profile {
	case templates.Root, templates.Tier, templates.TimestampingCA, templates.TSA, templates.Cross:
	default:
		return fmt.Errorf("profile %.32q is not made in a ceremony", c.Profile)
	}
	if (c.Profile == templates.Root) != c.selfSigned() {
		return errors.New("a root, and nothing else, is self-signed")
	}
	// The holder of a key that serves asks; roots and the timestamping CA are where the order goes.
	if asks := c.Profile == templates.Tier || c.Profile == templates.TSA; asks != (len(c.Request) > 0) {
		return errors.New("a request is missing, or there is one where none can be")
	}
	if len(c.Request) > maxRequestBytes || len(c.Policies) > maxOrderedPolicies {
		return errors.New("request or policies are too many")
	}
	return nil
}

// template is the certificate that is ordered, for a key. parent nil: self-signed.
func (o order) template(c ordered, pub crypto.PublicKey, parent *x509.Certificate, from time.Time) (*x509.Certificate, error) {
	p, err := templates.Load(c.Profile)
	if err != nil {
		return nil, err
	}
	v := templates.Values{CommonName: o.Name + " " + c.Title, Organization: o.Organization, Country: o.Country, Policies: c.Policies}
	until := from.Add(lifeOf(c.Profile))
	if parent != nil {
		v.CRL, v.CAIssuers = o.PublicURL+"/crl/"+c.Issuer+".crl", o.PublicURL+"/ca/"+c.Issuer+".cer"
		if parent.NotAfter.Before(until) {
			until = parent.NotAfter
		}
	}
	t, err := render(p, pub, v, rand.Reader, from, until)
	if err != nil {
		return nil, err
	}
	if parent == nil {
		t.AuthorityKeyId = t.SubjectKeyId // optional here (RFC 5280 §4.2.1.1), and spares every linter the question
	}
	return t, nil
}

func lifeOf(profile templates.Name) time.Duration {
	switch profile {
	case templates.Root:
		return rootValidity
	case templates.TSA:
		return tsaValidity
	}
	return issuerValidity
}

// digest is the SHA-256 of a file, lower-case hex.
func digestHex(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// GroupDigest writes a digest in groups of four, to be read aloud.
func GroupDigest(digest string) string {
	var groups []string
	for len(digest) > 4 {
		groups, digest = append(groups, digest[:4]), digest[4:]
	}
	return strings.Join(append(groups, digest), " ")
}

// CeremonyReason says why something was refused at a ceremony, for programs to switch on.
type CeremonyReason string

const (
	CeremonyFormat    CeremonyReason = "format"    // a file cannot be read
	CeremonyStale     CeremonyReason = "stale"     // too old, from the future, or the answer to another order
	CeremonyRequest   CeremonyReason = "request"   // a request is not what the order says, or not signed by its key
	CeremonyPolicies  CeremonyReason = "policies"  // other policies than the tier's ceiling
	CeremonyProfile   CeremonyReason = "profile"   // a certificate differs from its profile
	CeremonyKey       CeremonyReason = "key"       // a certificate or request is for another key
	CeremonySignature CeremonyReason = "signature" // a signature does not hold
	CeremonyMissing   CeremonyReason = "missing"   // something ordered is not there, or something else is
	CeremonyList      CeremonyReason = "list"      // a revocation list is not what was ordered
	CeremonyDates     CeremonyReason = "dates"     // a validity is not the profile's
	CeremonyBefore    CeremonyReason = "before"    // a certificate of that name was signed before
	CeremonyConfirm   CeremonyReason = "confirm"   // the digest was not confirmed
)

// CeremonyError is a refusal at a ceremony.
type CeremonyError struct {
	Reason CeremonyReason
	Detail string
}

func (e *CeremonyError) Error() string {
	return "ceremony: " + e.Detail + " (" + string(e.Reason) + ")"
}

func ceremonyRefuses(r CeremonyReason, format string, args ...any) error {
	return &CeremonyError{r, fmt.Sprintf(format, args...)}
}
