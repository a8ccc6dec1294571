package ca

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/hallmark-pki/hallmark/ext"
	"go.step.sm/crypto/keyutil"
	"golang.org/x/sync/errgroup"
)

// Names of the certificates and keys that are not tiers.
const (
	nameRoot         = "root"
	nameTimestamping = "timestamping"
	nameTSA          = "tsa"
	nameOperator     = "operator"
	nameVSA          = "vsa"
	nameLedger       = "ledger"
	twinSuffix       = "-twin"
	manifestFile     = "hierarchy.json"
	manifestVersion  = 1
)

// manifest is hierarchy.json: what cannot be read off the certificates.
type manifest struct {
	Version   int       `json:"version"`
	Name      string    `json:"name"`
	Arc       string    `json:"arc"`
	PublicURL string    `json:"public_url"`
	Tiers     []string  `json:"tiers"` // lowest first
	CRLShards int       `json:"crl_shards"`
	CreatedAt time.Time `json:"created_at"`
}

// Hierarchy is the CA's directory with its keys opened, except those of the root
// and of the timestamping CA, which are not needed to serve.
type Hierarchy struct {
	manifest     manifest
	arc          ext.Arc
	root         *x509.Certificate
	timestamping *x509.Certificate
	tsa          *x509.Certificate
	operator     *x509.Certificate
	tiers        []tierFiles
	passphrase   []byte // opened the keys, and encrypts the signing keys the service makes
	keys         map[string]crypto.Signer
	crls         map[string][]byte // of the CAs whose keys are offline
}

type tierFiles struct {
	name       string
	cert, twin *x509.Certificate
}

// OpenHierarchy reads a directory made by Init and decrypts its keys, in parallel
// because each costs a fifth of a second by design. The error wraps ErrPassphrase
// when the passphrase is wrong, and fs.ErrNotExist when a file is missing.
func OpenHierarchy(dir string, passphrase []byte) (*Hierarchy, error) {
	h := &Hierarchy{passphrase: bytes.Clone(passphrase), keys: map[string]crypto.Signer{}, crls: map[string][]byte{}}
	if err := h.readManifest(filepath.Join(dir, manifestFile)); err != nil {
		return nil, err
	}
	if err := h.readCertificates(filepath.Join(dir, "certs")); err != nil {
		return nil, err
	}
	for _, name := range []string{nameRoot, nameTimestamping} {
		crl, err := readFile(filepath.Join(dir, "crls", name+".crl"), maxFileBytes)
		if err != nil {
			return nil, fmt.Errorf("open hierarchy: %w", err)
		}
		h.crls[name] = crl
	}
	if err := h.checkCertificates(); err != nil {
		return nil, fmt.Errorf("open hierarchy: %w", err)
	}
	if err := h.readKeys(filepath.Join(dir, "keys"), passphrase); err != nil {
		return nil, err
	}
	if err := h.checkKeys(); err != nil {
		return nil, fmt.Errorf("open hierarchy: %w", err)
	}
	return h, nil
}

