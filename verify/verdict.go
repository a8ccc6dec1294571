package verify

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/format"
)

// Outcome is the answer about one file. Only Valid lets a file pass; the zero
// value is CouldNotTell.
type Outcome int

const (
	// CouldNotTell: nothing is known against the file, but not enough for it.
	CouldNotTell Outcome = iota
	// NotValid: something is known against the file, or the policy refuses it.
	NotValid
	// Valid: everything the policy asks for was checked and holds.
	Valid
)

// String returns "valid", "not valid" or "could not tell".
func (o Outcome) String() string {
	switch o {
	case Valid:
		return "valid"
	case NotValid:
		return "not valid"
	default:
		return "could not tell"
	}
}

// Verdict is the answer with its reasons. What it says about vendor, claims and
// times is set only from authenticated data.
type Verdict struct {
	File    string
	Outcome Outcome
	// Reasons is empty exactly when Outcome is Valid.
	Reasons []Reason
	// Notes never change the outcome.
	Notes []Reason

	Digest string      // SHA-256 of the file without a signature at its end in hex, "" if it was not read
	Signed string      // where something else is signed: algorithm, ":" and hex, as in-toto subjects name it
	Vendor string      // the vendor's URI, once the chain holds
	Claims []ext.Claim // once chain and mark hold
	// Repositories are the URLs below which the certificate says that evidence is, once
	// chain and mark hold. They are not in the JSON.
	Repositories []string
	SignedAt     time.Time // from a trusted timestamp; zero without one
	Serial       string    // of the signer's certificate in hex, once the chain holds
	Warn         bool      // the policy's mode is warn: report, but do not block
	// Signature is what was judged, as it stands in or beside a file; nil without one. It
	// is not in the JSON. Who keeps it can have it judged again with Verifier.Signature.
	Signature []byte
	// ConfirmBy is when a provisional signature will have been confirmed or revoked, once
	// the chain holds; zero: it is not a provisional one. Confirmed: a summary that
	// verifies every level was at hand.
	ConfirmBy time.Time
	Confirmed bool
	// Package is what a Debian package says about itself, read from the bytes whose digest
	// is Digest; zero if the policy names no package and Config.Packages is not set.
	Package format.Package
	Rule    int       // the policy's rule that applied, counted from 1; 0: none
	AsOf    time.Time // the moment that was asked for with Config.AsOf; zero: the present
}

// Has reports whether the code is among the reasons.
func (v Verdict) Has(c Code) bool {
	for _, r := range v.Reasons {
		if r.Code == c {
			return true
		}
	}
	return false
}

// refuse adds a reason. An error that is no Reason is the verifier's own failure.
func (v *Verdict) refuse(err error) {
	if err == nil {
		return
	}
	var r Reason
	if !errors.As(err, &r) {
		r = Reason{InternalError, err.Error()}
	}
	v.Reasons = append(v.Reasons, r)
}

func (v *Verdict) note(c Code, format string, args ...any) {
	v.Notes = append(v.Notes, Reason{c, fmt.Sprintf(format, args...)})
}

// conclude sets the outcome: the worst of the reasons, valid only without any.
func (v *Verdict) conclude() {
	v.Outcome = Valid
	for _, r := range v.Reasons {
		if o := r.Code.Outcome(); v.Outcome == Valid || o == NotValid {
			v.Outcome = o
		}
	}
}

// wireClaim is a claim as MarshalJSON writes it.
type wireClaim struct {
	Framework  string    `json:"framework"`
	Track      string    `json:"track"`
	Level      int       `json:"level"`
	LevelID    string    `json:"level_id"`
	Properties []string  `json:"properties,omitempty"`
	Assessment string    `json:"assessment"` // SHA-256 of the assessment's payload, hex
	AssessedAt time.Time `json:"assessed_at"`
	ValidUntil time.Time `json:"valid_until"`
}

// MarshalJSON writes the object of the --json output: file, verdict and reasons
// always; notes, digest ("sha256:" and hex), signed_digest (algorithm, ":" and hex), vendor, claims, signed_at (RFC 3339),
// serial (hex), mode, confirm_by (RFC 3339), confirmed, as_of (RFC 3339), package (name,
// version, architecture) and rule (counted from 1) where they are known.
func (v Verdict) MarshalJSON() ([]byte, error) {
	w := struct {
		File     string      `json:"file"`
		Digest   string      `json:"digest,omitempty"`
		Signed   string      `json:"signed_digest,omitempty"`
		Verdict  string      `json:"verdict"`
		Reasons  []Reason    `json:"reasons"`
		Notes    []Reason    `json:"notes,omitempty"`
		Vendor   string      `json:"vendor,omitempty"`
		Claims   []wireClaim `json:"claims,omitempty"`
		SignedAt *time.Time  `json:"signed_at,omitempty"`
		Serial   string      `json:"serial,omitempty"`
		Mode     string      `json:"mode,omitempty"`

		ConfirmBy time.Time `json:"confirm_by,omitzero"`
		Confirmed bool      `json:"confirmed,omitempty"`
		AsOf      time.Time `json:"as_of,omitzero"`

		Package format.Package `json:"package,omitzero"`
		Rule    int            `json:"rule,omitempty"`
	}{AsOf: v.AsOf, Package: v.Package, Rule: v.Rule, ConfirmBy: v.ConfirmBy, Confirmed: v.Confirmed, File: v.File, Verdict: v.Outcome.String(), Reasons: v.Reasons, Notes: v.Notes, Vendor: v.Vendor, Serial: v.Serial, Signed: v.Signed}
	if w.Reasons == nil {
		w.Reasons = []Reason{}
	}
	if v.Digest != "" {
		w.Digest = "sha256:" + v.Digest
	}
	if !v.SignedAt.IsZero() {
		w.SignedAt = &v.SignedAt
	}
	if v.Warn {
		w.Mode = string(Warn)
	}
	for _, c := range v.Claims {
		w.Claims = append(w.Claims, wireClaim{
			Framework: c.Framework, Track: c.Track, Level: c.Level, LevelID: c.LevelID, Properties: c.Properties,
			Assessment: hex.EncodeToString(c.Assessment.Payload[:]),
			AssessedAt: c.Assessment.AssessedAt, ValidUntil: c.Assessment.ValidUntil,
		})
	}
	return json.Marshal(w)
}
