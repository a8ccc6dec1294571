package verify

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
)

// statusVersion is the version of the file that this release reads and writes.
const statusVersion = 2

// statusPayloadType is what DSSE's pre-authentication encoding calls the first line.
const statusPayloadType = "application/vnd.hallmark.status+json"

// Why a status bundle is not believed. To a verdict all of them are StatusUnusable;
// whoever brings bundles tells them apart.
var (
	// ErrStatusForm: not a status bundle, or not a whole one.
	ErrStatusForm = errors.New("malformed")
	// ErrStatusSigner: signed by a key that the trust bundle does not list: it is
	// another CA's, or the trust bundle is older than the key.
	ErrStatusSigner = errors.New("signed by a key that the trust bundle does not list")
	// ErrStatusSignature: the signature does not verify: the file was changed.
	ErrStatusSignature = errors.New("the signature does not verify")
	// ErrStatusPeriod: the key's time had not begun, or is over.
	ErrStatusPeriod = errors.New("outside of the time in which its key counts")
	// ErrStatusOlder: its number is lower than that of a bundle that was there before.
	ErrStatusOlder = errors.New("older than the one at hand")
)

// StatusKey is a key that signs status bundles.
type StatusKey struct {
	Key crypto.PublicKey
	// NotBefore and NotAfter bound both when a bundle says that it was made and when it
	// is judged; zero: no bound. With both, a key that was stolen after its time signs
	// nothing that counts.
	NotBefore, NotAfter time.Time
}

// statusFile is a status bundle in its two lines.
type statusFile struct {
	payload []byte
	keyID   string
	sig     []byte
}

// OpenStatus reads a status bundle that a key of the trust bundle has signed, at the
// time now. The errors wrap ErrStatusForm, ErrStatusSigner, ErrStatusSignature or
// ErrStatusPeriod. That its NextUpdate has passed is no error here: what an old bundle
// lists still counts.
//
// The file is two lines, each ended by one line feed, at most 64 MiB:
//
//	{"version":2,
//	 "number":1772366400,                  1 and up; a newer bundle has a higher one
//	 "issued_at":"2026-03-01T12:00:00Z",
//	 "next_update":"2026-03-08T12:00:00Z",
//	 "crls":["MII..."],                    DER CertificateLists, base64, none twice, at most 16384
//	 "assessments":[{"assessment":"1f0c…", SHA-256 of the signed payload, hex; sorted, none twice
//	   "to":"lowered",                     withdrawn, lowered, superseded, in-review
//	   "effective":"2026-02-01T00:00:00Z", since when
//	   "level":2}],                        lowered: what took its place found this; 0 may be missing
//	 "checkpoint":"log.example.com/…"}     the log's signed note, text; "" for none
//	{"keyid":"9a3b…","sig":"MEU…"}
//
// (the first of them without the breaks shown here). sig is over DSSE's pre-authentication
// encoding of the first line without its line feed, with the payload type
// application/vnd.hallmark.status+json; keyid is the SHA-256 of the key's DER
// SubjectPublicKeyInfo. It is not an envelope of DSSE because that is a quarter larger.
func OpenStatus(raw []byte, trust Trust, now time.Time) (Status, error) {
	s, err := openStatus(raw, trust, now)
	if err != nil {
		return Status{}, fmt.Errorf("status bundle: %w", err)
	}
	return s, nil
}

func openStatus(raw []byte, trust Trust, now time.Time) (Status, error) {
	file, err := splitStatus(raw)
	if err != nil {
		return Status{}, err
	}
	key, err := trust.statusKey(file.keyID)
	if err != nil {
		return Status{}, err
	}
	if err := attest.VerifyDetached(statusPayloadType, file.payload, file.sig, key.Key); err != nil {
		return Status{}, fmt.Errorf("%w: %w", ErrStatusSignature, err)
	}
	s, err := parseStatus(file.payload)
	if err != nil {
		return Status{}, fmt.Errorf("%w: %w", ErrStatusForm, err)
	}
	for what, at := range map[string]time.Time{"issued": s.IssuedAt, "judged": now} {
		if !key.counts(at) {
			return Status{}, fmt.Errorf("%w: %s on %s", ErrStatusPeriod, what, at.UTC().Format(time.RFC3339))
		}
	}
	return s, nil
}

// splitStatus takes the file apart.
func splitStatus(raw []byte) (statusFile, error) {
	if len(raw) > MaxStatusBytes {
		return statusFile{}, fmt.Errorf("%w: %d bytes, at most %d", ErrStatusForm, len(raw), MaxStatusBytes)
	}
	payload, rest, found := bytes.Cut(raw, []byte("\n"))
	line, after, ended := bytes.Cut(rest, []byte("\n"))
	if !found || !ended || len(after) > 0 {
		return statusFile{}, fmt.Errorf("%w: not two lines, what is signed and its signature", ErrStatusForm)
	}
	fields, err := readObject(line, maxStatusSignature, "keyid", "sig")
	if err != nil {
		return statusFile{}, fmt.Errorf("%w: signature: %w", ErrStatusForm, err)
	}
	file := statusFile{payload: payload}
	if file.keyID, err = field[string](fields, "keyid"); err != nil {
		return statusFile{}, fmt.Errorf("%w: signature: %w", ErrStatusForm, err)
	}
	sig, err := field[string](fields, "sig")
	if err == nil {
		file.sig, err = base64.StdEncoding.Strict().DecodeString(sig)
	}
	if err != nil || file.keyID == "" || len(file.sig) == 0 {
		return statusFile{}, fmt.Errorf("%w: signature: no key id, or not base64", ErrStatusForm)
	}
	return file, nil
}

