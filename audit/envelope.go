package audit

import (
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/store"
)

// signingKey is a key on record that may stand under an assessment, and whose it is.
type signingKey struct {
	id     string // SHA-256 of its SubjectPublicKeyInfo
	owner  string // store.Person.ID
	public crypto.PublicKey
}

// opened is a verified envelope.
type opened struct {
	assessment Assessment
	id         string
	keys       []signingKey
}

// openEnvelope verifies an envelope as an auditor hands it in: signed by one auditor,
// or by two, with the registered keys that the signatures name, and by nobody else.
func openEnvelope(r store.Reader, envelope []byte) (opened, error) {
	ids, err := signatureKeys(envelope)
	if err != nil {
		return opened{}, err
	}
	keys := make([]signingKey, len(ids))
	for i, id := range ids {
		if keys[i], err = auditorKey(r, id, fmt.Sprintf("envelope.signatures[%d].keyid", i)); err != nil {
			return opened{}, err
		}
	}
	a, id, err := verifyEnvelope(envelope, keys)
	return opened{a, id, keys}, err
}

// maxSigners are two auditors; an officer is added on acceptance.
const maxSigners = 2

// signatureKeys reads which keys an envelope says it was signed with: all different.
func signatureKeys(envelope []byte) ([]string, error) {
	unverified, err := attest.ParseEnvelope(envelope)
	if err != nil {
		return nil, refuse(CodeEnvelope, "envelope", "%v", err)
	}
	if unverified.PayloadType != attest.PayloadType {
		return nil, refuse(CodePayloadType, "envelope.payloadType", "is %q, want %q", clip(unverified.PayloadType), attest.PayloadType)
	}
	if n := len(unverified.KeyIDs); n > maxSigners {
		return nil, refuse(CodeSignatures, "envelope.signatures", "has %d signatures, want the auditor's, and a second auditor's at the highest level", n)
	}
	for i, id := range unverified.KeyIDs {
		if raw, err := hex.DecodeString(id); err != nil || len(raw) != sha256.Size {
			return nil, refuse(CodeUnknownKey, fmt.Sprintf("envelope.signatures[%d].keyid", i), "is not the SHA-256 of a public key in hex")
		}
		if slices.Contains(unverified.KeyIDs[:i], id) {
			return nil, refuse(CodeSignatures, fmt.Sprintf("envelope.signatures[%d]", i), "is by the same key as another: one key signs once")
		}
	}
	return unverified.KeyIDs, nil
}

// auditorKey finds a registered key by its id.
func auditorKey(r store.Reader, id, field string) (signingKey, error) {
	return new(keyMemory).auditorKey(r, id, field)
}

func (m *keyMemory) auditorKey(r store.Reader, id, field string) (signingKey, error) {
	key, err := m.auditors.Get(r, store.AuditorKeys, id)
	if errors.Is(err, store.ErrNotFound) {
		return signingKey{}, refuse(CodeUnknownKey, field, "no auditor has registered key %s", id).
			withHint("register the key when enrolling, or sign with the registered one")
	}
	if err != nil {
		return signingKey{}, err
	}
	known, err := m.parse(key.PublicKey, parseKey)
	if err != nil {
		return signingKey{}, fmt.Errorf("auditor key %s on record: %w", id, err)
	}
	return signingKey{id: id, owner: key.Auditor, public: known.public}, nil
}

// officerKey finds the key of one of an officer's client certificates that was good at
// a time. Zero asks about the key only: a signature made in time outlives the
// certificate.
func officerKey(r store.Reader, officer, id string, at time.Time) (signingKey, error) {
	return new(keyMemory).officerKey(r, officer, id, at)
}

func (m *keyMemory) officerKey(r store.Reader, officer, id string, at time.Time) (signingKey, error) {
	for c, err := range m.certificates.By(r, store.ClientCertificates, "person", officer) {
		if err != nil {
			return signingKey{}, err
		}
		known, err := m.parse(c.DER, parseCertificateKey)
		if err != nil {
			return signingKey{}, fmt.Errorf("client certificate %s on record: %w", c.Serial, err)
		}
		if known.spki != id {
			continue
		}
		if at.IsZero() || c.RevokedAt.IsZero() && at.Before(c.NotAfter) {
			return signingKey{id: id, owner: officer, public: known.public}, nil
		}
	}
	return signingKey{}, refuse(CodeUnknownKey, "envelope.signatures", "key %s is not that of a client certificate of officer %s", id, clip(officer)).
		withHint("sign with the key that you enrolled with")
}

