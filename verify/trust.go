package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/hallmark-pki/hallmark/ext"
)

// Trust is a trust bundle: whom this machine believes. The file is not signed; how
// it reached the machine is what trust begins with.
//
// Its file is one JSON object. All fields but name and status_keys are required; the
// lists may be empty except for roots. base64 is standard, padded:
//
//	{"version": 1,
//	 "name": "Example CA",
//	 "arc": "1.3.6.1.4.1.32473.1",          the CA's object identifier arc
//	 "roots": ["MII..."],                   DER certificates, base64
//	 "timestamp_roots": ["MII..."],         the same, for timestamps only
//	 "logs": ["log.example.com/1+0b9e..."], verifier keys, C2SP signed-note
//	 "vsa_keys": ["MFk..."],                DER SubjectPublicKeyInfo, base64
//	 "status_keys": [{"key": "MFk...",      who signs status bundles, and when: the
//	   "not_before": "2026-01-01T00:00:00Z",  two times may be missing
//	   "not_after": "2027-01-01T00:00:00Z"}],
//	 "issued_at": "2026-01-02T15:04:05Z"}
//
// A root may be the self-signed twin of an issuing CA: then only that tier is trusted.
type Trust struct {
	Name           string
	Arc            ext.Arc
	Roots          []*x509.Certificate
	TimestampRoots []*x509.Certificate
	Logs           []string
	VSAKeys        []crypto.PublicKey
	StatusKeys     []StatusKey // none: no status bundle is believed
	IssuedAt       time.Time
}

// trustVersion is the version of the file that this release reads and writes.
const trustVersion = 1

var (
	trustFields    = []string{"version", "name", "arc", "roots", "timestamp_roots", "logs", "vsa_keys", "status_keys", "issued_at"}
	optionalFields = []string{"name", "status_keys"}
)

// ParseTrust reads a trust bundle of at most 1 MiB. Unknown fields, duplicates,
// certificates that are no CA and keys it could not use are errors.
func ParseTrust(raw []byte) (Trust, error) {
	t, err := parseTrust(raw)
	if err != nil {
		return Trust{}, fmt.Errorf("trust bundle: %w", err)
	}
	return t, nil
}

func parseTrust(raw []byte) (Trust, error) {
	fields, err := readObject(raw, MaxTrustBytes, trustFields...)
	if err != nil {
		return Trust{}, err
	}
	if err := version(fields, trustVersion); err != nil {
		return Trust{}, err
	}
	for _, name := range trustFields {
		if _, ok := fields[name]; !ok && !slices.Contains(optionalFields, name) {
			return Trust{}, fmt.Errorf("field %q is missing", name)
		}
	}
	var t Trust
	var arc string
	var roots, stampRoots, keys [][]byte
	var errs [8]error
	t.Name, errs[0] = field[string](fields, "name")
	arc, errs[1] = field[string](fields, "arc")
	roots, errs[2] = blobs(fields, "roots", maxTrustItems, maxCertificateBytes)
	stampRoots, errs[3] = blobs(fields, "timestamp_roots", maxTrustItems, maxCertificateBytes)
	t.Logs, errs[4] = field[[]string](fields, "logs")
	keys, errs[5] = blobs(fields, "vsa_keys", maxTrustItems, maxCertificateBytes)
	t.IssuedAt, errs[6] = timeField(fields, "issued_at")
	t.StatusKeys, errs[7] = statusKeys(fields["status_keys"])
	if err := errors.Join(errs[:]...); err != nil {
		return Trust{}, err
	}
	if t.Arc, err = ext.ParseArc(arc); err != nil {
		return Trust{}, fmt.Errorf("arc: %w", err)
	}
	if t.Roots, err = parseRoots("roots", roots); err != nil {
		return Trust{}, err
	}
	if t.TimestampRoots, err = parseRoots("timestamp_roots", stampRoots); err != nil {
		return Trust{}, err
	}
	for i, der := range keys {
		pub, err := x509.ParsePKIXPublicKey(der)
		if err != nil {
			return Trust{}, fmt.Errorf("vsa_keys, item %d: %w", i, err)
		}
		t.VSAKeys = append(t.VSAKeys, pub)
	}
	return t, t.check()
}

func parseRoots(name string, list [][]byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for i, der := range list {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("%s, item %d: %w", name, i, err)
		}
		out = append(out, c)
	}
	return out, nil
}

