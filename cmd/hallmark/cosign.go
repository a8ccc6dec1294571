package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/keys"
	"github.com/urfave/cli/v2"
)

func (e *env) cosignCommand() *cli.Command {
	return command(cli.Command{
		Name: "cosign", Usage: "second auditors: sign an assessment that another auditor has signed", ArgsUsage: "ENVELOPE",
		Flags: []cli.Flag{frameworksFlag,
			&cli.StringFlag{Name: "auditor-key", Usage: "the first auditor's public key, PEM: verify the assessment under it before"},
			&cli.StringFlag{Name: "key", Usage: "key to sign with: " + keyForms + " (default: assessment.key of the home folder)"},
			&cli.StringFlag{Name: "out", Usage: "write the assessment with both signatures here"}},
		Description: `Shows what you are about to sign; 'hallmark audit report' shows all of it. The
highest level of a track takes two auditors of different organisations. Needs no
server.

EXAMPLE: hallmark audit cosign --auditor-key quill.pub --out acme.cosigned.json acme.assessment.json`,
	}, 1, 1, e.auditCosign)
}

func (e *env) auditCosign(c *cli.Context) error {
	if err := need(c, "out"); err != nil {
		return err
	}
	catalogue, err := readCatalogue(c.String("frameworks"))
	if err != nil {
		return err
	}
	envelope, err := e.readBounded(c.Args().First(), maxEnvelopeFileBytes)
	if err != nil {
		return err
	}
	envelope = bytes.TrimSpace(envelope)
	var files []string
	if file := c.String("auditor-key"); file != "" {
		files = []string{file}
	}
	first, err := e.readPublicKeys(files)
	if err != nil {
		return err
	}
	report, err := audit.ReportEnvelope(envelope, catalogue, first...)
	if err != nil {
		return err
	}
	for _, line := range summary(report) {
		fmt.Fprintln(e.stdout, line)
	}
	switch {
	case report.SecondAuditor == nil:
		return withHint(errors.New("the assessment names no second auditor"), "the first auditor names one in the draft, under second_auditor, and signs that")
	case !report.Cosigning:
		return errors.New("the assessment has a second signature already")
	}
	key, err := e.assessmentKey(c)
	if err != nil {
		return err
	}
	defer key.Close()
	both, err := attest.AddSignature(c.Context, envelope, key)
	if attest.Is(err, attest.AlreadySigned) {
		return withHint(err, "the second auditor signs with a key of their own")
	}
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.String("out"), append(both, '\n'), 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "signed as second auditor\nwrote %s\n", c.String("out"))
	return err
}

// summary is a report in a screenful: what to look at before signing.
func summary(r audit.Report) []string {
	standing := "NOT VERIFIED: name the first auditor's key with --auditor-key"
	if len(r.SignerKeys) > 0 {
		standing = "verified under key " + strings.Join(r.SignerKeys, " and ")
	}
	lines := []string{
		fmt.Sprintf("%s (%s), %s", oneLine(r.Vendor.Organization), r.Vendor.ID, r.Vendor.URI),
		fmt.Sprintf("  %s %s: level %d %s, from %s until %s", r.Framework.ID, r.Track.ID, r.Level, r.LevelID, r.From, r.Until),
		fmt.Sprintf("  assessed by %s (%s)", oneLine(r.Auditor.Organization), r.Auditor.ID),
	}
	if second := r.SecondAuditor; second != nil {
		lines = append(lines, fmt.Sprintf("  second auditor %s (%s)", oneLine(second.Organization), second.ID))
	}
	lines = append(lines, "  signature "+standing, "scope:")
	for _, p := range r.Scope.Products {
		lines = append(lines, "  product    "+oneLine(p.Name))
	}
	for _, s := range r.Scope.Sources {
		lines = append(lines, strings.TrimSuffix("  source     "+oneLine(s.URI)+" "+oneLine(strings.Join(s.Branches, ", ")), " "))
	}
	for _, b := range r.Scope.Builders {
		lines = append(lines, strings.TrimSuffix("  builder    "+oneLine(b.ID)+" "+oneLine(strings.Join(b.Properties, ", ")), " "))
	}
	for _, b := range r.Scope.Rebuilders {
		lines = append(lines, fmt.Sprintf("  rebuilder  %s, run by %s", oneLine(b.ID), oneLine(b.Operator)))
	}
	for _, a := range r.Scope.Attestors {
		lines = append(lines, fmt.Sprintf("  attestor   %s states %s", oneLine(a.ID), oneLine(strings.Join(a.Predicates, ", "))))
	}
	for _, c := range r.Scope.Committers {
		lines = append(lines, strings.TrimSuffix(fmt.Sprintf("  committer  %s, %d keys %s", oneLine(c.ID), len(c.Keys), oneLine(strings.Join(c.Sources, ", "))), " "))
	}
	for _, text := range r.Scope.Exclusions {
		lines = append(lines, "  excluded   "+oneLine(text))
	}
	return append(lines, answers(r)...)
}

// answers counts the findings, and names those that are not plainly met.
func answers(r audit.Report) []string {
	var counts, rest []string
	for _, answer := range []audit.Answer{audit.AnswerMet, audit.AnswerJustified, audit.AnswerNotMet, audit.AnswerUnanswered} {
		n := 0
		for _, rung := range r.Rungs {
			n += rung.Count(answer)
			for _, line := range rung.Lines {
				if line.Answer == answer && answer != audit.AnswerMet {
					rest = append(rest, fmt.Sprintf("  %-10s %s", answer, line.Requirement.ID))
				}
			}
		}
		counts = append(counts, fmt.Sprintf("%d %s", n, answer))
	}
	return append([]string{"findings: " + strings.Join(counts, ", ")}, rest...)
}

// oneLine is text of a document for the terminal.
func oneLine(s string) string { return printable(strings.Join(strings.Fields(s), " ")) }

// assessmentKey is the key that assessments are signed with: --key, or that of the
// home folder. The caller closes it.
func (e *env) assessmentKey(c *cli.Context) (keys.Key, error) {
	name := c.String("key")
	if name == "" {
		home, err := homeDir(c)
		if err != nil {
			return nil, err
		}
		name = filepath.Join(home, homeAssessKey)
	}
	key, err := e.readKey(c, name)
	if err != nil {
		return nil, withoutKey(c, err)
	}
	return key, nil
}