func (h *Hierarchy) readManifest(file string) error {
	raw, err := readFile(file, maxFileBytes)
	if err != nil {
		return fmt.Errorf("open hierarchy: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&h.manifest); err != nil {
		return fmt.Errorf("open hierarchy: read %s: %w", manifestFile, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("open hierarchy: read %s: text after the object", manifestFile)
	}
	if h.manifest.Version != manifestVersion {
		return fmt.Errorf("open hierarchy: %s has version %d, this program knows %d", manifestFile, h.manifest.Version, manifestVersion)
	}
	if len(h.manifest.Tiers) == 0 {
		return fmt.Errorf("open hierarchy: %s names no tiers", manifestFile)
	}
	if err := checkShards(h.manifest.CRLShards); err != nil {
		return fmt.Errorf("open hierarchy: %s: %w", manifestFile, err)
	}
	if h.arc, err = ext.ParseArc(h.manifest.Arc); err != nil {
		return fmt.Errorf("open hierarchy: %w", err)
	}
	return nil
}

func (h *Hierarchy) readCertificates(dir string) error {
	for name, to := range map[string]**x509.Certificate{
		nameRoot: &h.root, nameTimestamping: &h.timestamping, nameTSA: &h.tsa, nameOperator: &h.operator,
	} {
		cert, err := readCertificate(filepath.Join(dir, name+".pem"))
		if err != nil {
			return err
		}
		*to = cert
	}
	for _, name := range h.manifest.Tiers {
		if name != filepath.Base(name) {
			return fmt.Errorf("open hierarchy: tier name %q", name)
		}
		cert, err := readCertificate(filepath.Join(dir, name+".pem"))
		if err != nil {
			return err
		}
		twin, err := readCertificate(filepath.Join(dir, name+twinSuffix+".pem"))
		if err != nil {
			return err
		}
		h.tiers = append(h.tiers, tierFiles{name, cert, twin})
	}
	return nil
}

func readCertificate(file string) (*x509.Certificate, error) {
	raw, err := readFile(file, maxFileBytes)
	if err != nil {
		return nil, fmt.Errorf("open hierarchy: %w", err)
	}
	block, rest := pem.Decode(raw)
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) != 0 {
		return nil, fmt.Errorf("open hierarchy: %s is not one PEM certificate", file)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("open hierarchy: %s: %w", file, err)
	}
	return cert, nil
}

func (h *Hierarchy) readKeys(dir string, passphrase []byte) error {
	names := append([]string{nameTSA, nameOperator, nameVSA, nameLedger}, h.manifest.Tiers...)
	signers := make([]crypto.Signer, len(names))
	var group errgroup.Group
	for i, name := range names {
		group.Go(func() error {
			raw, err := readFile(filepath.Join(dir, name+".pem"), maxFileBytes)
			if err != nil {
				return fmt.Errorf("open hierarchy: %w", err)
			}
			signers[i], err = decryptKey(raw, passphrase)
			if err != nil {
				return fmt.Errorf("open hierarchy: keys/%s.pem: %w", name, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, name := range names {
		h.keys[name] = signers[i]
	}
	return nil
}

// checkCertificates makes sure that the files belong together: one from another
// hierarchy must fail here and not in a vendor's hands.
func (h *Hierarchy) checkCertificates() error {
	for _, t := range h.tiers {
		if err := t.cert.CheckSignatureFrom(h.root); err != nil {
			return fmt.Errorf("tier %s is not under the root: %w", t.name, err)
		}
		if !bytes.Equal(t.cert.RawSubject, t.twin.RawSubject) || !keyutil.Equal(t.cert.PublicKey, t.twin.PublicKey) {
			return fmt.Errorf("tier %s and its twin differ in name or key", t.name)
		}
	}
	if err := h.timestamping.CheckSignatureFrom(h.root); err != nil {
		return fmt.Errorf("timestamping CA is not under the root: %w", err)
	}
	if err := h.tsa.CheckSignatureFrom(h.timestamping); err != nil {
		return fmt.Errorf("timestamping authority is not under its CA: %w", err)
	}
	return nil
}

// checkKeys makes sure that each key is its certificate's.
func (h *Hierarchy) checkKeys() error {
	pairs := map[string]*x509.Certificate{nameTSA: h.tsa, nameOperator: h.operator}
	for _, t := range h.tiers {
		pairs[t.name] = t.cert
	}
	for name, cert := range pairs {
		if !keyutil.Equal(cert.PublicKey, h.keys[name].Public()) {
			return fmt.Errorf("keys/%s.pem does not belong to certs/%s.pem", name, name)
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
	Tiers                   []string  `json:"tiers"` // lowest first
	RootFingerprint         string    `json:"root_fingerprint"`
	OperatorRootFingerprint string    `json:"operator_root_fingerprint"`
	CreatedAt               time.Time `json:"created_at"`
}

// Summary returns names and fingerprints, nothing secret.
func (h *Hierarchy) Summary() Summary {
	m := h.manifest
	return Summary{
		Name: m.Name, Arc: m.Arc, PublicURL: m.PublicURL, Tiers: append([]string(nil), m.Tiers...), CreatedAt: m.CreatedAt,
		RootFingerprint: Fingerprint(h.root), OperatorRootFingerprint: Fingerprint(h.operator),
	}
}

// Fingerprint returns the SHA-256 of a certificate's DER in lower-case hex.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}