// check holds for a bundle however it was made.
func (t Trust) check() error {
	if len(t.Roots) == 0 {
		return errors.New("no roots: nothing could ever be valid")
	}
	if t.Arc.IsZero() {
		return errors.New("no arc")
	}
	if len(t.Name) > maxPolicyText {
		return fmt.Errorf("name: %d bytes, at most %d", len(t.Name), maxPolicyText)
	}
	if t.IssuedAt.IsZero() {
		return errors.New("no issue time")
	}
	for _, c := range append(append([]*x509.Certificate{}, t.Roots...), t.TimestampRoots...) {
		if c == nil {
			return errors.New("a root is missing")
		}
		if !c.BasicConstraintsValid || !c.IsCA || c.KeyUsage&x509.KeyUsageCertSign == 0 {
			return fmt.Errorf("root %.64q: not a CA certificate", c.Subject)
		}
		// No path under it would ever be valid; better said now.
		if len(c.UnhandledCriticalExtensions) != 0 {
			return fmt.Errorf("root %.64q: unknown critical extension %s", c.Subject, c.UnhandledCriticalExtensions[0])
		}
		if err := keyStrength(c.PublicKey, minRSABits); err != nil {
			return fmt.Errorf("root %.64q: %w", c.Subject, err)
		}
	}
	for i, pub := range t.VSAKeys {
		if err := checkSummaryKey(pub); err != nil {
			return fmt.Errorf("vsa_keys, item %d: %w", i, err)
		}
	}
	if err := checkStatusKeys(t.StatusKeys); err != nil {
		return err
	}
	_, err := t.logVerifiers()
	return err
}

// checkSummaryKey takes what attest.Open takes.
func checkSummaryKey(pub crypto.PublicKey) error {
	switch pub := pub.(type) {
	case ed25519.PublicKey, *ecdsa.PublicKey:
		return nil
	case *rsa.PublicKey:
		if n := pub.N.BitLen(); n < minLeafRSABits || n > maxRSABits {
			return fmt.Errorf("RSA key of %d bits", n)
		}
		return nil
	default:
		return fmt.Errorf("key type %T", pub)
	}
}

// logVerifiers returns the log keys, which must have different names or hashes.
func (t Trust) logVerifiers() ([]note.Verifier, error) {
	if len(t.Logs) > maxTrustItems {
		return nil, fmt.Errorf("logs: %d items, at most %d", len(t.Logs), maxTrustItems)
	}
	type id struct {
		name string
		hash uint32
	}
	seen := map[id]bool{}
	var out []note.Verifier
	for i, vkey := range t.Logs {
		v, err := note.NewVerifier(vkey)
		if err != nil {
			return nil, fmt.Errorf("logs, item %d: %w", i, err)
		}
		k := id{v.Name(), v.KeyHash()}
		if seen[k] {
			return nil, fmt.Errorf("logs, item %d: appears twice", i)
		}
		seen[k] = true
		out = append(out, v)
	}
	return out, nil
}

// Marshal writes the bundle, indented, in the one form that ParseTrust followed by
// Marshal gives again. It refuses what ParseTrust would refuse.
func (t Trust) Marshal() ([]byte, error) {
	t.IssuedAt = t.IssuedAt.UTC().Truncate(time.Second)
	if err := t.check(); err != nil {
		return nil, fmt.Errorf("trust bundle: %w", err)
	}
	var keys [][]byte
	for i, pub := range t.VSAKeys {
		der, err := x509.MarshalPKIXPublicKey(pub)
		if err != nil {
			return nil, fmt.Errorf("trust bundle: vsa_keys, item %d: %w", i, err)
		}
		keys = append(keys, der)
	}
	signers, err := marshalStatusKeys(t.StatusKeys)
	if err != nil {
		return nil, fmt.Errorf("trust bundle: %w", err)
	}
	raw, err := json.MarshalIndent(struct {
		Version        int             `json:"version"`
		Name           string          `json:"name"`
		Arc            string          `json:"arc"`
		Roots          []string        `json:"roots"`
		TimestampRoots []string        `json:"timestamp_roots"`
		Logs           []string        `json:"logs"`
		VSAKeys        []string        `json:"vsa_keys"`
		StatusKeys     []statusKeyJSON `json:"status_keys,omitempty"`
		IssuedAt       time.Time       `json:"issued_at"`
	}{trustVersion, t.Name, t.Arc.String(), encodeBlobs(rawCertificates(t.Roots)), encodeBlobs(rawCertificates(t.TimestampRoots)),
		append([]string{}, t.Logs...), encodeBlobs(keys), signers, t.IssuedAt}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("trust bundle: %w", err)
	}
	raw = append(raw, '\n')
	if _, err := ParseTrust(raw); err != nil {
		return nil, err
	}
	return raw, nil
}

func rawCertificates(list []*x509.Certificate) [][]byte {
	var out [][]byte
	for _, c := range list {
		out = append(out, c.Raw)
	}
	return out
}
