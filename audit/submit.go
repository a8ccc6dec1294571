package audit

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/store"
)

// Submit checks a signed assessment and stores it for an officer to decide on. by
// is the person who handed it in. Errors are *Refusal when the assessment or its
// parties are at fault; nothing is stored then.
func (r *Register) Submit(ctx context.Context, envelope []byte, by string) (store.Assessment, error) {
	now := r.now()
	var rec store.Assessment
	var a Assessment
	err := r.cfg.Store.View(ctx, func(rd store.Reader) error {
		var err error
		rec, a, err = openEnvelope(rd, envelope)
		return err
	})
	if err != nil {
		return store.Assessment{}, fmt.Errorf("submit assessment: %w", err)
	}
	if problems := a.Validate(r.cfg.Catalogue, now); len(problems) > 0 {
		return store.Assessment{}, fmt.Errorf("submit assessment: %w", refuseAll(problems))
	}
	rec.State, rec.SubmittedAt, rec.SubmittedBy = store.AssessmentSubmitted, now, by
	event := r.event(by, "submit", rec, map[string]string{"auditor": rec.Auditor})
	err = r.cfg.Store.Update(ctx, func(tx store.Tx) error {
		if err := checkParties(tx, rec, a, now); err != nil {
			return err
		}
		err := store.Assessments.Insert(tx, rec)
		if errors.Is(err, store.ErrExists) {
			return refuse(CodeDuplicate, "", "assessment %s has been submitted before", rec.ID)
		}
		if err != nil {
			return err
		}
		return store.Events.Insert(tx, event)
	})
	if err != nil {
		return store.Assessment{}, fmt.Errorf("submit assessment: %w", err)
	}
	r.cfg.Log.InfoContext(ctx, "assessment submitted", "assessment", rec.ID, "vendor", rec.Vendor, "auditor", rec.Auditor, "by", by)
	return rec, nil
}

// openEnvelope verifies an envelope under the registered key that its signature
// names and reads the assessment in it. What the record says comes from verified
// bytes only.
func openEnvelope(r store.Reader, envelope []byte) (store.Assessment, Assessment, error) {
	key, err := signerOf(r, envelope)
	if err != nil {
		return store.Assessment{}, Assessment{}, err
	}
	return verifyEnvelope(envelope, key)
}

// signerOf finds the registered key that an envelope says it was signed with.
func signerOf(r store.Reader, envelope []byte) (store.AuditorKey, error) {
	unverified, err := attest.ParseEnvelope(envelope)
	if err != nil {
		return store.AuditorKey{}, refuse(CodeEnvelope, "envelope", "%v", err)
	}
	if unverified.PayloadType != attest.PayloadType {
		return store.AuditorKey{}, refuse(CodePayloadType, "envelope.payloadType", "is %q, want %q", clip(unverified.PayloadType), attest.PayloadType)
	}
	if n := len(unverified.KeyIDs); n != 1 {
		return store.AuditorKey{}, refuse(CodeSignatures, "envelope.signatures", "has %d signatures, want exactly one", n)
	}
	keyID := unverified.KeyIDs[0]
	if raw, err := hex.DecodeString(keyID); err != nil || len(raw) != sha256.Size {
		return store.AuditorKey{}, refuse(CodeUnknownKey, "envelope.signatures[0].keyid", "is not the SHA-256 of a public key in hex")
	}
	key, err := store.AuditorKeys.Get(r, keyID)
	if errors.Is(err, store.ErrNotFound) {
		return store.AuditorKey{}, refuse(CodeUnknownKey, "envelope.signatures[0].keyid", "no auditor has registered key %s", keyID).
			withHint("register the key when enrolling, or sign with the registered one")
	}
	return key, err
}

