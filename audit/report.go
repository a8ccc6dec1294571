package audit

import (
	"crypto"
	"embed"
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
	Standing   Standing
	SignerKeys []string // key ids that signatures verified under, none unless StandingVerified
	Unchecked  int      // signatures that were not verified
	// Cosigning is true when a second auditor is named who has not signed yet.
	Cosigning bool

	Framework     Framework
	Track         Track
	Vendor        Party
	Auditor       Party
	SecondAuditor *Party // nil: nobody signs second
	From          string // a day, or words where a draft names none
	Until         string
	Scope         Scope
	Probes        []Probe

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
	StandingVerified   Standing = "verified"   // every word stands under a signature that verifies, by each key given
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

// ReportEnvelope reports on a signed assessment, a DSSE envelope: signed by an auditor,
// perhaps by a second one and by the officer who accepted it. With keys a signature
// must verify under each of them, and the report is made of the bytes that did. Without
// any the report says that nothing was verified. An assessment that a CA would have
// refused when it was made, or one against a catalogue that cat does not hold, is a
// *Refusal.
func ReportEnvelope(envelope []byte, cat *Catalogue, keys ...crypto.PublicKey) (Report, error) {
	statement, signers, signatures, err := openForReport(envelope, keys)
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
	r.Standing, r.SignerKeys, r.Unchecked = StandingUnverified, signers, signatures-len(signers)
	if len(signers) > 0 {
		r.Standing = StandingVerified
	}
	r.Cosigning = a.SecondAuditor != nil && signatures < 2
	r.From, r.Until = a.AssessedAt.Format(time.DateOnly), a.ValidUntil.Format(time.DateOnly)
	return r, nil
}

// maxReportSignatures are those of two auditors and an officer.
const maxReportSignatures = 3

// openForReport returns the statement in an envelope, the ids of the keys that it
// verified under, and how many signatures it has.
func openForReport(envelope []byte, keys []crypto.PublicKey) (attest.Statement, []string, int, error) {
	fail := func(err error) (attest.Statement, []string, int, error) { return attest.Statement{}, nil, 0, err }
	unverified, err := attest.ParseEnvelope(envelope)
	if err != nil {
		return fail(refuse(CodeEnvelope, "envelope", "%v", err))
	}
	n := len(unverified.KeyIDs)
	if n > maxReportSignatures {
		return fail(refuse(CodeSignatures, "envelope.signatures", "has %d signatures, at most %d: two auditors' and an officer's", n, maxReportSignatures))
	}
	for i, id := range unverified.KeyIDs {
		if slices.Contains(unverified.KeyIDs[:i], id) {
			return fail(refuse(CodeSignatures, fmt.Sprintf("envelope.signatures[%d]", i), "is by the same key as another: one key signs once"))
		}
	}
	if len(keys) == 0 {
		if unverified.PayloadType != attest.PayloadType {
			return fail(refuse(CodePayloadType, "envelope.payloadType", "is %q, want %q", clip(unverified.PayloadType), attest.PayloadType))
		}
		statement, err := attest.ParseStatement(unverified.Payload)
		if err != nil {
			return fail(refuse(CodeStatement, "envelope.payload", "%v", err))
		}
		return statement, nil, n, nil
	}
	opened, err := openUnderAll(envelope, keys)
	if err != nil {
		return fail(err)
	}
	return opened.Statement, opened.Signers, n, nil
}

// openUnderAll opens an envelope that every one of the keys must have signed.
func openUnderAll(envelope []byte, keys []crypto.PublicKey) (attest.Opened, error) {
	opened, err := attest.Open(envelope, keys...)
	if err != nil && !attest.Is(err, attest.NotVerified) {
		return attest.Opened{}, err
	}
	for _, key := range keys {
		id, keyErr := attest.KeyID(key)
		if keyErr != nil {
			return attest.Opened{}, keyErr
		}
		if err != nil || !slices.Contains(opened.Signers, id) {
			return attest.Opened{}, refuse(CodeSignature, "envelope.signatures", "does not verify under the key given, %s", id).
				withHint("the key must be one that an auditor signed with")
		}
	}
	return opened, nil
}

// newReport computes the picture. The level is computed too, never taken over.
func newReport(a Assessment, f Framework, track Track) Report {
	result := track.Compute(a.Findings)
	r := Report{
		Framework: f, Track: track, Level: result.Level, LevelID: result.LevelID,
		Vendor: a.Vendor, Auditor: a.Auditor, SecondAuditor: a.SecondAuditor, Scope: a.Scope, Probes: a.Probes,
	}
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
		"md": markdownText, "link": markdownLink, "digest": digestText, "gap": gapText, "answers": reportAnswers, "obligation": obligationText, "root": rootText,
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
		"plain": plainText, "isLink": isLink, "digest": digestText, "gap": gapText, "answers": reportAnswers, "obligation": obligationText, "root": rootText,
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

// rootText names the CA in a root certificate by its subject; "" when it is none.
func rootText(pem string) string {
	cert, _, err := parseRoot(pem)
	if err != nil {
		return ""
	}
	return cert.Subject.String()
}
