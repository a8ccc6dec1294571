package ca

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hallmark-pki/hallmark/ext"
	"go.step.sm/crypto/keyutil"
	"golang.org/x/sync/errgroup"
)

// Hierarchy is the CA's directory with its keys opened, except those of the roots
// and of the timestamping CA, which are not needed to serve.
type Hierarchy struct {
	manifest     manifest
	arc          ext.Arc
	root         *x509.Certificate // the newest
	roots        []rootFiles       // oldest first
	timestamping *x509.Certificate
	stampCross   []*x509.Certificate          // of timestamping, under other roots in force
	stamps       map[string]*x509.Certificate // every generation of the timestamping CA and authority, by name
	tsa          *x509.Certificate
	operator     *x509.Certificate
	tiers        []tierFiles // lowest first, and of each the oldest generation first
	passphrase   []byte      // opened the keys, and encrypts the signing keys the service makes
	keys         map[string]crypto.Signer
	crls         map[string][]byte // of the CAs whose keys are offline
	ring         *keyring

	opening sync.Mutex
	opened  map[string]crypto.Signer // by later; under opening
}

type rootFiles struct {
	name    string
	cert    *x509.Certificate
	retired bool
}

// tierFiles is an issuing CA: one generation of a tier.
type tierFiles struct {
	name       string // its id
	cert, twin *x509.Certificate
	tier       string
	current    bool
	// cross leads to the roots in force that cert does not lead to: certificates of the
	// same name and key under another root, or of the root above cert under an older one.
	cross []*x509.Certificate
}

// ErrCeremony is returned for a hierarchy whose certificates wait for a ceremony.
var ErrCeremony = errors.New("its root has not signed yet: finish with 'hallmark ceremony import'")

// OpenHierarchy is OpenHierarchyWith for keys that are all in files, or on tokens
// whose URIs name a pin-source.
func OpenHierarchy(dir string, passphrase []byte) (*Hierarchy, error) {
	return OpenHierarchyWith(context.Background(), dir, Secrets{Passphrase: passphrase})
}

// OpenHierarchyWith reads a directory made by Init and opens its keys; those in files
// in parallel because each costs a fifth of a second by design. The error wraps
// ErrPassphrase when the passphrase is wrong, fs.ErrNotExist when a file is missing,
// ErrCeremony when the root has not signed, and *keys.Error when a token fails.
// Close it.
func OpenHierarchyWith(ctx context.Context, dir string, s Secrets) (*Hierarchy, error) {
	h, err := openHierarchy(ctx, dir, s)
	if err != nil {
		return nil, fmt.Errorf("open hierarchy: %w", err)
	}
	return h, nil
}

func openHierarchy(ctx context.Context, dir string, s Secrets) (_ *Hierarchy, err error) {
	m, err := readManifest(dir)
	if err != nil {
		return nil, err
	}
	certs, err := readCertificates(dir, m)
	if errors.Is(err, fs.ErrNotExist) && orderPending(dir) {
		return nil, ErrCeremony
	}
	if err != nil {
		return nil, err
	}
	crls := map[string][]byte{}
	for _, name := range m.offline() {
		if crls[name], err = readFile(crlPath(dir, name), maxFileBytes); err != nil {
			return nil, err
		}
	}
	ring := newKeyring(dir, Secrets{Passphrase: bytes.Clone(s.Passphrase), PIN: s.PIN, PINWritten: s.PINWritten})
	defer func() {
		if err != nil {
			err = errors.Join(err, ring.Close())
		}
	}()
	if m, err = ring.addKeys(m); err != nil {
		return nil, err
	}
	signers, err := ring.readKeys(ctx, m)
	if err != nil {
		return nil, err
	}
	return newHierarchy(m, certs, signers, crls, ring)
}

