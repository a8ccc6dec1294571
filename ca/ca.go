package ca

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/ca/ocsp"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/keys/attestation"
	"github.com/hallmark-pki/hallmark/recent"
	"github.com/hallmark-pki/hallmark/store"
)

// Store is what the CA needs of a store driver: View sees one snapshot, Update is
// atomic and durable on return. The function given to Update may run more than once.
type Store interface {
	View(ctx context.Context, fn func(store.Reader) error) error
	Update(ctx context.Context, fn func(store.Tx) error) error
}

// Config says what a CA runs on.
type Config struct {
	Dir        string     // made by Init; or
	Hierarchy  *Hierarchy // opened already, then Dir is not read
	Passphrase []byte     // of the keys, and of the signing keys the service holds; may be nil with Hierarchy, which knows it

	Store     Store            // required
	Catalogue *audit.Catalogue // nil takes audit.Embedded

	Arc         ext.Arc  // zero takes the hierarchy's; another than the hierarchy's is refused
	PublicURL   string   // "" takes the hierarchy's
	OCSPNonce   string   // OCSPNonceIgnore, which "" takes, or OCSPNonceEcho
	ServerNames []string // DNS names and IP addresses of the server's TLS certificate; nil takes the host of PublicURL and localhost

	// Probes brings the probes of a vendor's assessments up to date before the gate is
	// asked; what they found, the gate reads in the store. nil: somebody else does.
	Probes func(ctx context.Context, vendor string) error

	// VendorKeys says where new signing keys of vendors go: "" or VendorKeysInFile, or the
	// URI of a key on a token, with {id} and, if wanted, {vendor} in it. Keys that are
	// there stay where they are.
	VendorKeys string

	// HardwareKeys judges attestations of vendors' keys; nil believes YubiKeys alone.
	HardwareKeys *attestation.Verifier
	// Blocked names keys that get no certificate; nil names none.
	Blocked *Blocklist
	// ClockTrusted returns an error while the clock is known to be wrong: nothing is
	// timestamped then. It is called for each timestamp, so it must be quick. nil trusts
	// the clock.
	ClockTrusted func() error

	Now  func() time.Time // nil takes time.Now
	Rand io.Reader        // serial numbers; nil takes crypto/rand.Reader
	Log  *slog.Logger     // nil discards
}

// CA issues, revokes and vouches. Safe for concurrent use.
type CA struct {
	store        Store
	catalogue    *audit.Catalogue
	arc          ext.Arc
	publicURL    string
	passphrase   []byte
	probes       func(ctx context.Context, vendor string) error
	now          func() time.Time
	clockTrusted func() error
	random       io.Reader
	log          *slog.Logger

	vendorKeys string // Config.VendorKeys

	hierarchy *Hierarchy
	linter    *linter
	tiers     []*tier // lowest first; of each the oldest generation first
	operator  *issuer
	tsa       *timestamper
	server    *serverCertificate
	requires  requirements
	blocked   *Blocklist
	reserved  map[string]bool // SHA-256 of the SPKI of each of the CA's own keys

	opener  audit.Opener
	levels  recent.Values[string, computed] // by the assessment's id
	vendors store.Memo[store.Vendor]
	shards  int
	crls    sync.Mutex           // lists are made by one at a time
	listed  map[string]time.Time // thisUpdate of lists seen on record; under crls
	answers ocsp.Cache
	lists   store.Memo[store.CRL]

	ocspNonce string

	mass     sync.Mutex    // mass revocations are worked off by one at a time
	massWake chan struct{} // StartRevocations
	signers  sync.Map      // store.SigningKey.ID → crypto.Signer, decrypted
}

// tier is an issuing CA ready to issue: one generation of a tier.
type tier struct {
	name      string              // "high"; the issuing CA's id, after a rollover "high-2", is issuer.name
	current   bool                // the newest generation; the others sign lists and OCSP responses alone
	chain     []*x509.Certificate // what a signature carries: the issuing CA, then what leads to other roots
	issuer    *issuer
	twin      *x509.Certificate
	profile   *profile
	policies  []x509.OID // what its certificate may vouch for
	responder responder
	names     ocsp.Names // as OCSP requests name it
}

// covers reports whether every policy lies under the tier's ceiling.
func (t *tier) covers(policies []x509.OID) bool {
	for _, p := range policies {
		if !slices.ContainsFunc(t.policies, p.Equal) {
			return false
		}
	}
	return true
}

// Open makes a CA of a hierarchy and a store. The error wraps ErrPassphrase when
// the passphrase is wrong.
func Open(ctx context.Context, cfg Config) (*CA, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, err := newCA(cfg)
	if err != nil {
		return nil, fmt.Errorf("open CA: %w", err)
	}
	for _, set := range []func() error{c.setTiers, c.setTimestamper, c.setOperator} {
		if err := set(); err != nil {
			return nil, fmt.Errorf("open CA: %w", err)
		}
	}
	if c.server, err = newServerCertificate(c, cfg.ServerNames); err != nil {
		return nil, fmt.Errorf("open CA: %w", err)
	}
	return c, c.reserveKeys()
}

