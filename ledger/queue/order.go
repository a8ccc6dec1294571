package queue

import (
	"fmt"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/store"
)

const (
	// idTime is the time in a key that store.NewID makes; a dash and random digits in
	// lower-case hex follow.
	idTime = "20060102T150405.000000000Z"
	// behindAll sorts behind those digits.
	behindAll = "-~"
)

// nextID returns a key behind those of all entries that wait. Most often that is a key
// of the time at. When the clock was set back, or something has the same time, it is one
// of a nanosecond after the last.
func nextID(r store.Reader, at time.Time) (string, error) {
	id := store.NewID(at)
	last, isOne, err := waitingAfter(r, id)
	if err != nil || !isOne {
		return id, err
	}
	// Some wait behind. A store reads forwards only, and there may be thousands: look for
	// the last in steps that double, and then halve.
	end := last
	for step := time.Nanosecond; ; step *= 2 {
		end = last.Add(step)
		next, isOne, err := waitingAfter(r, end.Format(idTime)+behindAll)
		if err != nil {
			return "", err
		}
		if !isOne {
			break
		}
		last = next
	}
	for last.Before(end) {
		middle := last.Add(end.Sub(last) / 2)
		next, isOne, err := waitingAfter(r, middle.Format(idTime)+behindAll)
		if err != nil {
			return "", err
		}
		if isOne {
			last = next
		} else {
			end = middle
		}
	}
	return store.NewID(last.Add(time.Nanosecond)), nil
}

// waitingAfter returns the time in the first key behind one, of the entries that wait.
func waitingAfter(r store.Reader, key string) (t time.Time, isOne bool, err error) {
	for rec, err := range store.LedgerEntries.ByAfter(r, "state", store.LedgerPending, key) {
		if err != nil {
			return t, false, err
		}
		text, _, _ := strings.Cut(rec.ID, "-")
		if t, err = time.Parse(idTime, text); err != nil {
			return t, false, fmt.Errorf("key of a log entry on record: %w", err)
		}
		return t, true, nil
	}
	return t, false, nil
}
