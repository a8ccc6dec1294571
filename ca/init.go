package ca

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/durable"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/templates"
	"golang.org/x/sync/errgroup"
)

// ErrExists is returned by Init when the directory is there already: a second
// hierarchy on top of the first would orphan every certificate issued.
var ErrExists = errors.New("directory exists")

// InitConfig says what hierarchy to make.
type InitConfig struct {
	Dir          string           // must not exist; its parent must
	Name         string           // begins every CA's common name: "Example CA" makes "Example CA Standard"
	Organization string           // subject O of every CA; "" takes Name
	Country      string           // subject C, ISO 3166-1 alpha-2, required: CABF Code Signing BR section 7.1.4.3.1
	Passphrase   []byte           // encrypts every key; required
	PublicURL    string           // http://host[:port][/path] in front of /crl, /ca and /ocsp in certificates
	Arc          ext.Arc          // OID arc of the marks; zero takes ext.DefaultArc
	Catalogue    *audit.Catalogue // the frameworks whose levels become the tiers' policies; nil takes audit.Embedded
	Tiers        []templates.TierSpec
	CRLShards    int              // lists per issuing CA, for good; 0 takes DefaultShards
	Now          func() time.Time // nil takes time.Now
}

// builder holds what Init makes before any of it is on disk.
type builder struct {
	cfg    InitConfig
	now    time.Time
	linter *linter
	certs  map[string]*x509.Certificate
	keys   map[string]crypto.Signer
	crls   map[string][]byte
}

// Init makes a hierarchy in a new directory. Either all of it is there and durable
// when Init returns, or nothing is: it is built under a temporary name beside Dir
// and renamed. The error wraps ErrExists when Dir is there already.
func Init(ctx context.Context, cfg InitConfig) (Summary, error) {
	b, err := newBuilder(cfg)
	if err != nil {
		return Summary{}, fmt.Errorf("init: %w", err)
	}
	if err := b.build(); err != nil {
		return Summary{}, fmt.Errorf("init: %w", err)
	}
	if err := b.write(ctx); err != nil {
		return Summary{}, fmt.Errorf("init: %w", err)
	}
	h := &Hierarchy{manifest: b.manifest(), root: b.certs[nameRoot], operator: b.certs[nameOperator]}
	return h.Summary(), nil
}

func newBuilder(cfg InitConfig) (*builder, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	if _, err := os.Lstat(cfg.Dir); err == nil {
		return nil, fmt.Errorf("%s: %w", cfg.Dir, ErrExists)
	}
	l, err := newLinter()
	if err != nil {
		return nil, err
	}
	l.arc, l.publicURL = cfg.Arc, cfg.PublicURL
	return &builder{
		cfg: cfg, now: cfg.Now().UTC().Truncate(time.Second), linter: l,
		certs: map[string]*x509.Certificate{}, keys: map[string]crypto.Signer{}, crls: map[string][]byte{},
	}, nil
}

