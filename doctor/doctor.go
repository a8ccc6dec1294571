// Package doctor holds what a CA has on record against itself: do the store, the
// transparency log and the folder of evidence tell the same story, and if not, why?
//
// A crash may come between any two writes. What it can leave behind is known, and is a
// Note: an entry that was logged twice, an intent without a certificate, a file of
// evidence that no record names. Whatever is not explained is a Problem: an assessment
// in force without a receipt, an entry of the log that nothing on record accounts for,
// a certificate that was never logged or never announced. It reads and changes nothing.
package doctor

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/hallmark-pki/hallmark/ledger"
	"github.com/hallmark-pki/hallmark/store"
	"golang.org/x/mod/sumdb/note"
)

// Severity says whether somebody has to act.
type Severity string

// The severities.
const (
	Note    Severity = "note"    // explained; nothing to do, or the next start does it
	Warning Severity = "warning" // something ends soon, or rests on one person: somebody has to plan
	Problem Severity = "problem" // something that must not be
)

// Finding is one thing that was found.
type Finding struct {
	Severity Severity `json:"severity"`
	About    string   `json:"about"`  // which record, entry or file
	Detail   string   `json:"detail"` // what is wrong with it, or why it is as it is
	Hint     string   `json:"hint,omitempty"`
}

// Store is what the doctor needs of a store driver.
type Store interface {
	View(context.Context, func(store.Reader) error) error
}

// Log is the transparency log.
type Log interface {
	Entries(ctx context.Context, from uint64) iter.Seq2[ledger.Indexed, error]
	Size(context.Context) (uint64, error)
	Checkpoint(context.Context) ([]byte, error) // the newest, as signed
}

// Issuer knows intents that no certificate followed.
type Issuer interface {
	Leftovers(ctx context.Context, age time.Duration) ([]store.Intent, error)
}

// Files is the folder of evidence.
type Files interface {
	Has(sha256 string) (bool, error)
	All() iter.Seq2[string, error]
}

// Patient is a CA that is not serving.
type Patient struct {
	Store    Store
	Log      Log
	LogKey   note.Verifier
	CA       Issuer
	Evidence Files
	Clock    Clock            // nil: no time sources
	Now      func() time.Time // nil takes time.Now
	// Attestations is where outcomes of rebuilds lie; nil: they are not looked for.
	Attestations Attestations
	// Expiries are what ends one day: certificates, lists, metadata.
	Expiries []Expiry
}

// Examine looks at everything and reports each finding, in no promised order. An error
// means that the examination could not be finished.
func Examine(ctx context.Context, p Patient, report func(Finding)) error {
	e := &examination{Patient: p, report: report}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"store", e.store},
		{"ledger", e.ledger},
		{"assessments", e.assessments},
		{"certificates", e.certificates},
		{"intents", e.intents},
		{"evidence", e.evidence},
		{"rebuilds", e.rebuilds},
		{"officers", e.officers},
		{"clock", e.clock},
		{"expiries", e.expiries},
	} {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("examine %s: %w", step.what, err)
		}
	}
	return nil
}

type examination struct {
	Patient
	report  func(Finding)
	backlog backlog
}

func (e *examination) problem(about, hint, format string, args ...any) {
	e.report(Finding{Severity: Problem, About: about, Detail: fmt.Sprintf(format, args...), Hint: hint})
}

func (e *examination) note(about, hint, format string, args ...any) {
	e.report(Finding{Severity: Note, About: about, Detail: fmt.Sprintf(format, args...), Hint: hint})
}

func (e *examination) now() time.Time {
	if e.Now != nil {
		return e.Now()
	}
	return time.Now()
}

// store reads every record and every index.
func (e *examination) store(ctx context.Context) error {
	return e.Store.View(ctx, func(r store.Reader) error {
		if err := store.Check(r); err != nil {
			e.problem("store", "restore a backup, or ask for help with a copy of the file", "%v", err)
		}
		return nil
	})
}

// evidence compares the folder with the records.
func (e *examination) evidence(ctx context.Context) error {
	named := map[string]bool{}
	err := e.Store.View(ctx, func(r store.Reader) error {
		for rec, err := range store.EvidenceFiles.All(r, "") {
			if err != nil {
				return err
			}
			named[rec.SHA256] = true
			ok, err := e.Evidence.Has(rec.SHA256)
			if err != nil {
				return err
			}
			if !ok {
				e.problem("evidence "+rec.SHA256, "ask auditor "+rec.By+" to hand it in again", "of assessment %s is on record but not in the folder", rec.Assessment)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for sha256, err := range e.Evidence.All() {
		if err != nil {
			return err
		}
		if !named[sha256] {
			e.note("evidence "+sha256, "", "lies in the folder and no record names it: its upload was cut off before the record was made")
		}
	}
	return nil
}