func newCA(cfg Config) (*CA, error) {
	if cfg.Store == nil {
		return nil, errors.New("no store")
	}
	h, err := cfg.Hierarchy, error(nil)
	if h == nil {
		if h, err = OpenHierarchy(cfg.Dir, cfg.Passphrase); err != nil {
			return nil, err
		}
	}
	if cfg.Passphrase != nil && !bytes.Equal(cfg.Passphrase, h.passphrase) {
		return nil, fmt.Errorf("%w: not the one the hierarchy was opened with", ErrPassphrase)
	}
	if !cfg.Arc.IsZero() && !cfg.Arc.Equal(h.arc) {
		return nil, fmt.Errorf("OID arc %s is not the hierarchy's %s: its tiers would vouch for nothing", cfg.Arc, h.arc)
	}
	c := &CA{
		store: cfg.Store, catalogue: cfg.Catalogue, arc: h.arc, publicURL: cfg.PublicURL,
		passphrase: h.passphrase, probes: cfg.Probes, blocked: cfg.Blocked,
		now: cfg.Now, clockTrusted: cfg.ClockTrusted, random: cfg.Rand, log: cfg.Log, hierarchy: h, reserved: map[string]bool{},
		shards: h.manifest.CRLShards, listed: map[string]time.Time{}, ocspNonce: cfg.OCSPNonce, vendorKeys: cfg.VendorKeys, massWake: make(chan struct{}, 1),
	}
	if err := c.complete(); err != nil {
		return nil, err
	}
	if c.linter, err = newLinter(); err != nil {
		return nil, err
	}
	c.linter.arc, c.linter.publicURL = c.arc, c.publicURL
	c.requires, err = newRequirements(cfg.HardwareKeys)
	return c, err
}

func (c *CA) complete() error {
	if c.ocspNonce == "" {
		c.ocspNonce = OCSPNonceIgnore
	}
	if c.ocspNonce != OCSPNonceIgnore && c.ocspNonce != OCSPNonceEcho {
		return fmt.Errorf("OCSP nonce policy %q, want %s or %s", c.ocspNonce, OCSPNonceIgnore, OCSPNonceEcho)
	}
	if err := checkVendorPlace(c.vendorKeys); err != nil {
		return err
	}
	if c.publicURL == "" {
		c.publicURL = c.hierarchy.manifest.PublicURL
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.random == nil {
		c.random = rand.Reader
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.catalogue == nil {
		var err error
		if c.catalogue, err = audit.Embedded(); err != nil {
			return err
		}
	}
	return checkPublicURL(c.publicURL)
}

func (c *CA) setTiers() error {
	for _, f := range c.hierarchy.tiers {
		i, err := newIssuer(f.name, f.cert, c.hierarchy.keys[f.name], c.linter)
		if err != nil {
			return err
		}
		p, err := newProfile(f.name, c.arc, c.publicURL, c.shards, c.random, c.now)
		if err != nil {
			return err
		}
		t := &tier{name: f.tier, current: f.current, chain: append([]*x509.Certificate{f.cert}, f.cross...), issuer: i, twin: f.twin, profile: p, policies: f.cert.Policies}
		if t.names, err = ocsp.NewNames(f.cert); err != nil {
			return err
		}
		c.tiers = append(c.tiers, t)
	}
	return nil
}

func (c *CA) setOperator() (err error) {
	c.operator, err = newIssuer(nameOperator, c.hierarchy.operator, c.hierarchy.keys[nameOperator], c.linter)
	return err
}

// reserveKeys notes the CA's own keys: a certificate for one of them would make a
// vendor of the CA.
func (c *CA) reserveKeys() error {
	var keys []crypto.PublicKey
	for _, cert := range c.hierarchy.stamps {
		keys = append(keys, cert.PublicKey)
	}
	for _, r := range c.hierarchy.roots {
		keys = append(keys, r.cert.PublicKey)
	}
	for _, k := range c.hierarchy.keys {
		keys = append(keys, k.Public())
	}
	for _, k := range keys {
		sum, err := spkiSHA256(k)
		if err != nil {
			return err
		}
		c.reserved[sum] = true
	}
	return nil
}

// Arc returns the OID arc of the marks this CA writes.
func (c *CA) Arc() ext.Arc { return c.arc }

// PublicURL returns what stands before /crl, /ca and /ocsp in certificates.
func (c *CA) PublicURL() string { return c.publicURL }

// Summary describes the hierarchy to a person.
func (c *CA) Summary() Summary { return c.hierarchy.Summary() }

// Tiers returns the names of the tiers, lowest first.
func (c *CA) Tiers() []string { return append([]string(nil), c.hierarchy.manifest.Tiers...) }

// offlineIssuers returns the names of the CAs whose lists are files: the roots, oldest
// first, and the timestamping CAs.
func (c *CA) offlineIssuers() []string {
	return c.hierarchy.manifest.offline()
}

// VSASigner returns the key that signs verification summaries, P-256.
func (c *CA) VSASigner() crypto.Signer { return c.hierarchy.keys[nameVSA] }

// StatusSigner returns the key that signs status bundles, P-256.
func (c *CA) StatusSigner() crypto.Signer { return c.hierarchy.statusSigner(c.now()) }

// DistributionSigner opens the key of the update repository's root and targets, P-256,
// and keeps it open. It is needed rarely, so serving does not wait for it.
func (c *CA) DistributionSigner(ctx context.Context) (crypto.Signer, error) {
	return c.hierarchy.later(ctx, c.hierarchy.manifest.newest(nameDistribution))
}

// LedgerKey returns the key that signs the transparency log's checkpoints.
func (c *CA) LedgerKey() ed25519.PrivateKey { return c.hierarchy.keys[nameLedger].(ed25519.PrivateKey) }

// defaultServerNames are the names a server is reached by when nobody says.
func defaultServerNames(publicURL string) []string {
	names := []string{"localhost", "127.0.0.1", "::1"}
	if u, err := url.Parse(publicURL); err == nil && u.Hostname() != "" && u.Hostname() != "localhost" {
		names = append(names, u.Hostname())
	}
	return names
}