// newHierarchy puts together what belongs together, and checks that it does.
func newHierarchy(m manifest, certs map[string]*x509.Certificate, signers map[string]crypto.Signer, crls map[string][]byte, ring *keyring) (*Hierarchy, error) {
	arc, err := ext.ParseArc(m.Arc)
	if err != nil {
		return nil, err
	}
	h := &Hierarchy{
		manifest: m, arc: arc, passphrase: ring.secrets.Passphrase, keys: signers, crls: crls, ring: ring,
		root: certs[m.newestRoot()], timestamping: certs[m.newest(nameTimestamping)], tsa: certs[m.newest(nameTSA)], operator: certs[nameOperator],
	}
	for _, name := range m.roots() {
		h.roots = append(h.roots, rootFiles{name, certs[name], slices.Contains(m.Retired, name)})
	}
	for _, id := range m.issuers() {
		h.tiers = append(h.tiers, tierFiles{name: id.name, cert: certs[id.name], twin: certs[id.name+twinSuffix], tier: id.tier, current: id.current})
	}
	h.stamps = map[string]*x509.Certificate{}
	for _, name := range append(m.generations(nameTimestamping), m.generations(nameTSA)...) {
		h.stamps[name] = certs[name]
	}
	if err := h.checkCertificates(); err != nil {
		return nil, err
	}
	if err := h.addCross(certs); err != nil {
		return nil, err
	}
	h.leaveRetired()
	return h, h.checkKeys()
}

// Close gives back what keys outside of files hold. They do not sign afterwards.
func (h *Hierarchy) Close() error { return h.ring.Close() }

func readManifest(dir string) (manifest, error) {
	raw, err := readFile(filepath.Join(dir, manifestFile), maxFileBytes)
	if err != nil {
		return manifest{}, err
	}
	return parseManifest(raw)
}

func certPath(dir, name string) string { return filepath.Join(dir, "certs", name+".pem") }
func crlPath(dir, name string) string  { return filepath.Join(dir, "crls", name+".crl") }

// certificateNames lists every file in certs/ that counts.
func (m manifest) certificateNames() []string {
	names := append(append(append([]string{nameOperator}, m.generations(nameTimestamping)...), m.generations(nameTSA)...), m.roots()...)
	for _, id := range m.issuers() {
		names = append(names, id.name, id.name+twinSuffix)
	}
	return append(names, m.Cross...)
}

func readCertificates(dir string, m manifest) (map[string]*x509.Certificate, error) {
	certs := map[string]*x509.Certificate{}
	for _, name := range m.certificateNames() {
		var err error
		if certs[name], err = readCertificate(certPath(dir, name)); err != nil {
			return nil, err
		}
	}
	return certs, nil
}

func readCertificate(file string) (*x509.Certificate, error) {
	raw, err := readFile(file, maxFileBytes)
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode(raw)
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) != 0 {
		return nil, fmt.Errorf("%s is not one PEM certificate", file)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return cert, nil
}

