package store

import "time"

// SignatureModeProvisional is the Mode of a Signature that was made before all evidence
// was there.
const SignatureModeProvisional = "provisional"

// States of a Signature; "" is final from the beginning.
const (
	SignatureProvisional = "provisional" // waits for evidence until ConfirmBy
	SignatureHeld        = "held"        // would be revoked, and waits for people until HeldUntil
	SignatureConfirmed   = "confirmed"
	SignatureRevoked     = "revoked" // its certificate is
)

// Open reports whether it is still to be seen what becomes of a signature.
func (s Signature) Open() bool { return s.State == SignatureProvisional || s.State == SignatureHeld }

// Due is when something must happen to an open signature if nothing confirms it.
func (s Signature) Due() time.Time {
	if s.State == SignatureHeld {
		return s.HeldUntil
	}
	return s.ConfirmBy
}

// States of an Incident.
const (
	IncidentAsked     = "asked"     // an officer wants the revocation held; another must agree. Nothing is held yet
	IncidentHeld      = "held"      // the revocation waits until HeldUntil
	IncidentReleased  = "released"  // an officer ended a hold: it goes on as if there had been none
	IncidentDryRun    = "dry-run"   // nothing was revoked, because the CA only tries out
	IncidentReported  = "reported"  // found after the signature was confirmed: people decide
	IncidentRevoked   = "revoked"   // the end
	IncidentConfirmed = "confirmed" // the end: the evidence came after all
)

// Causes of an Incident.
const (
	CauseContradiction = "contradiction" // a rebuilder of the audited scope could not repeat the build
	CauseDeadline      = "deadline"      // it was not confirmed in time
	CauseOfficer       = "officer"       // an officer stepped in before anything happened
)

// Incident is a provisional signature that was, or would have been, taken back: why, on
// which evidence, and who did what about it. Indexes: by vendor, by state, by when a
// revocation without a human happened ("revoked"), and those that no brake has held back
// likewise, all together and of each vendor ("storm").
type Incident struct {
	ID        string `json:"id"` // time-ordered
	State     string `json:"state"`
	Cause     string `json:"cause"`
	Signature string `json:"signature"` // Signature.ID
	Vendor    string `json:"vendor"`
	Product   string `json:"product"`
	Digest    string `json:"digest"`
	Serial    string `json:"serial"`

	OpenedAt time.Time         `json:"opened_at"`
	Verdicts []IncidentVerdict `json:"verdicts,omitempty"` // of the gate, those that are no pass
	Evidence []string          `json:"evidence,omitempty"` // SHA-256 of each envelope that a verdict names
	Steps    []IncidentStep    `json:"steps"`

	// A hold by officers: who asked, who agreed, until when at most.
	HoldAskedBy string    `json:"hold_asked_by,omitempty"`
	HoldAskedAt time.Time `json:"hold_asked_at,omitzero"`
	HoldFor     int64     `json:"hold_for,omitempty"` // seconds, as asked
	HoldReason  string    `json:"hold_reason,omitempty"`
	HeldBy      []string  `json:"held_by,omitempty"` // two Person.ID, or none: the storm brake
	HeldUntil   time.Time `json:"held_until,omitzero"`
	Braked      bool      `json:"braked,omitempty"` // the storm brake has held it, which it does once

	RevokedAt time.Time `json:"revoked_at,omitzero"`
	RevokedBy string    `json:"revoked_by,omitempty"` // Person.ID, or "" for nobody
	ClosedAt  time.Time `json:"closed_at,omitzero"`
}

// IncidentVerdict is what a rule of the gate said.
type IncidentVerdict struct {
	Rule       string `json:"rule"`
	Assessment string `json:"assessment,omitempty"`
	Outcome    string `json:"outcome"`
	Detail     string `json:"detail"`
	Evidence   string `json:"evidence,omitempty"`
}

// IncidentStep is one thing that happened, and who did it: a Person.ID, or "hallmark".
type IncidentStep struct {
	At     time.Time `json:"at"`
	Who    string    `json:"who"`
	Action string    `json:"action"`
	Note   string    `json:"note,omitempty"`
}

// Summary is a verification summary to be filed in the vendor's repository. It is written
// with what it tells of, and filed after that; it stays, since a staple is renewed with
// it. ID is time-ordered. Indexes: those not filed yet, by signature.
type Summary struct {
	ID        string    `json:"id"`
	Signature string    `json:"signature"` // Signature.ID
	Vendor    string    `json:"vendor"`
	Passed    bool      `json:"passed,omitempty"`
	Envelope  []byte    `json:"envelope"` // DSSE
	At        time.Time `json:"at"`
	FiledAt   time.Time `json:"filed_at,omitzero"`
}

// SummaryUnfiled is, in the index by state, a Summary that is not known to be filed.
const SummaryUnfiled = "unfiled"

// StormOfAll and StormOf begin the values of the index "storm": all revocations that
// happened by themselves and were not held back before, and those of one vendor. A time as
// TimeKey has it follows, when.
const StormOfAll = "all "

// StormOf is what StormOfAll is, of one vendor.
func StormOf(vendor string) string { return "of " + vendor + " " }

// storm is when the revocation happened without a human having had the time to look at it.
func (i Incident) storm() []string {
	if i.RevokedAt.IsZero() || i.RevokedBy != "" || i.Braked {
		return nil
	}
	at := TimeKey(i.RevokedAt)
	return []string{StormOfAll + at, StormOf(i.Vendor) + at}
}