// Sign writes the bundle with its signature. It refuses what ParseUnverifiedStatus
// would refuse.
func (s Status) Sign(ctx context.Context, signer crypto.Signer) ([]byte, error) {
	payload, err := s.payload()
	if err != nil {
		return nil, fmt.Errorf("status bundle: %w", err)
	}
	id, err := attest.KeyID(signer.Public())
	if err != nil {
		return nil, fmt.Errorf("status bundle: %w", err)
	}
	sig, err := attest.SignDetached(ctx, statusPayloadType, payload, signer)
	if err != nil {
		return nil, fmt.Errorf("status bundle: %w", err)
	}
	line, err := json.Marshal(struct {
		KeyID string `json:"keyid"`
		Sig   []byte `json:"sig"`
	}{id, sig})
	if err != nil {
		return nil, fmt.Errorf("status bundle: %w", err)
	}
	raw := append(append(append(payload, '\n'), line...), '\n')
	if len(raw) > MaxStatusBytes {
		return nil, fmt.Errorf("status bundle: %d bytes, at most %d", len(raw), MaxStatusBytes)
	}
	return raw, nil
}

// Follows says whether a bundle may take the place of another: one with a lower number
// may not, ErrStatusOlder.
func (s Status) Follows(held Status) error {
	if s.Number < held.Number {
		return fmt.Errorf("status bundle: %w: number %d after %d", ErrStatusOlder, s.Number, held.Number)
	}
	return nil
}

// statusKey finds the key that a bundle names. Naming one proves nothing: it is tried.
func (t Trust) statusKey(id string) (StatusKey, error) {
	for _, k := range t.StatusKeys {
		if have, err := attest.KeyID(k.Key); err == nil && have == id {
			return k, nil
		}
	}
	if len(t.StatusKeys) == 0 {
		return StatusKey{}, fmt.Errorf("%w: it lists none, so it is from before status bundles were signed", ErrStatusSigner)
	}
	return StatusKey{}, fmt.Errorf("%w: %.64q", ErrStatusSigner, id)
}

func (k StatusKey) counts(at time.Time) bool {
	return (k.NotBefore.IsZero() || !at.Before(k.NotBefore)) && (k.NotAfter.IsZero() || !at.After(k.NotAfter))
}

type statusKeyJSON struct {
	Key       []byte    `json:"key"`
	NotBefore time.Time `json:"not_before,omitzero"`
	NotAfter  time.Time `json:"not_after,omitzero"`
}

// statusKeys reads the list of a trust bundle; nil, where it is missing, is none.
func statusKeys(raw json.RawMessage) ([]StatusKey, error) {
	if raw == nil {
		return nil, nil
	}
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil || items == nil {
		return nil, errors.New("field \"status_keys\": not a list")
	}
	if len(items) > maxTrustItems {
		return nil, fmt.Errorf("field \"status_keys\": %d items, at most %d", len(items), maxTrustItems)
	}
	var out []StatusKey
	for i, item := range items {
		k, err := parseStatusKey(item)
		if err != nil {
			return nil, fmt.Errorf("field \"status_keys\", item %d: %w", i, err)
		}
		out = append(out, k)
	}
	return out, nil
}

func parseStatusKey(raw json.RawMessage) (StatusKey, error) {
	fields, err := readObject(raw, maxCertificateBytes, "key", "not_before", "not_after")
	if err != nil {
		return StatusKey{}, err
	}
	text, err := field[string](fields, "key")
	if err != nil {
		return StatusKey{}, err
	}
	der, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return StatusKey{}, errors.New("key: not base64")
	}
	var k StatusKey
	if k.Key, err = x509.ParsePKIXPublicKey(der); err != nil {
		return StatusKey{}, fmt.Errorf("key: %w", err)
	}
	for name, at := range map[string]*time.Time{"not_before": &k.NotBefore, "not_after": &k.NotAfter} {
		if _, ok := fields[name]; !ok {
			continue
		}
		if *at, err = timeField(fields, name); err != nil {
			return StatusKey{}, err
		}
	}
	return k, nil
}

// checkStatusKeys holds for a list however it was made.
func checkStatusKeys(list []StatusKey) error {
	if len(list) > maxTrustItems {
		return fmt.Errorf("status_keys: %d items, at most %d", len(list), maxTrustItems)
	}
	seen := map[string]bool{}
	for i, k := range list {
		id, err := attest.KeyID(k.Key)
		if err != nil {
			return fmt.Errorf("status_keys, item %d: %w", i, err)
		}
		if seen[id] {
			return fmt.Errorf("status_keys, item %d: appears twice", i)
		}
		seen[id] = true
		if !k.NotAfter.IsZero() && !k.NotAfter.After(k.NotBefore) {
			return fmt.Errorf("status_keys, item %d: not_after is not after not_before", i)
		}
	}
	return nil
}

func marshalStatusKeys(list []StatusKey) ([]statusKeyJSON, error) {
	var out []statusKeyJSON
	for i, k := range list {
		der, err := x509.MarshalPKIXPublicKey(k.Key)
		if err != nil {
			return nil, fmt.Errorf("status_keys, item %d: %w", i, err)
		}
		out = append(out, statusKeyJSON{der, k.NotBefore.UTC().Truncate(time.Second), k.NotAfter.UTC().Truncate(time.Second)})
	}
	return out, nil
}
