package doctor

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/store"
)

// ledger accounts for every entry of the log, and for every entry on record.
//
// An entry is accounted for by the record with its index and its bytes. One that is not
// is looked for by its bytes: a crash between the log and the store makes the same
// entry be logged again, or leaves it in the log with its record still waiting, or with
// an acceptance still under way.
func (e *examination) ledger(ctx context.Context) error {
	size, err := e.Log.Size(ctx)
	if err != nil {
		return err
	}
	strays, err := e.strays(ctx)
	if err != nil {
		return err
	}
	err = e.Store.View(ctx, func(r store.Reader) error {
		for rec, err := range store.LedgerEntries.All(r, "") {
			if err != nil {
				return err
			}
			e.accountFor(rec, size, strays)
		}
		return e.underWay(r, strays)
	})
	if err != nil {
		return err
	}
	e.backlog.tell(e)
	for _, s := range strays {
		for _, index := range s.indexes {
			e.problem(fmt.Sprintf("ledger entry %d", index), "nobody but this CA can write to its log: find out who did", "%s: nothing on record accounts for it", s.kind)
		}
	}
	return nil
}

// backlog is what waits to be logged: one note, since a crash under load leaves many.
type backlog struct {
	entries        int
	oldest, newest time.Time
}

func (b *backlog) add(at time.Time) {
	if b.entries == 0 || at.Before(b.oldest) {
		b.oldest = at
	}
	if at.After(b.newest) {
		b.newest = at
	}
	b.entries++
}

func (b *backlog) tell(e *examination) {
	if b.entries > 0 {
		e.note("ledger queue", "the server logs them at its start", "%d entries wait to be logged, the oldest since %s, the newest since %s",
			b.entries, b.oldest.UTC().Format(time.RFC3339), b.newest.UTC().Format(time.RFC3339))
	}
}

// stray is an entry that no record places where it is.
type stray struct {
	kind    string
	indexes []uint64
}

// strays reads the whole log beside the records, by index. It keeps only what it cannot
// account for, so that memory does not grow with the log.
func (e *examination) strays(ctx context.Context) (map[[sha256.Size]byte]*stray, error) {
	strays := map[[sha256.Size]byte]*stray{}
	tree := newGrown()
	err := e.Store.View(ctx, func(r store.Reader) error {
		for at, err := range e.Log.Entries(ctx, 0) {
			if err != nil {
				return err
			}
			raw, err := at.Entry.Marshal()
			if err != nil {
				return err
			}
			if err := tree.add(raw); err != nil {
				return err
			}
			placed, err := e.placedAt(r, at.Index, raw)
			if err != nil {
				return err
			}
			if !placed {
				sum := sha256.Sum256(raw)
				if strays[sum] == nil {
					strays[sum] = &stray{kind: at.Entry.Type}
				}
				strays[sum].indexes = append(strays[sum].indexes, at.Index)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return strays, e.root(ctx, tree)
}

// placedAt reports whether a record says that this entry is at this index. A record
// that says another is there is a problem of its own.
func (e *examination) placedAt(r store.Reader, index uint64, raw []byte) (bool, error) {
	placed := false
	for rec, err := range store.LedgerEntries.By(r, "index", store.IndexKey(index)) {
		if err != nil {
			return false, err
		}
		if bytes.Equal(rec.Entry, raw) {
			placed = true
			continue
		}
		e.problem("ledger entry of "+rec.About, "the store and the log are not of the same CA, or one was tampered with", "is on record at index %d, where the log has another", index)
	}
	return placed, nil
}

// accountFor explains strays by a record with the same bytes, and holds the record
// against the log's size.
func (e *examination) accountFor(rec store.LedgerEntry, size uint64, strays map[[sha256.Size]byte]*stray) {
	sum := sha256.Sum256(rec.Entry)
	s, found := strays[sum]
	about := "ledger entry of " + rec.About
	switch {
	case rec.LoggedAt.IsZero() && found:
		e.note(about, "the server logs it once more at its start, which is harmless", "is in the log at %d, and its record still waits: a crash came between", s.indexes[0])
	case rec.LoggedAt.IsZero():
		e.backlog.add(rec.At)
	case rec.Index >= size:
		e.problem(about, "the log is an older copy than the store: restore the newer one", "is on record at index %d, the log has %d entries", rec.Index, size)
	case found:
		e.note(about, "", "was logged at %d and again at %v: a crash came between the log and the store", rec.Index, s.indexes)
	}
	delete(strays, sum)
}

// underWay explains the entry of an acceptance that was logged and not finished.
func (e *examination) underWay(r store.Reader, strays map[[sha256.Size]byte]*stray) error {
	for rec, err := range store.Assessments.By(r, "state", store.AssessmentAccepting) {
		if err != nil {
			return err
		}
		vendor, err := store.Vendors.Get(r, rec.Vendor)
		if err != nil {
			return err
		}
		e.note("assessment "+rec.ID, "the server finishes it at its start", "%s has accepted it; a crash came before it was in force", rec.AcceptedBy)
		raw, err := audit.AcceptanceEntry(rec, vendor.URI).Marshal()
		if err != nil {
			return err
		}
		delete(strays, sha256.Sum256(raw))
	}
	return nil
}

// assessments demands of everything in force that it opens and has a receipt that
// verifies, for its own entry.
func (e *examination) assessments(ctx context.Context) error {
	return e.Store.View(ctx, func(r store.Reader) error {
		for rec, err := range store.Assessments.All(r, "") {
			if err != nil {
				return err
			}
			switch rec.State {
			case store.AssessmentSubmitted, store.AssessmentRejected, store.AssessmentAccepting:
				continue
			}
			about := "assessment " + rec.ID
			if _, err := audit.Open(r, rec); err != nil {
				e.problem(about, "nothing is issued on it; withdraw it and have the vendor assessed again", "%s, and does not open: %v", rec.State, err)
			}
			got, err := receipt.Verify(rec.Receipt, e.LogKey)
			if err != nil {
				e.problem(about, "", "%s, and its receipt does not verify: %v", rec.State, err)
				continue
			}
			if got.Index != rec.LogIndex || got.Entry.Assessment != rec.ID || got.Entry.Type != receipt.AssessmentAccepted {
				e.problem(about, "", "%s, and its receipt is for %s of %s at %d", rec.State, got.Entry.Type, got.Entry.Assessment, got.Index)
			}
			if err := e.wantEntry(r, about, rec.ID, receipt.AssessmentAccepted); err != nil {
				return err
			}
		}
		return nil
	})
}

// wantEntry demands an entry on record, of a type, about something.
func (e *examination) wantEntry(r store.Reader, about, id, kind string) error {
	for rec, err := range store.LedgerEntries.By(r, "about", id) {
		if err != nil {
			return err
		}
		if entry, err := receipt.ParseEntry(rec.Entry); err == nil && entry.Type == kind {
			return nil
		}
	}
	e.problem(about, "", "has no entry %s on record", kind)
	return nil
}
