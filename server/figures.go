package server

import (
	"math"
	"time"

	"github.com/hallmark-pki/hallmark/ledger/queue"
	"github.com/hallmark-pki/hallmark/notify"
	"github.com/hallmark-pki/hallmark/store"
)

// figures are the numbers of a status, and of the gauges.
type figures struct {
	vendors      int
	assessments  map[string]int // by state
	expiring     map[int]int    // by days: how many end within so many
	certificates map[string]int // by state
	probes       []store.ProbeState
	ledger       int // entries that wait
	notices      int // that wait
	requests     int // for certificates, that wait for an officer
}

// expiringDays are the thresholds at which the end of an assessment is told of,
// the same as for webhooks.
var expiringDays = []int{30, 7, 1}

// assessmentStates are all that an assessment can be in.
var assessmentStates = []string{
	store.AssessmentSubmitted, store.AssessmentAccepting, store.AssessmentInForce, store.AssessmentInReview, store.AssessmentSuperseded,
	store.AssessmentLowered, store.AssessmentExpired, store.AssessmentWithdrawn, store.AssessmentRejected,
}

// count takes the figures from indexes: records are only decoded where an index says
// that they are few.
func (s *Server) count(r store.Reader) (figures, error) {
	f := figures{assessments: map[string]int{}, expiring: map[int]int{}, certificates: map[string]int{}}
	now := s.Now()
	for _, step := range []func(store.Reader, time.Time) error{
		f.countVendors, f.countAssessments, f.countExpiring, f.countCertificates, f.countRequests, f.findProbes,
	} {
		if err := step(r, now); err != nil {
			return figures{}, err
		}
	}
	var err error
	if f.ledger, err = queue.Pending(r, math.MaxInt); err != nil {
		return figures{}, err
	}
	f.notices, err = notify.Pending(r, math.MaxInt)
	return f, err
}

func (f *figures) countVendors(r store.Reader, _ time.Time) (err error) {
	f.vendors, err = store.Vendors.Len(r)
	return err
}

func (f *figures) countAssessments(r store.Reader, now time.Time) error {
	for _, state := range assessmentStates {
		n, err := store.Assessments.Count(r, "state", state)
		if err != nil {
			return err
		}
		if n > 0 {
			f.assessments[state] = n
		}
	}
	// Those whose time is over and whose record does not say so yet.
	for a, err := range store.Assessments.Between(r, "until", "", store.TimeKey(now.Add(time.Second))) {
		if err != nil {
			return err
		}
		if now.Before(a.ValidUntil) {
			continue
		}
		f.assessments[store.AssessmentExpired]++
		if f.assessments[a.State]--; f.assessments[a.State] == 0 {
			delete(f.assessments, a.State)
		}
	}
	return nil
}

func (f *figures) countExpiring(r store.Reader, now time.Time) error {
	from := store.TimeKey(now)
	last := map[int]string{}
	for _, days := range expiringDays {
		last[days] = store.TimeKey(now.Add(time.Duration(days) * day))
	}
	for e, err := range store.Assessments.Entries(r, "until", from, "") {
		if err != nil {
			return err
		}
		if e.Value > last[expiringDays[0]] {
			break
		}
		for _, days := range expiringDays {
			if e.Value > from && e.Value <= last[days] {
				f.expiring[days]++
			}
		}
	}
	return nil
}

// countRequests counts those that an officer can still decide on.
func (f *figures) countRequests(r store.Reader, now time.Time) error {
	for q, err := range store.CertificateRequests.By(r, "state", store.RequestPending) {
		if err != nil {
			return err
		}
		if now.Before(q.ExpiresAt) {
			f.requests++
		}
	}
	return nil
}

const day = 24 * time.Hour

// countCertificates needs no record either: what is revoked has an index, and so has
// what ends when.
func (f *figures) countCertificates(r store.Reader, now time.Time) error {
	revoked := map[string]bool{}
	for e, err := range store.Certificates.Entries(r, "revoked", "", "") {
		if err != nil {
			return err
		}
		revoked[e.Key] = true
	}
	at := store.TimeKey(now)
	for e, err := range store.Certificates.Entries(r, "not_after", "", "") {
		if err != nil {
			return err
		}
		switch {
		case revoked[e.Key]:
			f.certificates["revoked"]++
		case e.Value < at:
			f.certificates["expired"]++
		default:
			f.certificates["valid"]++
		}
	}
	return nil
}

// findProbes finds those that fail, of assessments in force: the rest blocks nothing.
func (f *figures) findProbes(r store.Reader, now time.Time) error {
	for p, err := range store.ProbeStates.All(r, "") {
		if err != nil {
			return err
		}
		if p.FailingSince.IsZero() {
			continue
		}
		a, err := store.Assessments.Get(r, p.Assessment)
		if err != nil {
			return err
		}
		if a.State == store.AssessmentInForce && now.Before(a.ValidUntil) {
			f.probes = append(f.probes, p)
		}
	}
	return nil
}
