package ca

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
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
	Passphrase   []byte           // encrypts every key; required, also where every key of a CA is on a token: the log's is a file
	PublicURL    string           // http://host[:port][/path] in front of /crl, /ca and /ocsp in certificates
	Arc          ext.Arc          // OID arc of the marks; zero takes ext.DefaultArc
	Catalogue    *audit.Catalogue // the frameworks whose levels become the tiers' policies; nil takes audit.Embedded
	Tiers        []templates.TierSpec
	CRLShards    int // lists per issuing CA, for good; 0 takes DefaultShards
	// Keys says where keys are made and stay, by name (root, timestamping, tsa, operator,
	// vsa, status, distribution, a tier's, or KeysOfTiers for all tiers): a key URI of package keys, in which
	// {name} stands for the key's name. Those not named: an encrypted file. The log's
	// key is always a file.
	Keys map[string]string
	// PIN is asked for the PIN of a token whose URI names none.
	PIN func(token string) ([]byte, error)
	// RootOffline leaves the keys of the root and of the timestamping CA to a ceremony.
	RootOffline bool
	Now         func() time.Time // nil takes time.Now

	encrypt encrypter
}

// builder holds what Init makes before any of it is on disk.
type builder struct {
	cfg      InitConfig
	now      time.Time
	linter   *linter
	manifest manifest
	certs    map[string]*x509.Certificate
	keys     map[string]crypto.Signer
	crls     map[string][]byte
	order    order // what the root signs
	ring     *keyring
}

// Init makes a hierarchy in a new directory. Either all of it is there and durable
// when Init returns, or nothing is: it is built under a temporary name beside Dir
// and renamed. Keys that were made on tokens stay there when Init fails. With
// RootOffline it waits for a ceremony, see SignOrder and Site.Import. The error wraps ErrExists when Dir is there already and ErrKeyExists when a key is.
func Init(ctx context.Context, cfg InitConfig) (_ Summary, err error) {
	b, err := newBuilder(cfg)
	if err != nil {
		return Summary{}, fmt.Errorf("init: %w", err)
	}
	defer func() { err = errors.Join(err, b.ring.Close()) }()
	if err := b.make(ctx); err != nil {
		return Summary{}, fmt.Errorf("init: %w", err)
	}
	return b.manifest.summary(b.certs[nameRoot], b.certs[nameOperator]), nil
}

