package server

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

// gauges sets the gauges and scrapes them.
func (w *world) gauges() map[string]float64 {
	w.t.Helper()
	if err := w.server.Gauge(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	found := map[string]float64{}
	for line := range strings.Lines(string(w.do("rita", "GET", "/metrics", nil).body)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.ParseFloat(value, 64); ok && err == nil && strings.HasPrefix(name, "hallmark_") {
			found[name] = n
		}
	}
	return found
}

// TestExpiring: what ends within 30, 7 and 1 days is listed, the nearest first, and
// counted; what has ended counts as expired from that moment on, whatever the record says.
func TestExpiring(t *testing.T) {
	w := newWorld(t)
	left := map[time.Duration]string{}
	for _, d := range []time.Duration{-time.Hour, 30 * time.Minute, 3 * day, 25 * day, 45 * day} {
		a := w.newAssessment("beta")
		a.ValidUntil = a.ValidUntil.Add(-time.Duration(len(left)+1) * time.Second) // all different
		id := w.handIn(a)
		left[d] = id
		w.change(id, func(a *store.Assessment) { a.State, a.ValidUntil = store.AssessmentInForce, time.Now().UTC().Add(d) })
	}
	w.change(left[25*day], func(a *store.Assessment) { a.State = store.AssessmentInReview })
	var status api.Status
	w.must("rita", "GET", "/v1/status", nil, &status)
	var got []string
	for _, e := range status.Expiring {
		got = append(got, fmt.Sprintf("%s %d %d", e.ID, e.DaysLeft, e.Within))
	}
	want := []string{left[30*time.Minute] + " 1 1", left[3*day] + " 3 7", left[25*day] + " 25 30"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("expiring\n%s\nwant\n%s", got, want)
	}
	if !maps.Equal(status.ExpiringIn, map[string]int{"30": 3, "7": 2, "1": 1}) {
		t.Errorf("thresholds %v", status.ExpiringIn)
	}
	if !maps.Equal(status.Assessments, map[string]int{"in-force": 4, "in-review": 1, "expired": 1}) {
		t.Errorf("states %v", status.Assessments)
	}
	gauges := w.gauges()
	for name, value := range map[string]float64{
		`hallmark_assessments{state="in-force"}`: 4, `hallmark_assessments{state="expired"}`: 1, `hallmark_assessments{state="withdrawn"}`: 0,
		`hallmark_assessments_expiring{days="30"}`: 3, `hallmark_assessments_expiring{days="7"}`: 2, `hallmark_assessments_expiring{days="1"}`: 1,
	} {
		if found, ok := gauges[name]; !ok || found != value {
			t.Errorf("%s is %v, want %v", name, found, value)
		}
	}
	var page api.Page[api.Assessment]
	w.must("rita", "GET", "/v1/assessments?state=expired", nil, &page)
	if len(page.Items) != 1 || page.Items[0].ID != left[-time.Hour] {
		t.Errorf("expired: %+v", page.Items)
	}
}

// TestFigures holds the counts, which come from indexes, against the records.
func TestFigures(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 5, time.UTC)
	s := &Server{Config: Config{Now: func() time.Time { return now }}}
	random := rand.New(rand.NewPCG(1, 2))
	db := storetest.NewMemory()
	err := db.Update(context.Background(), func(tx store.Tx) error {
		for i := range 300 {
			end := now.Add(time.Duration(random.IntN(100*24)-30*24) * time.Hour).Truncate(time.Second)
			a := store.Assessment{
				ID: fmt.Sprintf("%064x", i), State: assessmentStates[random.IntN(len(assessmentStates))],
				Vendor: "acme", Auditor: "quill", ValidUntil: end,
			}
			c := store.Certificate{Serial: fmt.Sprintf("%04x", i), Vendor: "acme", Tier: "standard", SPKISHA256: "00", Assessments: []string{a.ID}, NotAfter: end}
			if random.IntN(3) == 0 {
				c.Revocation = &store.Revocation{At: now}
			}
			p := store.ProbeState{Assessment: a.ID, Probe: "handbook"}
			if random.IntN(2) == 0 {
				p.FailingSince = now.Add(-time.Duration(i) * time.Hour)
			}
			for _, err := range []error{store.Assessments.Insert(tx, a), store.Certificates.Insert(tx, c), store.ProbeStates.Put(tx, p)} {
				if err != nil {
					return err
				}
			}
		}
		return store.Vendors.Insert(tx, store.Vendor{ID: "acme", URI: "https://acme.example"})
	})
	if err != nil {
		t.Fatal(err)
	}
	err = db.View(context.Background(), func(r store.Reader) error {
		got, err := s.count(r)
		if err != nil {
			return err
		}
		want, err := s.countSlowly(r)
		if err != nil {
			return err
		}
		if got.vendors != 1 || !maps.Equal(got.assessments, want.assessments) || !maps.Equal(got.expiring, want.expiring) ||
			!maps.Equal(got.certificates, want.certificates) || len(got.probes) != len(want.probes) {
			t.Errorf("got\n%+v\nwant\n%+v", got, want)
		}
		failing, err := failingProbes(r, got.probes)
		if err != nil || len(failing) == 0 || len(failing) > maxListed || len(got.probes) < len(failing) {
			t.Errorf("%d failing, %v", len(failing), err)
		}
		for i := 1; i < len(failing); i++ {
			if failing[i].Since.Before(failing[i-1].Since) {
				t.Errorf("failing probes are not in order")
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// countSlowly is count by reading every record.
func (s *Server) countSlowly(r store.Reader) (figures, error) {
	f := figures{assessments: map[string]int{}, expiring: map[int]int{}, certificates: map[string]int{}}
	now := s.Now()
	inForce := map[string]bool{}
	for a, err := range store.Assessments.All(r, "") {
		if err != nil {
			return f, err
		}
		f.assessments[s.assessmentState(a)]++
		inForce[a.ID] = s.assessmentState(a) == store.AssessmentInForce
		if a.State != store.AssessmentInForce && a.State != store.AssessmentInReview || !now.Before(a.ValidUntil) {
			continue
		}
		for _, days := range expiringDays {
			if audit.DaysLeft(a, now) <= days {
				f.expiring[days]++
			}
		}
	}
	for c, err := range store.Certificates.All(r, "") {
		if err != nil {
			return f, err
		}
		f.certificates[s.certificateState(c)]++
	}
	for p, err := range store.ProbeStates.All(r, "") {
		if err != nil {
			return f, err
		}
		if !p.FailingSince.IsZero() && inForce[p.Assessment] {
			f.probes = append(f.probes, p)
		}
	}
	return f, nil
}
