package verify

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/ext"
)

// How an assessment ended before its time. They are the states that package audit
// gives it, so that a status bundle says what the CA's register says.
const (
	// Withdrawn: it should not be relied on, from Effective on.
	Withdrawn = "withdrawn"
	// Lowered: another took its place that found less. A claim that the other one
	// still supports stands.
	Lowered = "lowered"
	// Superseded: another took its place that found as much or more. What relies on
	// the old one stands.
	Superseded = "superseded"
)

// Transition says that an assessment ended before its time. A status bundle has them
// sorted by Assessment, none twice: the earliest effect counts.
type Transition struct {
	// Assessment is the SHA-256 of the signed payload, as the mark names it.
	Assessment [32]byte
	// To is Withdrawn, Lowered or Superseded. A word of a later release ends the
	// assessment like Withdrawn: not knowing why is no reason to go on believing.
	To string
	// Effective is since when. For a withdrawal it may lie before the day it was decided.
	Effective time.Time
	// Level is what the assessment found that took the place of a Lowered one; claims
	// up to it stand. 0: none do.
	Level int
}

// Assessments says at which moment the assessments behind a certificate's claims must
// be in force.
type Assessments string

const (
	// WhenSigned: at the trusted time of the signature; the value "when-signed".
	WhenSigned Assessments = "when-signed"
	// InForceToday: then, and still on the day of the judgement, by a status bundle that
	// is at hand and not too old; the value "in-force-today". An assessment that another
	// took the place of is not in force: the vendor signs anew under the new one.
	InForceToday Assessments = "in-force-today"
)

// checkTransitions holds for a status however it was made: looking up relies on it.
func checkTransitions(list []Transition) error {
	for i, t := range list {
		switch {
		case t.Effective.IsZero():
			return fmt.Errorf("assessments, item %d: no effective time", i)
		case t.To == "":
			return fmt.Errorf("assessments, item %d: does not say what became of it", i)
		case t.Level < 0:
			return fmt.Errorf("assessments, item %d: level %d", i, t.Level)
		case i > 0 && bytes.Compare(list[i-1].Assessment[:], t.Assessment[:]) >= 0:
			return errors.New("assessments: not sorted, or one appears twice")
		}
	}
	return nil
}

// transitionOf finds what became of an assessment.
func (v *Verifier) transitionOf(assessment [32]byte) (Transition, bool) {
	i, found := slices.BinarySearchFunc(v.status.Assessments, assessment, func(t Transition, a [32]byte) int {
		return bytes.Compare(t.Assessment[:], a[:])
	})
	if !found {
		return Transition{}, false
	}
	return v.status.Assessments[i], true
}

// ends reports whether a claim is worth nothing from the transition on.
func (t Transition) ends(c ext.Claim) bool {
	switch t.To {
	case Superseded:
		return false
	case Lowered:
		return c.Level > t.Level
	}
	return true
}

func (t Transition) String() string {
	to := t.To
	if t.To == Lowered && t.Level > 0 {
		to = fmt.Sprintf("%s to level %d", t.To, t.Level)
	}
	return fmt.Sprintf("%s, effective %s", to, t.Effective.UTC().Format(time.RFC3339))
}

// checkAssessments demands that the assessment behind every claim was in force at the
// trusted time and, where the policy says so, is in force today. That the mark's own
// dates hold at the trusted time was checked before.
func (v *inquiry) checkAssessments(verdict *Verdict, claims []ext.Claim, trusted time.Time) {
	today := v.policy.Assessments == InForceToday
	if today {
		verdict.refuse(v.knowsAssessments())
	}
	for _, c := range claims {
		if today && !v.asOf.Before(c.Assessment.ValidUntil) {
			verdict.refuse(because(AssessmentExpired, "%s track %s: in force until %s, the policy wants it in force on %s",
				c.Framework, c.Track, day(c.Assessment.ValidUntil), day(v.asOf)))
		}
		t, found := v.transitionOf(c.Assessment.Payload)
		switch {
		case !found || t.Effective.After(v.asOf):
		case !trusted.Before(t.Effective) && t.ends(c):
			verdict.refuse(because(AssessmentWithdrawn, "%s track %s: %s; trusted time of the signature %s",
				c.Framework, c.Track, t, trusted.UTC().Format(time.RFC3339)))
		case today:
			verdict.refuse(because(AssessmentWithdrawn, "%s track %s: %s; the policy wants it in force today", c.Framework, c.Track, t))
		default:
			verdict.note(NoteAssessmentEnded, "%s track %s: %s", c.Framework, c.Track, t)
		}
	}
}

// knowsAssessments demands a status bundle from which the absence of a transition can
// be concluded.
func (v *inquiry) knowsAssessments() error {
	issued := v.status.IssuedAt
	switch age := v.clock.Sub(issued); {
	case issued.IsZero():
		return because(AssessmentUnknown, "no status bundle says what became of the assessments")
	case age < -clockSkew:
		return because(ClockBehind, "the status bundle is of %s, this machine's clock says %s", issued.UTC().Format(time.RFC3339), v.clock.UTC().Format(time.RFC3339))
	case v.status.over(v.clock) != nil:
		return because(AssessmentUnknown, "the status bundle ended on %s", v.status.NextUpdate.UTC().Format(time.RFC3339))
	case v.policy.MaxStatusAge > 0 && age > v.policy.MaxStatusAge:
		return because(AssessmentUnknown, "the status bundle is %s old, the policy allows %s", age.Round(time.Minute), v.policy.MaxStatusAge)
	}
	return nil
}
