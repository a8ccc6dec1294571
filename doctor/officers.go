package doctor

import (
	"context"

	"github.com/hallmark-pki/hallmark/store"
)

// roleOfficer is the role of officers in records.
const roleOfficer = "officer"

// officers warns where what two officers agree on may be one person's word.
func (e *examination) officers(ctx context.Context) error {
	return e.Store.View(ctx, func(r store.Reader) error {
		active := map[string]bool{}
		for p, err := range store.People.All(r, "") {
			if err != nil {
				return err
			}
			if p.Role == roleOfficer && p.DisabledAt.IsZero() {
				active[p.ID] = true
			}
		}
		for id := range active {
			if len(active) == 1 {
				e.report(Finding{Severity: Warning, About: "officer " + id, Detail: "is the only officer: nothing that needs two can be done, and who is invited next is an officer by one person's word",
					Hint: "hallmark enroll invite --role officer, to somebody else"})
			}
			for enrolment, err := range store.Enrolments.By(r, "unconsented", id) {
				if err != nil {
					return err
				}
				if enrolment.Consent == store.ConsentAlone && enrolment.InvitedBy != store.InvitedByInit && !enrolment.UsedAt.IsZero() {
					e.report(Finding{Severity: Warning, About: "officer " + id, Detail: "was invited by " + enrolment.InvitedBy + " alone: the two may be one person",
						Hint: "a third officer makes sure that they are not, and runs hallmark enroll consent --invited-by " + enrolment.InvitedBy + " " + id})
				}
			}
		}
		return nil
	})
}
