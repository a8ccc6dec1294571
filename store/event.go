package store

import (
	"crypto/rand"
	"encoding/hex"
	"time"
)

// NewID returns a key that sorts by time: t to the nanosecond, then 64 random bits.
func NewID(t time.Time) string {
	var tail [8]byte
	rand.Read(tail[:]) // never fails (crypto/rand.Read documents it)
	return BeforeID(t) + "-" + hex.EncodeToString(tail[:])
}

// BeforeID returns a key that sorts before what NewID returns for t or later, and after
// all earlier ones.
func BeforeID(t time.Time) string { return t.UTC().Format("20060102T150405.000000000Z") }

// NewEvent returns a line for the audit trail. Made inside the function that Update
// runs it has another id in each run; the one that is committed stays.
func NewEvent(at time.Time, who, action, object string, detail map[string]string) Event {
	return Event{ID: NewID(at), At: at.UTC(), Who: who, Action: action, Object: object, Detail: detail}
}
