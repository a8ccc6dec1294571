package sign

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
	"unicode"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/recent"
	"github.com/hallmark-pki/hallmark/sign/gate"
	"github.com/hallmark-pki/hallmark/store"
)

// Store is the part of a store driver used here.
type Store interface {
	View(ctx context.Context, fn func(store.Reader) error) error
	Update(ctx context.Context, fn func(store.Tx) error) error
}

// Keys gives access to the vendors' signing keys held by the service.
type Keys interface {
	// Signer returns the key of a store.SigningKey. Safe for concurrent use.
	Signer(ctx context.Context, keyID string) (crypto.Signer, error)
}

// Evidence is an attestation repository.
type Evidence interface {
	// Get returns the DSSE envelopes stored under a SHA-256 (lower-case hex) for a
	// vendor (id). None is no error.
	Get(ctx context.Context, vendor, sha256 string) ([][]byte, error)
}

// Stamper is a time stamping authority.
type Stamper interface {
	// StampDigest returns the DER token of RFC 3161 §2.4.2 over a digest.
	StampDigest(ctx context.Context, hash crypto.Hash, digest []byte) ([]byte, error)
}

// Issuers knows the issuing CAs.
type Issuers interface {
	// Certificate returns the certificate of an issuing CA, the one that the root signed.
	Certificate(id string) (*x509.Certificate, error)
	// Root returns the self-signed certificate above that one.
	Root(id string) (*x509.Certificate, error)
	// Cross returns further certificates that lead from an issuing CA to other roots.
	Cross(id string) []*x509.Certificate
	// CRLOf returns the newest CRL that covers a certificate on record, DER.
	CRLOf(ctx context.Context, cert store.Certificate) ([]byte, error)
}

// Builds certifies keys that sign one build; the CA does.
type Builds interface {
	// Grantable returns the ids of the assessments that a certificate with these claims
	// would rest on, sorted.
	Grantable(ctx context.Context, vendor string, wanted []ca.Wanted) ([]string, error)
	// Issue passes a request through the CA's gate.
	Issue(ctx context.Context, req ca.Request) (ca.Issued, error)
	// Abandon revokes a certificate that Issue gave, unless a signature on record names it.
	Abandon(ctx context.Context, serial string) error
}

// Config is what a Service needs. All fields but Now, Builds, Release, Elsewhere, Clients and Installer are required.
type Config struct {
	Store    Store
	Keys     Keys
	Evidence Evidence
	Stamper  Stamper
	Issuers  Issuers
	Builds   Builds  // nil: no certificates for single builds
	Release  Release // nil: whoever may ask for a vendor may ask for all its products
	// Elsewhere finds evidence that vendors keep themselves; nil: what is not in Evidence
	// does not count.
	Elsewhere Elsewhere
	// Clients reads evidence as clients do; nil: no build shows that they can verify it.
	Clients Clients
	// Installer judges finished signatures where an assessment asks that clients can verify;
	// nil: they go out as they are made.
	Installer Installer
	// VSASigner signs verification summaries; verifiers find its key in the trust bundle.
	VSASigner crypto.Signer
	// VerifierID is the URI by which summaries name this service.
	VerifierID string
	// Arc is where the CA's extensions live.
	Arc ext.Arc
	// Catalogue has the frameworks that assessments name; nil means those that come with
	// the program.
	Catalogue *audit.Catalogue
	// Gate judges builds; nil means one without further rules.
	Gate *gate.Gate
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Formats are what can be signed; none means format.Files.
	Formats []format.Format
	// Provisional: nil means that there are no provisional signatures.
	Provisional *ProvisionalConfig
}

// Service signs builds. It keeps no state of its own but memories, and is safe for
// concurrent use.
type Service struct {
	c        Config
	opener   audit.Opener
	compiler gate.Compiler
	records  records
	molds    recent.Values[*x509.Certificate, *cmsMold]

	summaries *attest.Signer // with VSASigner
}