// complete fills in defaults and checks the rest.
func (c *InitConfig) complete() error {
	if c.Dir == "" || strings.TrimSpace(c.Name) == "" {
		return errors.New("directory and name are required")
	}
	if len(c.Passphrase) == 0 {
		return ErrNoPassphrase
	}
	if len(c.Country) != 2 || strings.ToUpper(c.Country) != c.Country {
		return fmt.Errorf("country %q is not two capital letters (ISO 3166-1 alpha-2)", c.Country)
	}
	if err := checkPublicURL(c.PublicURL); err != nil {
		return err
	}
	if c.Organization == "" {
		c.Organization = c.Name
	}
	if c.Arc.IsZero() {
		c.Arc = ext.DefaultArc()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.CRLShards == 0 {
		c.CRLShards = DefaultShards
	}
	if err := checkShards(c.CRLShards); err != nil {
		return err
	}
	var err error
	if c.Catalogue == nil {
		if c.Catalogue, err = audit.Embedded(); err != nil {
			return err
		}
	}
	if c.Tiers == nil {
		if c.Tiers, err = templates.Tiers(); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) manifest() manifest {
	m := manifest{Version: manifestVersion, Name: b.cfg.Name, Arc: b.cfg.Arc.String(), PublicURL: b.cfg.PublicURL, CRLShards: b.cfg.CRLShards, CreatedAt: b.now}
	for _, t := range b.cfg.Tiers {
		m.Tiers = append(m.Tiers, t.Name)
	}
	return m
}

// build makes keys, certificates and lists in memory.
func (b *builder) build() error {
	if err := b.makeKeys(); err != nil {
		return err
	}
	if err := b.selfSigned(nameRoot, nameRoot, templates.Root, b.values("Root", nil), rootValidity); err != nil {
		return err
	}
	if err := b.selfSigned(nameOperator, nameOperator, templates.OperatorCA, b.values("Operators", nil), operatorValidity); err != nil {
		return err
	}
	for _, t := range b.cfg.Tiers {
		if err := b.tier(t); err != nil {
			return fmt.Errorf("tier %s: %w", t.Name, err)
		}
	}
	if err := b.under(nameRoot, nameTimestamping, templates.TimestampingCA, b.values("Timestamping CA", nil), issuerValidity); err != nil {
		return err
	}
	if err := b.under(nameTimestamping, nameTSA, templates.TSA, b.values("Timestamping Authority", nil), tsaValidity); err != nil {
		return err
	}
	for _, name := range []string{nameRoot, nameTimestamping} {
		crl, err := offlineCRL(b.certs[name], b.keys[name], big.NewInt(1), b.now)
		if err != nil {
			return err
		}
		b.crls[name] = crl
	}
	return nil
}

func (b *builder) makeKeys() error {
	names := []string{nameRoot, nameTimestamping, nameTSA, nameOperator, nameVSA}
	for _, t := range b.cfg.Tiers {
		names = append(names, t.Name)
	}
	for _, name := range names {
		if b.keys[name] != nil {
			return fmt.Errorf("tier name %q is taken", name)
		}
		key, err := newP256()
		if err != nil {
			return fmt.Errorf("make key %s: %w", name, err)
		}
		b.keys[name] = key
	}
	_, ledger, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("make key %s: %w", nameLedger, err)
	}
	if b.keys[nameLedger] != nil {
		return fmt.Errorf("tier name %q is taken", nameLedger)
	}
	b.keys[nameLedger] = ledger
	return nil
}

// tier makes an issuing CA and its self-signed twin. The policies of both are the
// tier's ceiling: a leaf's policy that is not among them counts for nothing
// (RFC 5280 §6.1.3).
func (b *builder) tier(t templates.TierSpec) error {
	policies, err := ceiling(b.cfg.Catalogue, b.cfg.Arc, t)
	if err != nil {
		return err
	}
	if len(policies) == 0 {
		return errors.New("nothing in the catalogue lies under its ceilings")
	}
	v := b.values(t.Title, policies)
	if err := b.under(nameRoot, t.Name, templates.Tier, v, issuerValidity); err != nil {
		return err
	}
	return b.selfSigned(t.Name+twinSuffix, t.Name, templates.TierTwin, v, issuerValidity)
}

// ceiling lists the policy of every level a tier may certify.
func ceiling(catalogue *audit.Catalogue, arc ext.Arc, t templates.TierSpec) ([]string, error) {
	var policies []string
	for _, f := range catalogue.All() {
		for _, track := range f.Tracks {
			top := 0
			for _, l := range track.Levels {
				top = max(top, l.Level)
			}
			for level := 1; level <= t.Ceiling(f.ID, track.ID, top); level++ {
				oid, err := arc.Policy(f.URI, track.ID, level)
				if err != nil {
					return nil, fmt.Errorf("policy of %s %s %d: %w", f.ID, track.ID, level, err)
				}
				policies = append(policies, oid.String())
			}
		}
	}
	return policies, nil
}

func (b *builder) values(title string, policies []string) templates.Values {
	return templates.Values{
		CommonName: b.cfg.Name + " " + title, Organization: b.cfg.Organization, Country: b.cfg.Country, Policies: policies,
	}
}

func (b *builder) selfSigned(name, key string, kind templates.Name, v templates.Values, life time.Duration) error {
	signer := b.keys[key]
	t, err := b.fill(kind, signer.Public(), v, life)
	if err != nil {
		return fmt.Errorf("certificate %s: %w", name, err)
	}
	t.AuthorityKeyId = t.SubjectKeyId // optional here (RFC 5280 §4.2.1.1), and spares every linter the question
	throwaway, err := throwawayFor(signer.Public())
	if err != nil {
		return err
	}
	leave, err := b.linter.press(t, t, signer.Public(), signer.Public(), throwaway)
	if err != nil {
		return fmt.Errorf("certificate %s: %w", name, err)
	}
	b.certs[name], err = signTicket(leave, signer, nil)
	return err
}

func (b *builder) under(parent, name string, kind templates.Name, v templates.Values, life time.Duration) error {
	v.CRL = b.cfg.PublicURL + "/crl/" + parent + ".crl"
	v.CAIssuers = b.cfg.PublicURL + "/ca/" + parent + ".cer"
	t, err := b.fill(kind, b.keys[name].Public(), v, life)
	if err != nil {
		return fmt.Errorf("certificate %s: %w", name, err)
	}
	i, err := newIssuer(parent, b.certs[parent], b.keys[parent], b.linter)
	if err != nil {
		return err
	}
	if b.certs[name], err = i.issue(t); err != nil {
		return fmt.Errorf("certificate %s: %w", name, err)
	}
	return nil
}

func (b *builder) fill(kind templates.Name, pub crypto.PublicKey, v templates.Values, life time.Duration) (*x509.Certificate, error) {
	p, err := templates.Load(kind)
	if err != nil {
		return nil, err
	}
	from := b.now.Add(-backdate)
	return render(p, pub, v, rand.Reader, from, from.Add(life))
}

// write puts everything under a temporary name, durably, and renames it into place.
func (b *builder) write(ctx context.Context) (err error) {
	parent := filepath.Dir(b.cfg.Dir)
	tmp, err := os.MkdirTemp(parent, "."+filepath.Base(b.cfg.Dir)+".init-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(tmp))
		}
	}()
	if err := b.writeFiles(ctx, tmp); err != nil {
		return err
	}
	if _, err := os.Lstat(b.cfg.Dir); err == nil {
		return fmt.Errorf("%s: %w", b.cfg.Dir, ErrExists)
	}
	if err := os.Rename(tmp, b.cfg.Dir); err != nil {
		return err
	}
	return durable.SyncDir(parent)
}

