package audit

import (
	"errors"
	"fmt"
	"strings"
)

// Code says why something was refused, for programs. The constants document when.
type Code string

// About the envelope and the statement in it.
const (
	CodeEnvelope    Code = "envelope"     // not a DSSE envelope, or too large
	CodePayloadType Code = "payload-type" // a signature over something other than an in-toto statement
	CodeSignatures  Code = "signatures"   // not exactly one signature
	CodeUnknownKey  Code = "unknown-key"  // signed with a key that no auditor has registered
	CodeKeyRevoked  Code = "key-revoked"  // the auditor's key has been revoked
	CodeSignature   Code = "signature"    // the signature does not verify
	CodeStatement   Code = "statement"    // wrong statement or predicate type, wrong subject
	CodeFormat      Code = "format"       // the predicate or draft cannot be read strictly
)

// About the assessment's content.
const (
	CodeMissing        Code = "missing"         // a required field is empty
	CodeValue          Code = "value"           // a field holds something it may not
	CodeFramework      Code = "framework"       // unknown framework or track, or not the one named
	CodeCatalogue      Code = "catalogue"       // catalogue digest unknown to this CA
	CodePeriod         Code = "period"          // periods inverted, too long, or over already
	CodeFuture         Code = "future"          // assessed in the future
	CodeScope          Code = "scope"           // scope empty, ambiguous or too wide
	CodeKey            Code = "key"             // a key in the scope is malformed or too weak
	CodeFinding        Code = "finding"         // unknown or duplicate requirement, bad status
	CodeEvidence       Code = "evidence"        // a finding lacks evidence or justification, or it is malformed
	CodeLevel          Code = "level"           // the level written differs from the level computed
	CodeNotCertifiable Code = "not-certifiable" // level 0, or a level without requirements of its own
	CodeIdentity       Code = "identity"        // a builder's certificate identity is malformed, or stands twice
	CodeProbe          Code = "probe"           // a probe is malformed, stands twice, or watches what is not met
	CodeSecondAuditor  Code = "second-auditor"  // the highest level of a track, and nobody else has looked
)

// About the parties and the state of the register.
const (
	CodeVendor        Code = "vendor"        // vendor unknown, suspended, or not the one registered under that URI
	CodeAuditor       Code = "auditor"       // the signer is not an active auditor, or not the one named
	CodeAccreditation Code = "accreditation" // no accreditation for the framework at the time
	CodeConflict      Code = "conflict"      // same organisation on two sides
	CodeOfficer       Code = "officer"       // not an active officer, or one who may not decide this
	CodeDuplicate     Code = "duplicate"     // this very payload has been submitted before
	CodeNotFound      Code = "not-found"     // no such assessment
	CodeState         Code = "state"         // the assessment's state does not allow this
	CodeStale         Code = "stale"         // a newer assessment of the same track is in force
)

// Problem is one thing wrong with an assessment or a draft.
type Problem struct {
	Code   Code   `json:"code"`
	Field  string `json:"field"`  // path in the document, e.g. findings[3].evidence
	Detail string `json:"detail"` // what is wrong, in lower case
	Hint   string `json:"hint,omitempty"`
}

// Error makes a Problem usable as an error.
func (p Problem) Error() string {
	if p.Field == "" {
		return p.Detail
	}
	return p.Field + ": " + p.Detail
}

// Refusal is the answer of the register to something it will not do. Nothing has
// been stored when it is returned. Problems holds everything that was found wrong
// with a document; the other fields repeat the first.
type Refusal struct {
	Code     Code      `json:"code"`
	Field    string    `json:"field,omitempty"`
	Detail   string    `json:"detail"`
	Hint     string    `json:"hint,omitempty"`
	Problems []Problem `json:"problems,omitempty"`
}

// Error gives the field and the detail of every problem.
func (r *Refusal) Error() string {
	if len(r.Problems) < 2 {
		return Problem{Code: r.Code, Field: r.Field, Detail: r.Detail}.Error()
	}
	lines := make([]string, len(r.Problems))
	for i, p := range r.Problems {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "; ")
}

// IsRefusal reports the code of the Refusal in err's chain, if there is one.
func IsRefusal(err error) (Code, bool) {
	var r *Refusal
	if !errors.As(err, &r) {
		return "", false
	}
	return r.Code, true
}

func refuse(code Code, field, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Field: field, Detail: fmt.Sprintf(format, args...)}
}

func (r *Refusal) withHint(hint string) *Refusal {
	r.Hint = hint
	return r
}

// refuseAll turns problems into a Refusal; there must be at least one.
func refuseAll(problems []Problem) *Refusal {
	p := problems[0]
	return &Refusal{Code: p.Code, Field: p.Field, Detail: p.Detail, Hint: p.Hint, Problems: problems}
}

// problems collects what is wrong with one document.
type problems []Problem

func (p *problems) add(code Code, field, format string, args ...any) {
	*p = append(*p, Problem{Code: code, Field: field, Detail: fmt.Sprintf(format, args...)})
}

func (p *problems) hint(text string) { (*p)[len(*p)-1].Hint = text }
