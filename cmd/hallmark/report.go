package main

import (
	"bytes"
	"crypto"
	"fmt"
	"io"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/urfave/cli/v2"
)

// maxKeyBytes bounds a public key file; an RSA-16384 key in PEM is 2.9 KB.
const maxKeyBytes = 16 << 10

func (e *env) reportCommand() *cli.Command {
	return command(cli.Command{
		Name: "report", Usage: "a report to publish, of a draft or a signed assessment", ArgsUsage: "DRAFT|ENVELOPE",
		Flags: []cli.Flag{frameworksFlag,
			&cli.StringFlag{Name: "format", Value: "markdown", Usage: "markdown or html"},
			&cli.GenericFlag{Name: "key", Value: &texts{}, Usage: "an auditor's public key, PEM: verify the signed assessment under it (repeatable: under each)"},
			&cli.StringFlag{Name: "out", Usage: "write here (default: print)"}},
		Description: "Needs no server. Without --key the report of a signed assessment says that its signature was not verified.\n\n" +
			"EXAMPLE: hallmark audit report --format html --key quill.pub --out acme.html acme.assessment.json",
	}, 1, 1, e.auditReport)
}

func (e *env) auditReport(c *cli.Context) error {
	render, ok := map[string]func(audit.Report, io.Writer) error{"markdown": audit.Report.Markdown, "html": audit.Report.HTML}[c.String("format")]
	if !ok {
		return &usageError{text: fmt.Sprintf("unknown report format %q", c.String("format")), hint: "markdown or html"}
	}
	catalogue, err := readCatalogue(c.String("frameworks"))
	if err != nil {
		return err
	}
	report, err := e.readReport(c, catalogue)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := render(report, &out); err != nil {
		return err
	}
	return e.writeOut(c, out.Bytes())
}

// readReport takes a JSON object for an envelope and everything else for a draft.
func (e *env) readReport(c *cli.Context, catalogue *audit.Catalogue) (audit.Report, error) {
	name := c.Args().First()
	raw, err := e.readBounded(name, maxEnvelopeFileBytes)
	if err != nil {
		return audit.Report{}, err
	}
	if bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) {
		var files texts
		if named, ok := c.Generic("key").(*texts); ok {
			files = *named
		}
		keys, err := e.readPublicKeys(files)
		if err != nil {
			return audit.Report{}, err
		}
		return audit.ReportEnvelope(raw, catalogue, keys...)
	}
	if c.IsSet("key") {
		return audit.Report{}, &usageError{text: name + " is a draft: it has no signature to verify", hint: "leave --key out, or name what 'hallmark audit sign' wrote"}
	}
	draft, err := audit.ReadDraft(name)
	if err != nil {
		return audit.Report{}, err
	}
	return audit.ReportDraft(draft, catalogue)
}

func (e *env) readPublicKeys(files []string) ([]crypto.PublicKey, error) {
	var keys []crypto.PublicKey
	for _, file := range files {
		text, err := e.readBounded(file, maxKeyBytes)
		if err != nil {
			return nil, err
		}
		key, err := attest.ParsePublicKey(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}