// verifyEnvelope checks that an envelope is an assessment signed with exactly these
// keys, once each. It returns the assessment and its id.
func verifyEnvelope(envelope []byte, keys []signingKey) (Assessment, string, error) {
	fail := func(err error) (Assessment, string, error) { return Assessment{}, "", err }
	publics := make([]crypto.PublicKey, len(keys))
	for i, k := range keys {
		publics[i] = k.public
	}
	opened, err := attest.Open(envelope, publics...)
	if err != nil {
		if attest.Is(err, attest.NotVerified) {
			return fail(refuse(CodeSignature, "envelope.signatures[0].sig", "does not verify under key %s", keys[0].id))
		}
		return fail(refuse(CodeStatement, "envelope.payload", "%v", err))
	}
	unverified, err := attest.ParseEnvelope(envelope)
	if err != nil || len(unverified.KeyIDs) != len(keys) {
		return fail(refuse(CodeSignatures, "envelope.signatures", "has %d signatures, want %d", len(unverified.KeyIDs), len(keys)))
	}
	for i, k := range keys {
		if !slices.Contains(opened.Signers, k.id) {
			return fail(refuse(CodeSignature, fmt.Sprintf("envelope.signatures[%d].sig", i), "does not verify under key %s of %s", k.id, k.owner))
		}
	}
	a, err := readStatement(opened.Statement)
	if err != nil {
		return fail(err)
	}
	id := sha256.Sum256(opened.Payload)
	return a, hex.EncodeToString(id[:]), nil
}

// newRecord is the record of an assessment that the keys, and no others, have signed.
// What it says comes from verified bytes only.
func newRecord(a Assessment, id string, envelope []byte, keys []signingKey) (store.Assessment, error) {
	lead := slices.IndexFunc(keys, func(k signingKey) bool { return k.owner == a.Auditor.ID })
	if lead < 0 {
		return store.Assessment{}, refuse(CodeAuditor, "auditor.id", "is %q, but the key that signed belongs to %q", a.Auditor.ID, keys[0].owner)
	}
	rec := store.Assessment{
		ID: id, Vendor: a.Vendor.ID, CatalogueSHA256: a.Framework.Digest["sha256"],
		Framework: a.Framework.ID, FrameworkURI: a.Framework.URI, Track: a.Framework.Track, Level: a.Level, LevelID: a.LevelID,
		Auditor: a.Auditor.ID, AuditorSPKI: keys[lead].id, AssessedAt: a.AssessedAt, ValidUntil: a.ValidUntil, Envelope: envelope, Probes: len(a.Probes),
	}
	switch {
	case a.SecondAuditor == nil && len(keys) > 1:
		return store.Assessment{}, refuse(CodeSignatures, "envelope.signatures", "has %d signatures, but the assessment names one auditor", len(keys))
	case a.SecondAuditor != nil && len(keys) < 2:
		return store.Assessment{}, refuse(CodeSignatures, "envelope.signatures", "second auditor %s has not signed", a.SecondAuditor.ID).
			withHint("the second auditor runs 'hallmark audit cosign'")
	case a.SecondAuditor != nil:
		second := keys[1-lead]
		if second.owner != a.SecondAuditor.ID {
			return store.Assessment{}, refuse(CodeAuditor, "secondAuditor.id", "is %q, but the key that signed belongs to %q", a.SecondAuditor.ID, second.owner)
		}
		rec.SecondAuditor, rec.SecondSPKI = second.owner, second.id
	}
	return rec, nil
}

// readStatement reads the assessment in a statement, whose one subject must be the
// vendor that it is about.
func readStatement(s attest.Statement) (Assessment, error) {
	if s.Type != attest.StatementType {
		return Assessment{}, refuse(CodeStatement, "_type", "is %q, want %q", clip(s.Type), attest.StatementType)
	}
	if s.PredicateType != PredicateType {
		return Assessment{}, refuse(CodeStatement, "predicateType", "is %q, want %q", clip(s.PredicateType), PredicateType)
	}
	a, err := ParseAssessment(s.Predicate)
	if err != nil {
		return Assessment{}, err
	}
	if want := subject(a.Vendor.URI); len(s.Subject) != 1 || !reflect.DeepEqual(s.Subject[0], want) {
		return Assessment{}, refuse(CodeStatement, "subject", "want exactly one, the vendor %s with the SHA-256 of that URI", clip(a.Vendor.URI))
	}
	return a, nil
}

// countersignature reads which key has signed an envelope besides the auditors: the
// officer's. The payload must be the one on record.
func countersignature(rec store.Assessment, countersigned []byte) (string, error) {
	unverified, err := attest.ParseEnvelope(countersigned)
	if err != nil {
		return "", refuse(CodeEnvelope, "envelope", "%v", err)
	}
	if sum := sha256.Sum256(unverified.Payload); hex.EncodeToString(sum[:]) != rec.ID {
		return "", refuse(CodeSignature, "envelope.payload", "is not assessment %s: an officer signs what the auditor signed", rec.ID)
	}
	var more []string
	for _, id := range unverified.KeyIDs {
		if id != rec.AuditorSPKI && id != rec.SecondSPKI {
			more = append(more, id)
		}
	}
	if len(more) != 1 {
		return "", refuse(CodeSignatures, "envelope.signatures", "has %d signatures besides the auditors', want one, the officer's", len(more)).
			withHint("'hallmark audit accept' signs with the key that you enrolled with")
	}
	return more[0], nil
}

// recordKeys finds the keys that stand under an assessment on record.
func (m *keyMemory) recordKeys(r store.Reader, rec store.Assessment) ([]signingKey, error) {
	var keys []signingKey
	for _, id := range []string{rec.AuditorSPKI, rec.SecondSPKI} {
		if id == "" {
			continue
		}
		key, err := m.auditorKey(r, id, "envelope.signatures")
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if rec.AcceptedSPKI != "" {
		key, err := m.officerKey(r, rec.AcceptedBy, rec.AcceptedSPKI, time.Time{})
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}
