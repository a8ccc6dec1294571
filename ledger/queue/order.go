package queue

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/store"
)

// idTime is the time in a key that store.NewID makes; a dash and random digits follow.
const idTime = "20060102T150405.000000000Z"

// nextID returns a key behind those of all entries that wait. Most often that is a key
// of the time at. When the clock was set back, or something has the same time, it is one
// of a nanosecond after the last.
func nextID(r store.Reader, at time.Time) (string, error) {
	id := store.NewID(at)
	last, err := store.LedgerEntries.Last(r, "state", store.LedgerPending)
	if errors.Is(err, store.ErrNotFound) || err == nil && last < id {
		return id, nil
	}
	if err != nil {
		return "", err
	}
	text, _, _ := strings.Cut(last, "-")
	t, err := time.Parse(idTime, text)
	if err != nil {
		return "", fmt.Errorf("key of a log entry on record: %w", err)
	}
	return store.NewID(t.Add(time.Nanosecond)), nil
}
