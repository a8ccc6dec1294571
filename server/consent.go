package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"github.com/hallmark-pki/hallmark/ledger/queue"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

// askConsent makes an officer's invitation one that another officer must agree to, where
// there is another: whoever invites has the token, and could be both of the two officers
// that something needs. Everybody else's invitation it leaves alone.
func (s *Server) askConsent(ctx context.Context, r store.Reader, person store.Person, e *store.Enrolment, i *api.Invitation) error {
	if person.Role != api.RoleOfficer {
		return nil
	}
	n, err := countOfficers(r, s.Now())
	if err != nil {
		return err
	}
	e.Consent, e.InvitedBy = store.ConsentAlone, caller(ctx).ID
	if n > 1 {
		e.Consent = store.ConsentAsked
	}
	i.Consent = e.Consent
	return nil
}

// countOfficers counts those who can act. One who was disabled or signed out counts for a
// while still, or an officer would only have to lock the others out to be the only one.
func countOfficers(r store.Reader, now time.Time) (n int, err error) {
	for p, err := range store.People.All(r, "") {
		if err != nil {
			return 0, err
		}
		if p.Role != api.RoleOfficer || !p.DisabledAt.IsZero() && !now.Before(p.DisabledAt.Add(officerGone)) {
			continue
		}
		for c, err := range store.ClientCertificates.By(r, "person", p.ID) {
			if err != nil {
				return 0, err
			}
			until := c.NotAfter
			if !c.RevokedAt.IsZero() && c.RevokedAt.Before(until) {
				until = c.RevokedAt
			}
			if now.Before(until.Add(officerGone)) {
				n++
				break
			}
		}
	}
	return n, nil
}

type consentInput struct {
	IDPath
	Body api.Consent
}

// consent is an officer's agreement to what another one has invited: that the person exists,
// is an officer, and is not the one who invited them. What an officer alone could invite,
// when there was no other, can be agreed to afterwards.
func (s *Server) consent(ctx context.Context, in *consentInput) (*body[api.Person], error) {
	me, now := caller(ctx).ID, s.Now().UTC()
	if in.Body.InvitedBy == me {
		return nil, problem(http.StatusForbidden, "own-invitation", "you have invited them yourself", "another officer runs the same command")
	}
	var person store.Person
	event := s.event(ctx, "consent.person", in.ID, map[string]string{"invited_by": in.Body.InvitedBy})
	err := s.Store.Update(ctx, func(tx store.Tx) (err error) {
		if person, err = store.People.Get(tx, in.ID); err != nil {
			return missing(err, "person", in.ID)
		}
		enrolment, err := newestUnconsented(tx, in.ID, in.Body.InvitedBy, now)
		if err != nil {
			return err
		}
		if enrolment.Consent == store.ConsentAlone && in.ID == me {
			return problem(http.StatusForbidden, "own-invitation", "nobody vouches for themselves", "another officer runs the same command")
		}
		enrolment.Consent, enrolment.ConsentBy, enrolment.ConsentAt = store.ConsentGiven, me, now
		if err := store.Enrolments.Put(tx, enrolment); err != nil {
			return err
		}
		return store.Events.Insert(tx, event)
	})
	if err != nil {
		return nil, err
	}
	return answer(apiPerson(person)), nil
}

// newestUnconsented finds the newest invitation of a person by an officer that nobody has
// agreed to: one that can be used still, or that was used.
func newestUnconsented(r store.Reader, person, by string, now time.Time) (newest store.Enrolment, err error) {
	for e, err := range store.Enrolments.By(r, "unconsented", person) {
		if err != nil {
			return store.Enrolment{}, err
		}
		if e.InvitedBy == by && (!e.UsedAt.IsZero() || now.Before(e.ExpiresAt)) && (newest.Person == "" || e.CreatedAt.After(newest.CreatedAt)) {
			newest = e
		}
	}
	if newest.Person == "" {
		return store.Enrolment{}, notFound("invitation by "+by+" without consent of", person)
	}
	return newest, nil
}

// checkConsent refuses an invitation that nobody has agreed to, if somebody could by now:
// tokens of the time when there was one officer are good for the second one only. It also
// refuses one that two officers agreed on when one of them is none any more.
func checkConsent(r store.Reader, e store.Enrolment, now time.Time) error {
	switch e.Consent {
	case store.ConsentAsked:
		return consentMissing(e)
	case store.ConsentAlone:
		n, err := countOfficers(r, now)
		if err == nil && n > 1 {
			err = consentMissing(e)
		}
		return err
	case store.ConsentGiven:
	default:
		return nil
	}
	for _, id := range []string{e.InvitedBy, e.ConsentBy} {
		p, err := store.People.Get(r, id)
		if err != nil {
			return err
		}
		if p.Role != api.RoleOfficer || !p.DisabledAt.IsZero() {
			return problem(http.StatusForbidden, "consent-void", "officer "+id+", who stood for this invitation, is disabled", "ask another officer for a new one")
		}
	}
	return nil
}

func consentMissing(e store.Enrolment) error {
	return problem(http.StatusForbidden, "consent-missing", "another officer has to agree to this invitation first",
		"they run 'hallmark enroll consent --invited-by "+e.InvitedBy+" "+e.Person+"'")
}

// logOfficer has the transparency log say who is an officer, and who stood for that.
func logOfficer(tx store.Tx, e store.Enrolment, client []byte, now time.Time) error {
	var reason string
	switch e.Consent {
	case store.ConsentGiven:
		reason = fmt.Sprintf("%s: invited by %s, agreed to by %s", e.Person, e.InvitedBy, e.ConsentBy)
	case store.ConsentAlone:
		reason = fmt.Sprintf("%s: invited by %s, nobody else could agree", e.Person, e.InvitedBy)
	default: // an invitation from before invitations had consent
		reason = e.Person + ": invited by one officer"
	}
	sum := sha256.Sum256(client)
	return queue.Put(tx, e.Person, receipt.Entry{Type: receipt.OfficerEnrolled, At: now, Certificate: hex.EncodeToString(sum[:]), Reason: reason})
}