// New checks the configuration.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Keys == nil || c.Evidence == nil || c.Stamper == nil || c.Issuers == nil || c.VSASigner == nil {
		return nil, errors.New("signing service: store, keys, evidence, stamper, issuers and VSA signer are required")
	}
	if c.VerifierID == "" || c.Arc.IsZero() {
		return nil, errors.New("signing service: verifier id and arc are required")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Formats == nil {
		c.Formats = format.Files()
	}
	if c.Gate == nil {
		c.Gate = gate.New(gate.Config{Now: c.Now})
	}
	if c.Catalogue == nil {
		var err error
		if c.Catalogue, err = audit.Embedded(); err != nil {
			return nil, fmt.Errorf("signing service: %w", err)
		}
	}
	summaries, err := attest.NewSigner(c.VSASigner)
	if err != nil {
		return nil, fmt.Errorf("signing service: %w", err)
	}
	return &Service{c: c, summaries: summaries}, nil
}

// Request asks for one signature over one digest.
type Request struct {
	Vendor  string   // Vendor.ID
	Digest  [32]byte // SHA-256 of the artifact, which evidence is filed under
	Format  string   // how the client will carry the signature: a format.Kind
	Product string   // as in the audited scope
	// Certificate is the serial number of the certificate to use, as in
	// store.Certificate; "" picks the newest that can be used.
	Certificate string
	By          string // Person.ID of who asks
	// PerBuild has a new key made for this signature alone, and a certificate for it;
	// Certificate must be "". Claims are what it is to say, none meaning all that
	// assessments in force support.
	PerBuild bool
	Claims   []ca.Wanted
	// Signed is the digest that is signed, for formats that sign another than Digest:
	// format.Digests.Signed. Evidence must state it, unless Computed says that the
	// service itself took both from the artifact's bytes.
	Signed   [32]byte
	Computed bool
	// Commit is the revision that is meant, lower-case hex: evidence about a build of
	// another one is refused. Empty: any that the audited scope allows.
	Commit string
	Mode   Mode
	// MediaType and Size are signed beside the digest of an OCI manifest: what the
	// signature is worth elsewhere if they are wrong is nothing, since whoever checks it
	// has the manifest. Empty for all other formats.
	MediaType string
	Size      int64
}

// Result is a signature that is on record.
type Result struct {
	ID       string // of the store.Signature
	Serial   string // of the certificate used
	At       time.Time
	CMS      []byte // DER ContentInfo, at most format.MaxSignatureBytes; for OCI, the JWS
	VSA      []byte // the verification summary, a DSSE envelope
	Decision gate.Decision
	// State is that of the store.Signature; ConfirmBy is set while it is to be confirmed.
	State     string
	ConfirmBy time.Time
}

// Sign judges a build and signs it. The error is a *Refusal when the answer is no;
// any other error means that no answer could be given, and the caller may try again.
// When Sign returns a Result, its record is durable.
func (s *Service) Sign(ctx context.Context, r Request) (Result, error) {
	r = r.normal()
	if refusal := s.check(r); refusal != nil {
		return Result{}, refusal
	}
	ctx, cancel := context.WithTimeout(ctx, signTimeout)
	defer cancel()
	if err := s.permit(ctx, r); err != nil {
		return Result{}, s.recorded(ctx, r, err)
	}
	g, d, err := s.examine(ctx, r, s.permitted)
	if err != nil {
		return Result{}, s.recorded(ctx, r, err)
	}
	if !r.Allows(d) {
		refusal := gateRefusal(d)
		refusal.Detail += g.unread
		if err := s.recordRefusal(ctx, r, refusal); err != nil {
			return Result{}, errors.Join(refusal, err)
		}
		return Result{}, refusal
	}
	if r.PerBuild {
		return s.signBuild(ctx, r, g, d)
	}
	return s.finish(ctx, r, g, d)
}

// finish makes the signature that was granted, and its record.
func (s *Service) finish(ctx context.Context, r Request, g ground, d gate.Decision) (Result, error) {
	now := s.now()
	var err error
	g.confirmBy = s.confirmBy(r, g, d, now)
	res := Result{ID: store.NewID(now), Serial: g.record.Serial, At: now, Decision: d, State: r.state(g), ConfirmBy: g.confirmBy}
	if res.VSA, err = s.summary(ctx, r, g, d, now); err != nil {
		return Result{}, err
	}
	if res.CMS, err = s.signature(ctx, r, g, res.VSA, now); err != nil {
		return Result{}, err
	}
	if err := s.tryOut(ctx, r, g, res); err != nil {
		return Result{}, err
	}
	if err := s.recordSignature(ctx, r, g, res); err != nil {
		return Result{}, err
	}
	return res, nil
}