// readKeys opens what is needed to serve.
func (k *keyring) readKeys(ctx context.Context, m manifest) (map[string]crypto.Signer, error) {
	names := append([]string{m.newest(nameTSA), nameOperator, nameVSA, nameLedger}, k.statusKeys(m)...)
	for _, id := range m.issuers() {
		names = append(names, id.name)
	}
	signers := make([]crypto.Signer, len(names))
	var group errgroup.Group
	for i, name := range names {
		if place := m.place(name); strings.HasPrefix(place, placeFile) {
			group.Go(func() (err error) {
				signers[i], err = k.file(place)
				return err
			})
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	out := map[string]crypto.Signer{}
	for i, name := range names {
		if signers[i] == nil { // one after the other: a person may be asked
			var err error
			if signers[i], err = k.signer(ctx, name, m.place(name)); err != nil {
				return nil, err
			}
		}
		out[name] = signers[i]
	}
	return out, nil
}

// checkCertificates makes sure that the files belong together: one from another
// hierarchy must fail here and not in a vendor's hands.
func (h *Hierarchy) checkCertificates() error {
	for _, t := range h.tiers {
		if h.rootOf(t.cert) == nil {
			return fmt.Errorf("tier %s is not under the root", t.name)
		}
		if !bytes.Equal(t.cert.RawSubject, t.twin.RawSubject) || !keyutil.Equal(t.cert.PublicKey, t.twin.PublicKey) {
			return fmt.Errorf("tier %s and its twin differ in name or key", t.name)
		}
	}
	if h.rootOf(h.timestamping) == nil {
		return errors.New("timestamping CA is not under the root")
	}
	if err := h.tsa.CheckSignatureFrom(h.timestamping); err != nil {
		return fmt.Errorf("timestamping authority is not under its CA: %w", err)
	}
	return nil
}

// rootOf returns the root that signed a certificate, or nil.
func (h *Hierarchy) rootOf(c *x509.Certificate) *rootFiles {
	for i, r := range h.roots {
		if c.CheckSignatureFrom(r.cert) == nil {
			return &h.roots[i]
		}
	}
	return nil
}

// addCross gives each CA the further certificates that lead to roots in force.
func (h *Hierarchy) addCross(certs map[string]*x509.Certificate) error {
	for _, name := range h.manifest.Cross {
		of, _, _ := strings.Cut(name, crossInfix)
		cert, same := certs[name], certs[of]
		by := h.rootOf(cert)
		if by == nil || same == nil || !bytes.Equal(cert.RawSubject, same.RawSubject) || !keyutil.Equal(cert.PublicKey, same.PublicKey) {
			return fmt.Errorf("cross-certificate %s is not what its name says", name)
		}
		if by.retired {
			continue
		}
		if of == h.manifest.newest(nameTimestamping) {
			h.stampCross = append(h.stampCross, cert)
		}
		for i, t := range h.tiers {
			if t.name == of || bytes.Equal(t.cert.RawIssuer, cert.RawSubject) {
				h.tiers[i].cross = append(h.tiers[i].cross, cert)
			}
		}
	}
	return nil
}

// leaveRetired puts a cross-certificate in the place of a certificate that leads to a
// retired root only.
func (h *Hierarchy) leaveRetired() {
	for i, t := range h.tiers {
		for n, c := range t.cross {
			if h.rootOf(t.cert).retired && bytes.Equal(c.RawSubject, t.cert.RawSubject) {
				h.tiers[i].cert, h.tiers[i].cross = c, slices.Delete(slices.Clone(t.cross), n, n+1)
				break
			}
		}
	}
	if h.rootOf(h.timestamping).retired && len(h.stampCross) > 0 {
		h.timestamping, h.stampCross = h.stampCross[0], h.stampCross[1:]
	}
}

// checkKeys makes sure that each key is its certificate's.
func (h *Hierarchy) checkKeys() error {
	pairs := map[string]*x509.Certificate{h.manifest.newest(nameTSA): h.tsa, nameOperator: h.operator}
	for _, t := range h.tiers {
		pairs[t.name] = t.cert
	}
	for name, cert := range pairs {
		if !keyutil.Equal(cert.PublicKey, h.keys[name].Public()) {
			return fmt.Errorf("key %s does not belong to certs/%s.pem", name, name)
		}
	}
	if _, ok := h.keys[nameLedger].(ed25519.PrivateKey); !ok {
		return errors.New("keys/ledger.pem is not an Ed25519 key")
	}
	return nil
}

// Summary describes a hierarchy to a person.
type Summary struct {
	Name                    string    `json:"name"`
	Arc                     string    `json:"arc"`
	PublicURL               string    `json:"public_url"`
	Tiers                   []string  `json:"tiers"`            // lowest first
	RootFingerprint         string    `json:"root_fingerprint"` // of the newest; "" before the root's ceremony
	OperatorRootFingerprint string    `json:"operator_root_fingerprint"`
	CreatedAt               time.Time `json:"created_at"`
}

// Summary returns names and fingerprints, nothing secret.
func (h *Hierarchy) Summary() Summary { return h.manifest.summary(h.root, h.operator) }

func (m manifest) summary(root, operator *x509.Certificate) Summary {
	s := Summary{
		Name: m.Name, Arc: m.Arc, PublicURL: m.PublicURL, Tiers: append([]string(nil), m.Tiers...), CreatedAt: m.CreatedAt,
		OperatorRootFingerprint: Fingerprint(operator),
	}
	if root != nil {
		s.RootFingerprint = Fingerprint(root)
	}
	return s
}

// Fingerprint returns the SHA-256 of a certificate's DER in lower-case hex.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}
