package audit

import (
	"errors"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/store"
)

// roleAuditor and roleOfficer are values of store.Person.Role.
const (
	roleAuditor = "auditor"
	roleOfficer = "officer"
)

// checkParties holds an assessment against who is registered: the vendor, the
// auditors, their keys and accreditations, and that no two sides are one. submitted is
// when the assessment was, or is being, handed in.
func checkParties(r store.Reader, rec store.Assessment, a Assessment, submitted time.Time) error {
	vendor, err := checkVendor(r, a.Vendor)
	if err != nil {
		return err
	}
	signers := []signer{{"auditor", a.Auditor, rec.AuditorSPKI}}
	if a.SecondAuditor != nil {
		signers = append(signers, signer{"secondAuditor", *a.SecondAuditor, rec.SecondSPKI})
	}
	organizations := map[string]bool{}
	for _, s := range signers {
		auditor, err := s.check(r)
		if err != nil {
			return err
		}
		if err := checkConflict(auditor, vendor, s.field+".organization"); err != nil {
			return err
		}
		if folded := foldOrganization(auditor.Organization); organizations[folded] {
			return refuse(CodeConflict, s.field+".organization", "both auditors are of %q", auditor.Organization)
		} else {
			organizations[folded] = true
		}
		if err := s.checkAccreditation(r, rec, submitted); err != nil {
			return err
		}
	}
	return nil
}

// CheckConflict refuses an officer who decides about the vendor of their own
// organisation, or of one that it owns. The error is a *Refusal with CodeConflict.
func CheckConflict(officer store.Person, vendor store.Vendor) error {
	return checkConflict(officer, vendor, "")
}

// checkConflict refuses an auditor or officer of the vendor's own organisation, or of
// one that owns it.
func checkConflict(person store.Person, vendor store.Vendor, field string) error {
	if sameOrganization(person.Organization, vendor.Organization) {
		return refuse(CodeConflict, field, "%s %s and vendor %s are of the same organisation %q", person.Role, person.ID, vendor.ID, vendor.Organization)
	}
	if slices.ContainsFunc(vendor.Owners, func(owner string) bool { return sameOrganization(person.Organization, owner) }) {
		return refuse(CodeConflict, field, "%s %s is of %q, which owns vendor %s", person.Role, person.ID, person.Organization, vendor.ID)
	}
	return nil
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

// signer is an auditor whose signature stands under an assessment.
type signer struct {
	field string // in the assessment
	party Party
	spki  string
}

func (s signer) check(r store.Reader) (store.Person, error) {
	key, err := store.AuditorKeys.Get(r, s.spki)
	if err != nil {
		return store.Person{}, err
	}
	if !key.RevokedAt.IsZero() {
		return store.Person{}, refuse(CodeKeyRevoked, "envelope.signatures[0].keyid", "key %s of auditor %s was revoked at %s", key.SPKISHA256, key.Auditor, key.RevokedAt.Format(time.RFC3339))
	}
	if key.Auditor != s.party.ID {
		return store.Person{}, refuse(CodeAuditor, s.field+".id", "is %q, but the key that signed belongs to %q", s.party.ID, key.Auditor)
	}
	person, err := store.People.Get(r, key.Auditor)
	if errors.Is(err, store.ErrNotFound) {
		return store.Person{}, refuse(CodeAuditor, s.field+".id", "no person %q", key.Auditor)
	}
	switch {
	case err != nil:
		return store.Person{}, err
	case person.Role != roleAuditor || !person.DisabledAt.IsZero():
		return store.Person{}, refuse(CodeAuditor, s.field+".id", "%s is not an active auditor", person.ID)
	case !sameOrganization(person.Organization, s.party.Organization):
		return store.Person{}, refuse(CodeAuditor, s.field+".organization", "auditor %s is registered with %q", person.ID, person.Organization)
	}
	return person, nil
}

// checkAccreditation demands that the auditor was accredited when the assessment was
// made and when it was handed in: a signature's own date proves nothing, the time of
// submission is ours.
func (s signer) checkAccreditation(r store.Reader, rec store.Assessment, submitted time.Time) error {
	acc, err := store.Accreditations.Get(r, s.party.ID+"/"+rec.Framework)
	if errors.Is(err, store.ErrNotFound) {
		return refuse(CodeAccreditation, s.field+".id", "auditor %s is not accredited for %s", s.party.ID, rec.Framework)
	}
	if err != nil {
		return err
	}
	for _, moment := range []struct {
		what string
		at   time.Time
	}{{"when assessing", rec.AssessedAt}, {"at submission", submitted}} {
		if !accredited(acc, moment.at) {
			return refuse(CodeAccreditation, s.field+".id", "auditor %s was not accredited for %s %s, %s", s.party.ID, rec.Framework, moment.what, moment.at.Format(time.RFC3339)).
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
