package server

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

// invite has somebody invite an officer and returns the token's secret.
func (w *world) invite(by, who string) (secret string, i api.Invitation) {
	w.t.Helper()
	w.must(by, "POST", "/v1/people", api.NewPerson{ID: who, Role: api.RoleOfficer, Organization: "Example"}, &i)
	return secretOf(w.t, i), i
}

// refusedToEnrol wants a token to be refused for a reason.
func (w *world) refusedToEnrol(secret, code string) {
	w.t.Helper()
	got := w.do("", "POST", "/v1/enroll", api.EnrollRequest{Token: secret, CSR: newTestCSR(w.t, newTestKey(w.t))})
	if got.status != http.StatusForbidden || got.problem.Code != code {
		w.t.Errorf("%d %s, want %s", got.status, got.body, code)
	}
}

func (w *world) consents(who, person, invitedBy, code string) {
	w.t.Helper()
	got := w.do(who, "POST", "/v1/people/"+person+"/consent", api.Consent{InvitedBy: invitedBy})
	if code == "" && got.status != http.StatusOK || code != "" && got.problem.Code != code {
		w.t.Errorf("%s consents to %s's invitation of %s: %d %s, want %q", who, invitedBy, person, got.status, got.body, code)
	}
}

// TestOfficersTokenNeedsConsent: where there are two officers, what one invites is nobody
// until the other agrees to that very invitation.
func TestOfficersTokenNeedsConsent(t *testing.T) {
	w := newWorld(t)
	secret, invitation := w.invite("olga", "oscar")
	if invitation.Consent != store.ConsentAsked {
		t.Errorf("%+v", invitation)
	}
	w.refusedToEnrol(secret, "consent-missing")
	w.consents("olga", "oscar", "olga", "own-invitation")
	w.consents("otto", "oscar", "otto", "own-invitation")
	w.consents("rita", "oscar", "olga", "wrong-role")
	w.consents("otto", "nobody", "olga", "not-found")
	w.consents("otto", "oscar", "oscar", "not-found")
	w.refusedToEnrol(secret, "consent-missing")
	w.consents("otto", "oscar", "olga", "")
	w.consents("otto", "oscar", "olga", "not-found") // once
	w.enrol("oscar", secret)
	w.must("oscar", "GET", "/v1/people", nil, nil)
	if got, want := w.officersLogged(), "oscar: invited by olga, agreed to by otto"; got[len(got)-1] != want {
		t.Errorf("the log has %q, want %q", got, want)
	}
	// Neither does one officer come by another's name with a new device.
	var again api.Invitation
	w.must("olga", "POST", "/v1/people/otto/invite", nil, &again)
	w.refusedToEnrol(secretOf(t, again), "consent-missing")
	w.consents("otto", "otto", "olga", "")
	w.enrol("otto", secretOf(t, again))
	// Nor is it another's matter who else is invited.
	var reader api.Invitation
	w.must("olga", "POST", "/v1/people", api.NewPerson{ID: "rosa", Role: api.RoleReader, Organization: "Example"}, &reader)
	if reader.Consent != "" {
		t.Errorf("%+v", reader)
	}
	w.enrol("rosa", secretOf(t, reader))
}

// TestConsentIsOfStandingOfficers: locking the others out does not make an officer the only
// one, and who was locked out no longer stands for an invitation.
func TestConsentIsOfStandingOfficers(t *testing.T) {
	w := newWorld(t)
	secret, _ := w.invite("olga", "oscar")
	w.consents("otto", "oscar", "olga", "")
	w.must("olga", "POST", "/v1/people/otto/sign-out", nil, nil)
	w.wantOfficers(2)
	w.must("olga", "POST", "/v1/people/otto/disable", nil, nil)
	w.refusedToEnrol(secret, "consent-void")
	secret, invitation := w.invite("olga", "odo")
	if invitation.Consent != store.ConsentAsked {
		t.Errorf("%+v", invitation)
	}
	w.refusedToEnrol(secret, "consent-missing")
	w.wantOfficers(2)
}

// wantOfficers counts the officers shortly before one counts no more, and shortly after.
func (w *world) wantOfficers(before int) {
	w.t.Helper()
	err := w.store.View(w.t.Context(), func(r store.Reader) error {
		for after, want := range map[time.Duration]int{officerGone - time.Hour: before, officerGone + time.Hour: before - 1} {
			if n, err := countOfficers(r, time.Now().Add(after)); err != nil || n != want {
				w.t.Errorf("%d officers after %s, %v, want %d", n, after, err, want)
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestOfficersAtTheBeginning: the first officer invites the second alone, which the log says,
// and only the second: tokens made then are no stock for later.
func TestOfficersAtTheBeginning(t *testing.T) {
	w := newWorld(t)
	err := w.store.Update(t.Context(), func(tx store.Tx) error { // as if otto had never come
		serial, err := store.ClientCertificates.Last(tx, "person", "otto")
		if err != nil {
			return err
		}
		return store.ClientCertificates.Delete(tx, serial)
	})
	if err != nil {
		t.Fatal(err)
	}
	second, invitation := w.invite("olga", "oscar")
	third, _ := w.invite("olga", "odo")
	if invitation.Consent != store.ConsentAlone {
		t.Errorf("%+v", invitation)
	}
	w.enrol("oscar", second)
	if got, want := w.officersLogged(), "oscar: invited by olga, nobody else could agree"; got[len(got)-1] != want {
		t.Errorf("the log has %q, want %q", got, want)
	}
	w.refusedToEnrol(third, "consent-missing")
	w.consents("oscar", "odo", "olga", "")
	w.enrol("odo", third)
	w.consents("oscar", "oscar", "olga", "own-invitation")
	w.consents("odo", "oscar", "olga", "") // afterwards
	w.consents("odo", "oscar", "olga", "not-found")
}

// officersLogged returns what the log says of officers.
func (w *world) officersLogged() (reasons []string) {
	w.t.Helper()
	err := w.store.View(w.t.Context(), func(r store.Reader) error {
		for e, err := range store.LedgerEntries.All(r, "") {
			if err != nil {
				return err
			}
			entry, err := receipt.ParseEntry(e.Entry)
			if err != nil {
				return err
			}
			if entry.Type == receipt.OfficerEnrolled && !e.LoggedAt.IsZero() && !strings.Contains(entry.Reason, "one officer") {
				reasons = append(reasons, entry.Reason)
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return reasons
}
