package audit

import (
	"errors"
	"fmt"
	"time"

	"github.com/hallmark-pki/hallmark/store"
)

// InForce lists the assessments of a vendor (by id) that certificates and signatures
// may rely on at a time: accepted and logged, begun and not over, and signed by an
// auditor whose key has not been revoked and whose accreditation has neither been
// taken away nor been suspended as of a time before the assessment was handed in. An
// accreditation that merely ran out, or was suspended later, leaves them alone.
//
// The records are as stored: decide on what Open returns for them.
func InForce(r store.Reader, vendor string, at time.Time) ([]store.Assessment, error) {
	return new(Opener).InForce(r, vendor, at)
}

// InForce is the function InForce with a memory for the records, which may be large.
func (o *Opener) InForce(r store.Reader, vendor string, at time.Time) ([]store.Assessment, error) {
	var list []store.Assessment
	for rec, err := range o.records.By(r, store.Assessments, "vendor", vendor) {
		if err != nil {
			return nil, fmt.Errorf("assessments of %s: %w", vendor, err)
		}
		if rec.State != store.AssessmentInForce || at.Before(rec.AssessedAt) || !at.Before(rec.ValidUntil) {
			continue
		}
		stands, err := o.keys.auditorsStand(r, rec, at)
		if err != nil {
			return nil, err
		}
		if stands {
			list = append(list, rec)
		}
	}
	return list, nil
}

// auditorsStand reports whether the word of everybody who signed still counts at a time.
func (m *keyMemory) auditorsStand(r store.Reader, rec store.Assessment, at time.Time) (bool, error) {
	ok, err := m.auditorStands(r, rec, rec.Auditor, rec.AuditorSPKI, at)
	if err != nil || !ok || rec.SecondSPKI == "" {
		return ok, err
	}
	return m.auditorStands(r, rec, rec.SecondAuditor, rec.SecondSPKI, at)
}

// auditorStands reports whether an auditor's word still counts at a time. What an
// officer has upheld since the auditor was revoked stands on the officer's word.
func (m *keyMemory) auditorStands(r store.Reader, rec store.Assessment, auditor, spki string, at time.Time) (bool, error) {
	key, err := m.auditors.Get(r, store.AuditorKeys, spki)
	if err != nil {
		return false, ignoreNotFound(err)
	}
	if !key.RevokedAt.IsZero() && !at.Before(key.RevokedAt) && rec.UpheldAt.Before(key.RevokedAt) {
		return false, nil
	}
	acc, err := m.accreditations.Get(r, store.Accreditations, auditor+"/"+rec.Framework)
	if err != nil {
		return false, ignoreNotFound(err)
	}
	if acc.SuspendedAt.IsZero() || rec.SubmittedAt.Before(acc.SuspendedAt) {
		return true, nil
	}
	return !rec.UpheldAt.IsZero() && !rec.UpheldAt.Before(acc.SuspendedAt), nil
}

func ignoreNotFound(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// Open verifies a stored assessment again and reads it: the signatures of its auditors
// and, once it was accepted, of the officer; the digest that is its id; and that every
// field of the record that was taken from it still says the same. It does not ask
// whether it is in force. An error means that the record must not be relied on.
func Open(r store.Reader, rec store.Assessment) (Assessment, error) {
	return new(Opener).Open(r, rec)
}

// disagreement names the first field in which a record differs from what was signed.
func disagreement(rec, signed store.Assessment) string {
	for _, f := range []struct {
		name string
		same bool
	}{
		{"id", rec.ID == signed.ID},
		{"vendor", rec.Vendor == signed.Vendor},
		{"framework", rec.Framework == signed.Framework && rec.FrameworkURI == signed.FrameworkURI},
		{"track", rec.Track == signed.Track},
		{"level", rec.Level == signed.Level && rec.LevelID == signed.LevelID},
		{"catalogue", rec.CatalogueSHA256 == signed.CatalogueSHA256},
		{"auditor", rec.Auditor == signed.Auditor && rec.AuditorSPKI == signed.AuditorSPKI},
		{"second auditor", rec.SecondAuditor == signed.SecondAuditor && rec.SecondSPKI == signed.SecondSPKI},
		{"probes", rec.Probes == signed.Probes},
		{"period", rec.AssessedAt.Equal(signed.AssessedAt) && rec.ValidUntil.Equal(signed.ValidUntil)},
	} {
		if !f.same {
			return f.name
		}
	}
	return ""
}
