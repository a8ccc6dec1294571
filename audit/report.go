package audit

import (
	"crypto"
	"embed"
	"errors"
	"fmt"
	html "html/template"
	"io"
	"slices"
	"strings"
	text "text/template"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
)

// The templates lie here and not in package templates: that one holds what goes into
// certificates, these follow the fields of Report and change with them.
//
//go:embed report/*.tmpl
var reportTemplates embed.FS

// Report is an assessment, finished or not, as its readers want to see it: who
// assessed whom, what was reached, requirement by requirement, and what the next
// level takes. Its strings are as found in the document; Markdown and HTML escape
// them.
type Report struct {
	Standing  Standing
	SignerKey string // key id the signature verified under, "" unless StandingVerified

	Framework Framework
	Track     Track
	Vendor    Party
	Auditor   Party
	From      string // a day, or words where a draft names none
	Until     string
	Scope     Scope

	Level     int
	LevelID   string
	Rungs     []Rung // every level of the track, from 1
	NextLevel int    // 0 at the top
	Missing   []Gap  // what stands between the findings and NextLevel
	Problems  []Problem
}

// Standing says how far the content of a report can be relied on.
type Standing string

// The standings.
const (
	StandingDraft      Standing = "draft"      // nobody has signed it
	StandingUnverified Standing = "unverified" // signed, but the signature was not checked
	StandingVerified   Standing = "verified"   // every word stands under a signature that verifies
)

// Rung is one level and the requirements that begin to count there.
type Rung struct {
	Level   Level
	Reached bool
	Lines   []ReportLine
}

// Count says how many of the rung's requirements have that answer.
func (r Rung) Count(answer Answer) int {
	n := 0
	for _, l := range r.Lines {
		if l.Answer == answer {
			n++
		}
	}
	return n
}

// ReportLine is one requirement and what was found.
type ReportLine struct {
	Requirement Requirement
	Answer      Answer
	Findings    []Finding // one; more only in a draft with problems
}

// Answer is how a requirement stands, in a reader's words.
type Answer string

// The answers.
const (
	AnswerMet        Answer = "met"
	AnswerJustified  Answer = "justified"
	AnswerNotMet     Answer = "not met"
	AnswerUnanswered Answer = "unanswered"
)

// ReportDraft reports on a draft, which must have been through Resolve if it names
// files. What is wrong with it stands in the report; only a framework or track that is
// not known is an error.
func ReportDraft(d Draft, cat *Catalogue) (Report, error) {
	var p problems
	track, ok := d.checkFramework(&p, cat)
	if !ok {
		return Report{}, fmt.Errorf("report on draft: %w", refuseAll(p))
	}
	f, _ := cat.Lookup(d.Framework)
	a := d.convert(f, track, time.Time{}, time.Time{})
	r := newReport(a, f, track)
	r.Standing = StandingDraft
	r.From, r.Until = d.periodText()
	_, r.Problems = d.Check(cat)
	return r, nil
}

// ReportEnvelope reports on a signed assessment, a DSSE envelope. With a key the
// signature must verify under it, and the report is made of the bytes that did.
// Without one (nil) the report says that nothing was verified. An assessment that a
// CA would have refused when it was made, or one against a catalogue that cat does
// not hold, is a *Refusal.
func ReportEnvelope(envelope []byte, cat *Catalogue, key crypto.PublicKey) (Report, error) {
	statement, signer, err := openForReport(envelope, key)
	if err != nil {
		return Report{}, fmt.Errorf("report on assessment: %w", err)
	}
	a, err := readStatement(statement)
	if err != nil {
		return Report{}, fmt.Errorf("report on assessment: %w", err)
	}
	// The clock of its own day: an assessment that has run out can still be read.
	if p := a.Validate(cat, a.AssessedAt); len(p) > 0 {
		return Report{}, fmt.Errorf("report on assessment: %w", refuseAll(p))
	}
	f, _ := cat.Lookup(a.Framework.ID)
	track, _ := f.Track(a.Framework.Track)
	r := newReport(a, f, track)
	r.Standing, r.SignerKey = StandingUnverified, signer
	if signer != "" {
		r.Standing = StandingVerified
	}
	r.From, r.Until = a.AssessedAt.Format(time.DateOnly), a.ValidUntil.Format(time.DateOnly)
	return r, nil
}

