package confirm

import (
	"time"

	"github.com/hallmark-pki/hallmark/store"
)

// Figures are the numbers of provisional signatures.
type Figures struct {
	Open    int // not settled yet, held ones included
	Held    int
	Overdue int // of the open ones, those whose deadline has passed
	Revoked int // without a human, ever
}

// Count takes the figures from indexes; of open ones that are due it reads the records.
func Count(r store.Reader, now time.Time) (f Figures, err error) {
	provisional, err := store.Signatures.Count(r, "state", store.SignatureProvisional)
	if err != nil {
		return f, err
	}
	if f.Held, err = store.Signatures.Count(r, "state", store.SignatureHeld); err != nil {
		return f, err
	}
	f.Open = provisional + f.Held
	// A held one is due later than its deadline.
	for s, err := range store.Signatures.By(r, "state", store.SignatureHeld) {
		if err != nil {
			return f, err
		}
		if s.ConfirmBy.Before(now) && !s.Due().Before(now) {
			f.Overdue++
		}
	}
	for _, err := range store.Signatures.Entries(r, "due", "", store.TimeKey(now)) {
		if err != nil {
			return f, err
		}
		f.Overdue++
	}
	for _, err := range store.Incidents.Entries(r, "revoked", "", "") {
		if err != nil {
			return f, err
		}
		f.Revoked++
	}
	return f, nil
}