// verifyEnvelope checks that an envelope is an assessment signed with key, once.
func verifyEnvelope(envelope []byte, key store.AuditorKey) (store.Assessment, Assessment, error) {
	fail := func(err error) (store.Assessment, Assessment, error) { return store.Assessment{}, Assessment{}, err }
	public, err := x509.ParsePKIXPublicKey(key.PublicKey)
	if err != nil {
		return fail(fmt.Errorf("auditor key %s on record: %w", key.SPKISHA256, err))
	}
	opened, err := attest.Open(envelope, public)
	if err != nil {
		if attest.Is(err, attest.NotVerified) {
			return fail(refuse(CodeSignature, "envelope.signatures[0].sig", "does not verify under auditor key %s", key.SPKISHA256))
		}
		return fail(refuse(CodeStatement, "envelope.payload", "%v", err))
	}
	if len(opened.Signers) != 1 || opened.Signers[0] != key.SPKISHA256 {
		return fail(refuse(CodeSignature, "envelope.signatures[0].sig", "is not by auditor key %s", key.SPKISHA256))
	}
	a, err := readStatement(opened.Statement)
	if err != nil {
		return fail(err)
	}
	id := sha256.Sum256(opened.Payload)
	return store.Assessment{
		ID: hex.EncodeToString(id[:]), Vendor: a.Vendor.ID,
		Framework: a.Framework.ID, FrameworkURI: a.Framework.URI, Track: a.Framework.Track, Level: a.Level, LevelID: a.LevelID,
		Auditor: a.Auditor.ID, AuditorSPKI: key.SPKISHA256, AssessedAt: a.AssessedAt, ValidUntil: a.ValidUntil, Envelope: envelope,
	}, a, nil
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

// checkParties holds an assessment against who is registered: the vendor, the
// auditor, the key, the accreditation, and that the two organisations differ.
// submitted is when the assessment was, or is being, handed in.
func checkParties(r store.Reader, rec store.Assessment, a Assessment, submitted time.Time) error {
	vendor, err := checkVendor(r, a.Vendor)
	if err != nil {
		return err
	}
	auditor, err := checkAuditor(r, rec, a.Auditor)
	if err != nil {
		return err
	}
	if sameOrganization(auditor.Organization, vendor.Organization) {
		return refuse(CodeConflict, "auditor.organization", "auditor %s and vendor %s are of the same organisation %q", auditor.ID, vendor.ID, vendor.Organization)
	}
	return checkAccreditation(r, rec, submitted)
}

func checkVendor(r store.Reader, p Party) (store.Vendor, error) {
	vendor, err := store.Vendors.Get(r, p.ID)
	if errors.Is(err, store.ErrNotFound) {
		return store.Vendor{}, refuse(CodeVendor, "vendor.id", "no vendor %q", p.ID)
	}
	switch {
	case err != nil:
		return store.Vendor{}, err
	case vendor.URI != p.URI:
		return store.Vendor{}, refuse(CodeVendor, "vendor.uri", "vendor %s is registered as %q", p.ID, vendor.URI)
	case !sameOrganization(vendor.Organization, p.Organization):
		return store.Vendor{}, refuse(CodeVendor, "vendor.organization", "vendor %s is registered as %q", p.ID, vendor.Organization)
	case !vendor.SuspendedAt.IsZero():
		return store.Vendor{}, refuse(CodeVendor, "vendor.id", "vendor %s is suspended since %s", p.ID, vendor.SuspendedAt.Format(time.RFC3339))
	}
	return vendor, nil
}

// roleAuditor and roleOfficer are values of store.Person.Role.
const (
	roleAuditor = "auditor"
	roleOfficer = "officer"
)

func checkAuditor(r store.Reader, rec store.Assessment, p Party) (store.Person, error) {
	key, err := store.AuditorKeys.Get(r, rec.AuditorSPKI)
	if err != nil {
		return store.Person{}, err
	}
	if !key.RevokedAt.IsZero() {
		return store.Person{}, refuse(CodeKeyRevoked, "envelope.signatures[0].keyid", "key %s of auditor %s was revoked at %s", key.SPKISHA256, key.Auditor, key.RevokedAt.Format(time.RFC3339))
	}
	if key.Auditor != p.ID {
		return store.Person{}, refuse(CodeAuditor, "auditor.id", "is %q, but the key that signed belongs to %q", p.ID, key.Auditor)
	}
	person, err := store.People.Get(r, key.Auditor)
	if errors.Is(err, store.ErrNotFound) {
		return store.Person{}, refuse(CodeAuditor, "auditor.id", "no person %q", key.Auditor)
	}
	switch {
	case err != nil:
		return store.Person{}, err
	case person.Role != roleAuditor || !person.DisabledAt.IsZero():
		return store.Person{}, refuse(CodeAuditor, "auditor.id", "%s is not an active auditor", person.ID)
	case !sameOrganization(person.Organization, p.Organization):
		return store.Person{}, refuse(CodeAuditor, "auditor.organization", "auditor %s is registered with %q", person.ID, person.Organization)
	}
	return person, nil
}

// checkAccreditation demands that the auditor was accredited when the assessment
// was made and when it was handed in: a signature's own date proves nothing, the
// time of submission is ours.
func checkAccreditation(r store.Reader, rec store.Assessment, submitted time.Time) error {
	acc, err := store.Accreditations.Get(r, rec.Auditor+"/"+rec.Framework)
	if errors.Is(err, store.ErrNotFound) {
		return refuse(CodeAccreditation, "auditor.id", "auditor %s is not accredited for %s", rec.Auditor, rec.Framework)
	}
	if err != nil {
		return err
	}
	for _, moment := range []struct {
		what string
		at   time.Time
	}{{"when assessing", rec.AssessedAt}, {"at submission", submitted}} {
		if !accredited(acc, moment.at) {
			return refuse(CodeAccreditation, "auditor.id", "auditor %s was not accredited for %s %s, %s", rec.Auditor, rec.Framework, moment.what, moment.at.Format(time.RFC3339)).
				withHint("accredited from " + acc.From.Format(time.RFC3339) + " until " + acc.Until.Format(time.RFC3339))
		}
	}
	return nil
}

// accredited compares in whole seconds, because an assessment's time has no more:
// work begun in the very second of accreditation counts.
func accredited(acc store.Accreditation, at time.Time) bool {
	if at.Before(acc.From.Truncate(time.Second)) || !at.Before(acc.Until) {
		return false
	}
	return acc.SuspendedAt.IsZero() || at.Before(acc.SuspendedAt)
}