// Explain judges a build and signs nothing. The Decision holds every rule's verdict;
// errors are those of Sign, except that a denial by the gate is none.
func (s *Service) Explain(ctx context.Context, r Request) (gate.Decision, error) {
	r = r.normal()
	if refusal := s.check(r); refusal != nil {
		return gate.Decision{}, refusal
	}
	anybody := func(store.Reader, Request, string, time.Time) error { return nil } // may ask
	_, d, err := s.examine(ctx, r, anybody)
	return d, err
}

func (s *Service) examine(ctx context.Context, r Request, permitted permission) (ground, gate.Decision, error) {
	g, err := s.ground(ctx, r, permitted)
	if err != nil {
		return ground{}, gate.Decision{}, err
	}
	d, evidence, err := s.judge(ctx, r, g)
	if err == nil && !r.Allows(d) && s.pull(ctx, r.Vendor, hex.EncodeToString(r.Digest[:]), &g) {
		d, evidence, err = s.judge(ctx, r, g)
	}
	g.evidence = evidence
	return g, d, err
}

// judge holds the evidence there is against what a signature is to stand on.
func (s *Service) judge(ctx context.Context, r Request, g ground) (gate.Decision, [][]byte, error) {
	digest := hex.EncodeToString(r.Digest[:])
	evidence, err := s.gather(ctx, r.Vendor, digest, g.assessed)
	if err != nil {
		return gate.Decision{}, nil, err
	}
	build := s.build(r)
	if build.Inputs, err = s.gatherInputs(ctx, r.Vendor, evidence, g.assessed); err != nil {
		return gate.Decision{}, nil, err
	}
	if build.Published, err = s.gatherPublished(ctx, digest, g); err != nil {
		return gate.Decision{}, nil, err
	}
	return s.c.Gate.Decide(build, evidence, g.assessed, g.rules...), evidence, nil
}

func (s *Service) now() time.Time { return s.c.Now().UTC() }

// check refuses a request that cannot be meant, or not of this service.
func (s *Service) check(r Request) *Refusal {
	if refusal := r.check(); refusal != nil {
		return refusal
	}
	if refusal := s.checkFormat(r); refusal != nil {
		return refusal
	}
	return s.checkMode(r)
}

// check refuses a request whose fields cannot be meant.
func (r Request) check() *Refusal {
	field := func(name, format string, args ...any) *Refusal {
		refusal := refuse(CodeRequest, "", format, args...)
		refusal.Field = name
		return refusal
	}
	if r.Commit != "" && !isCommit(r.Commit) {
		return field("commit", "%s is not 40 or 64 lower-case hex digits", quote(r.Commit))
	}
	for _, f := range []struct {
		name, value string
		max         int
		optional    bool
	}{
		{"vendor", r.Vendor, maxNameLength, false},
		{"product", r.Product, maxProductLength, false},
		{"by", r.By, maxNameLength, false},
		{"certificate", r.Certificate, maxNameLength, true},
	} {
		switch {
		case f.value == "" && !f.optional:
			return field(f.name, "is required")
		case len(f.value) > f.max:
			return field(f.name, "%d bytes, at most %d", len(f.value), f.max)
		case !isText(f.value):
			return field(f.name, "has a control character or is not UTF-8")
		}
	}
	if r.Digest == ([32]byte{}) {
		return field("digest", "is required")
	}
	if r.PerBuild && r.Certificate != "" {
		return field("certificate", "is named, and a new one is asked for")
	}
	if !r.PerBuild && len(r.Claims) > 0 {
		return field("claims", "are those of the certificate; only a new one can be asked for claims")
	}
	return nil
}

func isText(s string) bool {
	for _, c := range s {
		if unicode.IsControl(c) || c == unicode.ReplacementChar {
			return false
		}
	}
	return true
}
