package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/urfave/cli/v2"
)

func (e *env) answerCommand() *cli.Command {
	return command(cli.Command{
		Name: "answer", Usage: "auditors: answer the open requirements of a draft, one by one", ArgsUsage: "DRAFT",
		Flags: []cli.Flag{frameworksFlag},
		Description: "Reads lines from the terminal or a pipe, writes the draft after every answer and ends with what 'audit check' says; " +
			"what is still wrong elsewhere in the draft is no failure. Quit at any time: what was answered is kept. " +
			"Evidence is the name of a shared piece, a file in the draft's folder or below, or an https URL. Needs no server.\n\n" +
			"EXAMPLE: hallmark audit answer acme-slsa-v0.1.yaml",
	}, 1, 1, e.auditAnswer)
}

// errLeave ends an interview: the auditor quits, or the input is over.
var errLeave = errors.New("leave")

// interview asks about the requirements of one draft.
type interview struct {
	lines   <-chan string
	out     io.Writer
	draft   string
	shared  []string // evidence that has a name in the draft or its visit
	cat     *audit.Catalogue
	written int
}

func (e *env) auditAnswer(c *cli.Context) error {
	name := c.Args().First()
	catalogue, err := readCatalogue(c.String("frameworks"))
	if err != nil {
		return err
	}
	draft, err := audit.ReadDraft(name)
	if err != nil {
		return err
	}
	open, err := draft.Unanswered(catalogue)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(c.Context)
	defer stop()
	v := &interview{lines: readLines(ctx, e.stdin), out: e.stdout, draft: name, shared: draft.SharedEvidence(), cat: catalogue}
	if len(v.shared) > 0 {
		fmt.Fprintf(v.out, "shared evidence, to be named as it is: %s\n", strings.Join(v.shared, ", "))
	}
	for i, r := range open {
		fmt.Fprintf(v.out, "\n[%d of %d] ", i+1, len(open))
		if err := v.requirement(r, draft.Finding(r.ID)); errors.Is(err, errLeave) {
			break
		} else if err != nil {
			return err
		}
	}
	fmt.Fprintf(v.out, "\nanswered %d of %d open requirements\n", v.written, len(open))
	if draft, err = audit.ReadDraft(name); err != nil {
		return err
	}
	return e.printChecked(c, []checked{checkDraft(name, draft, catalogue)})
}

// readLines reads lines in the background and ends with the input or with ctx, so that
// an interrupt is not kept waiting for the next line.
func readLines(ctx context.Context, in io.Reader) <-chan string {
	lines, out := make(chan string), make(chan string)
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(in); scanner.Scan(); {
			select {
			case lines <- scanner.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	go func() {
		defer close(out)
		for {
			select {
			case line, ok := <-lines:
				if !ok {
					return
				}
				select {
				case out <- line:
				case <-ctx.Done():
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// ask prints a question and returns the answer without the white space around it.
func (v *interview) ask(question string) (string, error) {
	fmt.Fprint(v.out, question+": ")
	line, ok := <-v.lines
	if !ok {
		fmt.Fprintln(v.out)
		return "", errLeave
	}
	return strings.TrimSpace(line), nil
}

// requirement asks until there is an answer that the draft takes, or none is wanted.
func (v *interview) requirement(r audit.Requirement, have audit.DraftFinding) error {
	kinds := make([]string, len(r.Evidence))
	for i, k := range r.Evidence {
		kinds[i] = string(k)
	}
	fmt.Fprintf(v.out, "%s (%s)\nfrom level %d, %s\n%s\nevidence could be: %s\n", r.Title, r.ID, r.FromLevel, r.Obligation, strings.TrimSpace(r.Summary), strings.Join(kinds, ", "))
	for {
		status, err := v.ask("status (met, not-met, justified, skip, quit)")
		if err != nil {
			return err
		}
		switch status {
		case "skip":
			return nil
		case "quit":
			return errLeave
		case string(audit.Met), string(audit.NotMet), string(audit.Justified):
		default:
			fmt.Fprintf(v.out, "  no: %q is none of these\n", status)
			continue
		}
		if status == string(audit.Justified) && r.Obligation != audit.UnlessJustified {
			fmt.Fprintf(v.out, "  no: %s takes no justification: it is %s\n", r.ID, r.Obligation)
			continue
		}
		finding := have
		finding.Status = audit.Status(status)
		if err := v.fill(&finding); err != nil {
			return err
		}
		if done, err := v.write(finding); done || err != nil {
			return err
		}
	}
}

// fill asks for the rest of an answer. An empty line keeps what the draft has.
func (v *interview) fill(f *audit.DraftFinding) error {
	f.Evidence = f.Evidence[:len(f.Evidence):len(f.Evidence)]
	for {
		line, err := v.ask("evidence, a file or an https URL (empty: no more)")
		if err != nil {
			return err
		}
		if line == "" {
			break
		}
		if slices.Contains(v.shared, line) {
			f.Evidence = append(f.Evidence, audit.DraftEvidence{Ref: line})
			continue
		}
		piece := audit.DraftEvidence{File: line}
		if strings.Contains(line, "://") {
			piece = audit.DraftEvidence{URI: line}
		}
		wrong, err := audit.CheckEvidence(filepath.Dir(v.draft), piece)
		if err != nil {
			return err
		}
		if len(wrong) > 0 {
			v.refuse(wrong)
			continue
		}
		f.Evidence = append(f.Evidence, piece)
	}
	question, text := "note", &f.Note
	if f.Status == audit.Justified {
		question, text = "justification", &f.Justification
	}
	line, err := v.ask(question)
	if err == nil && line != "" {
		*text = line
	}
	return err
}

// write puts an answer into the draft; false means that it was refused, and why has
// been printed.
func (v *interview) write(f audit.DraftFinding) (bool, error) {
	err := audit.WriteAnswer(v.draft, v.cat, f)
	var refused *audit.Refusal
	if errors.As(err, &refused) && len(refused.Problems) > 0 {
		v.refuse(refused.Problems)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	v.written++
	_, err = fmt.Fprintf(v.out, "  written: %s %s\n", f.Requirement, f.Status)
	return true, err
}

func (v *interview) refuse(problems []audit.Problem) {
	for _, p := range problems {
		fmt.Fprintf(v.out, "  no: %s\n", p.Detail)
		if p.Hint != "" {
			fmt.Fprintf(v.out, "      %s\n", p.Hint)
		}
	}
}