// openForReport returns the statement in an envelope, and the id of the key that it
// verified under if there was one to try.
func openForReport(envelope []byte, key crypto.PublicKey) (attest.Statement, string, error) {
	unverified, err := attest.ParseEnvelope(envelope)
	if err != nil {
		return attest.Statement{}, "", refuse(CodeEnvelope, "envelope", "%v", err)
	}
	if n := len(unverified.KeyIDs); n != 1 {
		return attest.Statement{}, "", refuse(CodeSignatures, "envelope.signatures", "has %d signatures, want exactly one", n)
	}
	if key == nil {
		if unverified.PayloadType != attest.PayloadType {
			return attest.Statement{}, "", refuse(CodePayloadType, "envelope.payloadType", "is %q, want %q", clip(unverified.PayloadType), attest.PayloadType)
		}
		statement, err := attest.ParseStatement(unverified.Payload)
		return statement, "", err
	}
	opened, err := attest.Open(envelope, key)
	if attest.Is(err, attest.NotVerified) {
		return attest.Statement{}, "", refuse(CodeSignature, "envelope.signatures[0].sig", "does not verify under the key given").
			withHint("the key must be the one the auditor signed with")
	}
	if err != nil {
		return attest.Statement{}, "", err
	}
	if len(opened.Signers) != 1 {
		return attest.Statement{}, "", errors.New("envelope verified without a signer")
	}
	return opened.Statement, opened.Signers[0], nil
}

// newReport computes the picture. The level is computed too, never taken over.
func newReport(a Assessment, f Framework, track Track) Report {
	result := track.Compute(a.Findings)
	r := Report{Framework: f, Track: track, Vendor: a.Vendor, Auditor: a.Auditor, Scope: a.Scope, Level: result.Level, LevelID: result.LevelID}
	for _, level := range track.Levels {
		r.Rungs = append(r.Rungs, Rung{Level: level, Reached: level.Level <= result.Level, Lines: reportLines(track, level.Level, a.Findings)})
	}
	if result.Level < len(track.Levels) {
		r.NextLevel = result.Level + 1
		r.Missing = result.Missing[r.NextLevel]
	}
	return r
}

func reportLines(track Track, level int, findings []Finding) []ReportLine {
	var lines []ReportLine
	for _, r := range track.Requirements {
		if r.FromLevel != level {
			continue
		}
		line := ReportLine{Requirement: r}
		for _, f := range findings {
			if f.Requirement == r.ID {
				line.Findings = append(line.Findings, f)
			}
		}
		line.Answer = answerOf(r, line.Findings)
		lines = append(lines, line)
	}
	return lines
}

// answerOf sums up the findings of one requirement. Unlike Requirement.gap it has an
// answer for recommended ones too, which never block a level.
func answerOf(r Requirement, findings []Finding) Answer {
	if len(findings) == 0 {
		return AnswerUnanswered
	}
	answer := AnswerMet
	for _, f := range findings {
		switch {
		case f.Status == Met:
		case f.Status == Justified && r.Obligation == UnlessJustified:
			answer = AnswerJustified
		default:
			return AnswerNotMet
		}
	}
	return answer
}

// periodText gives the dates of a draft as they stand there.
func (d Draft) periodText() (from, until string) {
	from, until = d.AssessedAt, d.ValidUntil
	if from == "" {
		from = "the day it is signed"
	}
	if until == "" && d.ValidDays != 0 {
		until = fmt.Sprintf("%d days later", d.ValidDays)
	}
	if until == "" {
		until = "no end is given"
	}
	return from, until
}

// Markdown writes the report as CommonMark with GitHub's tables.
func (r Report) Markdown(w io.Writer) error {
	t, err := text.New("markdown.tmpl").Funcs(text.FuncMap{
		"md": markdownText, "link": markdownLink, "digest": digestText, "gap": gapText, "answers": reportAnswers, "obligation": obligationText,
	}).ParseFS(reportTemplates, "report/markdown.tmpl")
	if err != nil {
		return fmt.Errorf("report in Markdown: %w", err)
	}
	return t.Execute(w, r)
}

// HTML writes the report as one page without scripts, styles inside, that loads
// nothing from elsewhere.
func (r Report) HTML(w io.Writer) error {
	t, err := html.New("html.tmpl").Funcs(html.FuncMap{
		"plain": plainText, "isLink": isLink, "digest": digestText, "gap": gapText, "answers": reportAnswers, "obligation": obligationText,
	}).ParseFS(reportTemplates, "report/html.tmpl")
	if err != nil {
		return fmt.Errorf("report in HTML: %w", err)
	}
	return t.Execute(w, r)
}

func reportAnswers() []Answer {
	return []Answer{AnswerMet, AnswerJustified, AnswerNotMet, AnswerUnanswered}
}

func gapText(g Gap) string {
	switch g.Reason {
	case GapNotJustifiable:
		return "justified, which the framework does not take here"
	case GapNotMet:
		return "not met"
	}
	return string(g.Reason)
}

// digestText is "sha256 0f…", in a fixed order when there are several.
func digestText(digests map[string]string) string {
	var parts []string
	for algorithm, value := range digests {
		parts = append(parts, algorithm+" "+value)
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}
