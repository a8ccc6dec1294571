package audit

import (
	"errors"
	"strings"

	"github.com/hallmark-pki/hallmark/store"
)

// maxReason bounds an officer's reason; the log takes twice that.
const maxReason = 1000

// checkOfficer demands an active officer.
func checkOfficer(r store.Reader, id string) (store.Person, error) {
	person, err := store.People.Get(r, id)
	if errors.Is(err, store.ErrNotFound) {
		return store.Person{}, refuse(CodeOfficer, "by", "no person %q", clip(id))
	}
	if err != nil {
		return store.Person{}, err
	}
	if person.Role != roleOfficer || !person.DisabledAt.IsZero() {
		return store.Person{}, refuse(CodeOfficer, "by", "%s is not an active officer", person.ID)
	}
	return person, nil
}

// checkIndependent demands an officer who is neither the auditor nor of the
// vendor's organisation.
func checkIndependent(r store.Reader, rec store.Assessment, id string) error {
	officer, err := checkOfficer(r, id)
	if err != nil {
		return err
	}
	if officer.ID == rec.Auditor || officer.ID == rec.SecondAuditor {
		return refuse(CodeConflict, "by", "%s made this assessment: another person decides on it", officer.ID)
	}
	vendor, err := store.Vendors.Get(r, rec.Vendor)
	if err != nil {
		return err
	}
	return checkConflict(officer, vendor, "by")
}

func checkReason(reason string) error {
	var p problems
	p.text("reason", reason, true)
	if len(reason) > maxReason {
		p.add(CodeValue, "reason", "is %d bytes long, at most %d", len(reason), maxReason)
	}
	if strings.TrimSpace(reason) != reason {
		p.add(CodeValue, "reason", "begins or ends with blanks")
	}
	if len(p) > 0 {
		return refuseAll(p)
	}
	return nil
}

// CheckOfficer demands an active officer of another organisation than the vendor's and
// than those that own it: who may decide on what the vendor asks for. The error is a
// *Refusal, or the store's.
func CheckOfficer(r store.Reader, officer, vendor string) error {
	person, err := checkOfficer(r, officer)
	if err != nil {
		return err
	}
	v, err := store.Vendors.Get(r, vendor)
	if err != nil {
		return err
	}
	return checkConflict(person, v, "by")
}
