package doctor

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

// TestOfficers: who is the only officer, and who became one by one officer's word, is warned
// of; nobody else.
func TestOfficers(t *testing.T) {
	officer := func(id string) store.Person { return store.Person{ID: id, Role: roleOfficer, CreatedAt: noon} }
	gone := officer("gus")
	gone.DisabledAt = noon
	invited := func(id, by, consent string) store.Enrolment {
		return store.Enrolment{TokenSHA256: id + by + consent, Person: id, CreatedAt: noon, ExpiresAt: noon, UsedAt: noon, Consent: consent, InvitedBy: by}
	}
	unused := invited("odo", "olga", store.ConsentAlone)
	unused.UsedAt = time.Time{}
	first := invited("olga", store.InvitedByInit, store.ConsentAlone)
	for name, c := range map[string]struct {
		people     []store.Person
		enrolments []store.Enrolment
		want       []string
	}{
		"nobody yet":       {nil, nil, nil},
		"the first":        {[]store.Person{officer("olga"), gone}, []store.Enrolment{first}, []string{"officer olga"}},
		"the second":       {[]store.Person{officer("olga"), officer("otto")}, []store.Enrolment{first, invited("otto", "olga", store.ConsentAlone)}, []string{"officer otto"}},
		"agreed to":        {[]store.Person{officer("olga"), officer("otto")}, []store.Enrolment{first, invited("otto", "olga", store.ConsentGiven)}, nil},
		"not enrolled":     {[]store.Person{officer("olga"), officer("odo")}, []store.Enrolment{first, unused}, nil},
		"before there was": {[]store.Person{officer("olga"), officer("otto")}, []store.Enrolment{invited("otto", "", "")}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			d := storetest.NewMemory()
			err := d.Update(context.Background(), func(tx store.Tx) error {
				var errs []error
				for _, p := range c.people {
					errs = append(errs, store.People.Put(tx, p))
				}
				for _, e := range c.enrolments {
					errs = append(errs, store.Enrolments.Put(tx, e))
				}
				return errors.Join(errs...)
			})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			e := &examination{Patient: Patient{Store: d}, report: func(f Finding) {
				if f.Severity != Warning || f.Hint == "" {
					t.Errorf("%+v", f)
				}
				got = append(got, f.About)
			}}
			if err := e.officers(context.Background()); err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%v, %v, want %v", got, err, c.want)
			}
		})
	}
}
