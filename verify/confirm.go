package verify

import (
	"errors"
	"time"

	"github.com/hallmark-pki/hallmark/ext"
)

// A provisional signature was made before all evidence was there. Its signed attribute
// says so, under the signature itself: whoever takes the summary out of the staple, or
// puts an old one back, changes nothing about that. Only a summary of the CA that verifies
// every level of the certificate makes it a confirmed one.

// readConfirmBy reads when a provisional signature will have been confirmed or revoked;
// zero: it is not provisional.
func (v *Verifier) readConfirmBy(s signerInfo) (time.Time, error) {
	oid := v.trust.Arc.ConfirmBy()
	if stray, err := value(s.unsigned, oid); stray != nil || err != nil {
		return time.Time{}, because(AttributeMalformed, "attribute %v must be signed", oid)
	}
	der, err := value(s.signed, oid)
	if der == nil || err != nil {
		return time.Time{}, err
	}
	t, err := ext.ParseConfirmBy(der)
	if err != nil {
		return time.Time{}, because(AttributeMalformed, "confirm-by: %v", err)
	}
	return t, nil
}

func (p Policy) wantsConfirmed() bool {
	return p.Confirmed == ConfirmedOnly || p.Confirmed == "" && p.Attestations != NoAttestations
}

// toleratesProvisional reports whether what is wrong with the summary is only that it is
// not there yet, and the policy can live with that. Where the policy demands a summary,
// the provisional one must be there.
func (v *inquiry) toleratesProvisional(verdict *Verdict, err error) bool {
	if err == nil || verdict.ConfirmBy.IsZero() || v.policy.wantsConfirmed() {
		return false
	}
	if v.policy.Attestations != NoAttestations {
		return codeOf(err) == NotConfirmed
	}
	return codeOf(err) != SummaryFailed
}

// provisional lets a provisional signature pass until it is overdue, and later as long as
// newer revocation data does not have it. That data was looked at before; statusOf is of
// when it is, zero: there is none.
func (v *inquiry) provisional(verdict *Verdict, statusOf time.Time) error {
	by := verdict.ConfirmBy.Format(time.RFC3339)
	switch {
	case !v.asOf.After(verdict.ConfirmBy):
		verdict.note(NoteProvisional, "to be confirmed or revoked by %s", by)
	case statusOf.After(verdict.ConfirmBy.Add(confirmationLag)):
		verdict.note(NoteProvisional, "was to be confirmed or revoked by %s, and was not revoked on %s; the vendor can get the confirmed signature",
			by, statusOf.UTC().Format(time.RFC3339))
	default:
		return because(ConfirmationOverdue, "was to be confirmed or revoked by %s; no revocation data from after that is at hand", by)
	}
	return nil
}

// codeOf is the code of a Reason; "" of anything else.
func codeOf(err error) Code {
	var r Reason
	if errors.As(err, &r) {
		return r.Code
	}
	return ""
}
