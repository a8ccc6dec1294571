package server

import (
	"context"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

// TestRevocationIsNotDatedAhead: a certificate that was issued while the clock stood ahead
// begins tomorrow; a revocation of today, with a date that lies before it, counts from
// that date, in the preview as well.
func TestRevocationIsNotDatedAhead(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	s := &Server{Config: Config{Now: func() time.Time { return now }}}
	since := now.Add(-time.Hour)
	for name, c := range map[string]struct{ begins, want time.Time }{
		"long ago":           {now.AddDate(0, -1, 0), since},
		"after the date":     {now.Add(-time.Minute), now.Add(-time.Minute)},
		"by a clock ahead":   {now.Add(24 * time.Hour), since},
		"by one a bit ahead": {now.Add(time.Second), since},
	} {
		cert := store.Certificate{Serial: "00ff", NotBefore: c.begins}
		rev, err := s.newRevocation(context.Background(), cert, api.NewRevocation{Reason: "keyCompromise", InvalidityDate: since})
		if err != nil || !rev.RevocationDate.Equal(c.want) || !rev.InvalidityDate.Equal(c.want) {
			t.Errorf("%s: from %s, invalid from %s, %v", name, rev.RevocationDate, rev.InvalidityDate, err)
		}
		rev.RevocationDate, rev.InvalidityDate = since, since
		if p := plannedFor(cert, rev); !p.RevocationDate.Equal(c.want) || !p.InvalidityDate.Equal(c.want) {
			t.Errorf("%s: planned from %s, invalid from %s", name, p.RevocationDate, p.InvalidityDate)
		}
	}
}