func (b *builder) make(ctx context.Context) error {
	if err := b.build(ctx); err != nil {
		return err
	}
	return b.write(ctx)
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
	b := &builder{
		cfg: cfg, now: cfg.Now().UTC().Truncate(time.Second), linter: l,
		certs: map[string]*x509.Certificate{}, keys: map[string]crypto.Signer{}, crls: map[string][]byte{},
		ring: newKeyring(cfg.Dir, Secrets{Passphrase: cfg.Passphrase, PIN: cfg.PIN}),
	}
	return b, b.setManifest()
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

// setManifest decides on names and on where keys live.
func (b *builder) setManifest() error {
	m := manifest{Version: manifestVersion, Name: b.cfg.Name, Arc: b.cfg.Arc.String(), PublicURL: b.cfg.PublicURL, CRLShards: b.cfg.CRLShards, CreatedAt: b.now, Added: addedKeys()}
	for _, t := range b.cfg.Tiers {
		m.Tiers = append(m.Tiers, t.Name)
	}
	others := []string{nameTSA, nameOperator, nameVSA, nameStatus, nameDistribution}
	if !b.cfg.RootOffline {
		others = append(others, nameRoot, nameTimestamping)
	}
	var err error
	if m.Keys, err = expandPlaces(b.cfg.Keys, m.Tiers, others); err != nil {
		return err
	}
	if b.cfg.RootOffline {
		m.Keys[nameRoot], m.Keys[nameTimestamping] = placeOffline, placeOffline
	}
	b.manifest = m
	return m.check()
}

// build makes keys, certificates and lists; with an offline root, the order for what
// it is to sign.
func (b *builder) build(ctx context.Context) error {
	if err := b.makeKeys(ctx); err != nil {
		return err
	}
	if err := b.selfSigned(nameOperator, nameOperator, templates.OperatorCA, b.values("Operators", nil), operatorValidity); err != nil {
		return err
	}
	a := &signatory{linter: b.linter, now: b.now, certs: b.certs, key: func(_ context.Context, name string) (crypto.Signer, error) {
		if key := b.keys[name]; key != nil {
			return key, nil
		}
		return nil, ErrOffline
	}}
	if err := a.setCeilings(b.cfg.Catalogue, b.cfg.Arc, b.cfg.Tiers); err != nil {
		return err
	}
	for _, t := range b.cfg.Tiers {
		if err := b.selfSigned(t.Name+twinSuffix, t.Name, templates.TierTwin, b.values(t.Title, a.ceilings[t.Name]), issuerValidity); err != nil {
			return fmt.Errorf("tier %s: %w", t.Name, err)
		}
	}
	if err := b.setOrder(a.ceilings); err != nil || b.cfg.RootOffline {
		return err
	}
	made, err := a.sign(ctx, b.order, "")
	if err != nil {
		return err
	}
	b.crls = made.Lists
	return nil
}

// setOrder lists what the root and the timestamping CA have to sign.
func (b *builder) setOrder(ceilings map[string][]string) error {
	o := newOrder(purposeFound, b.now)
	o.Name, o.Organization, o.Country = b.cfg.Name, b.cfg.Organization, b.cfg.Country
	o.Arc, o.PublicURL = b.manifest.Arc, b.cfg.PublicURL
	wanted := []ordered{
		{Name: nameRoot, Profile: templates.Root, Title: rootTitle(nameRoot), Issuer: nameRoot},
		{Name: nameTimestamping, Profile: templates.TimestampingCA, Title: titleTimestamping, Issuer: nameRoot},
		{Name: nameTSA, Profile: templates.TSA, Title: titleTSA, Issuer: nameTimestamping},
	}
	for _, t := range b.cfg.Tiers {
		wanted = append(wanted, ordered{Name: t.Name, Tier: t.Name, Profile: templates.Tier, Title: t.Title, Issuer: nameRoot, Policies: ceilings[t.Name]})
	}
	for _, c := range wanted {
		if c.Name != nameRoot && c.Name != nameTimestamping {
			asked, err := o.addRequest(c, b.keys[c.Name])
			if err != nil {
				return fmt.Errorf("request %s: %w", c.Name, err)
			}
			c = asked
		}
		o.Certificates = append(o.Certificates, c)
	}
	o.Lists = []orderedList{{Issuer: nameRoot}, {Issuer: nameTimestamping}}
	b.order = o
	return o.check()
}

func (b *builder) makeKeys(ctx context.Context) error {
	names := append([]string{nameRoot, nameTimestamping, nameTSA, nameOperator, nameVSA, nameLedger, nameStatus, nameDistribution}, b.manifest.Tiers...)
	places := map[string]string{}
	for _, name := range names {
		if place := b.manifest.place(name); place != placeOffline {
			places[name] = place
		}
	}
	var err error
	if b.keys, err = b.ring.make(ctx, places); err != nil {
		return err
	}
	for name := range b.manifest.Keys {
		if place, ok := places[name]; ok {
			b.manifest.Keys[name] = place
		}
	}
	return nil
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
		if err := durable.WriteFile(certPath(dir, name), pemCertificate(cert), 0o644); err != nil {
			return err
		}
	}
	for name, crl := range b.crls {
		if err := durable.WriteFile(crlPath(dir, name), crl, 0o644); err != nil {
			return err
		}
	}
	if err := b.writeKeys(ctx, filepath.Join(dir, "keys")); err != nil {
		return err
	}
	if b.cfg.RootOffline {
		if err := writeOrder(durable.WriteFile, dir, b.order, b.manifest); err != nil {
			return err
		}
	}
	text, err := b.manifest.marshal()
	if err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(dir, manifestFile), text, 0o644); err != nil {
		return err
	}
	return durable.SyncDir(dir)
}

func (b *builder) writeKeys(ctx context.Context, dir string) error {
	group, ctx := errgroup.WithContext(ctx)
	for name, key := range b.keys {
		if !strings.HasPrefix(b.manifest.place(name), placeFile) {
			continue
		}
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			text, err := b.cfg.encrypt.key(key, b.cfg.Passphrase)
			if err != nil {
				return fmt.Errorf("key %s: %w", name, err)
			}
			return durable.WriteFile(filepath.Join(dir, name+".pem"), text, 0o600)
		})
	}
	return group.Wait()
}

func pemCertificate(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}