func (b *builder) writeFiles(ctx context.Context, dir string) error {
	for _, sub := range []string{"certs", "keys", "crls"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			return err
		}
	}
	for name, cert := range b.certs {
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
		if err := durable.WriteFile(filepath.Join(dir, "certs", name+".pem"), text, 0o644); err != nil {
			return err
		}
	}
	for name, crl := range b.crls {
		if err := durable.WriteFile(filepath.Join(dir, "crls", name+".crl"), crl, 0o644); err != nil {
			return err
		}
	}
	if err := b.writeKeys(ctx, filepath.Join(dir, "keys")); err != nil {
		return err
	}
	text, err := json.MarshalIndent(b.manifest(), "", "  ")
	if err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(dir, manifestFile), append(text, '\n'), 0o644); err != nil {
		return err
	}
	return durable.SyncDir(dir)
}

func (b *builder) writeKeys(ctx context.Context, dir string) error {
	group, ctx := errgroup.WithContext(ctx)
	for name, key := range b.keys {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			text, err := encryptKey(key, b.cfg.Passphrase, rand.Reader)
			if err != nil {
				return fmt.Errorf("key %s: %w", name, err)
			}
			return durable.WriteFile(filepath.Join(dir, name+".pem"), text, 0o600)
		})
	}
	return group.Wait()
}
