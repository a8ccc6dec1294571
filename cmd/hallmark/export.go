package main

import (
	"fmt"
	"net/url"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
)

func (e *env) exportCommand() *cli.Command {
	return command(cli.Command{
		Name: "export", Usage: "an assessment in a form that others' tools read", ArgsUsage: "ASSESSMENT",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "format", Usage: "vsa, cyclonedx or envelope"},
			&cli.StringFlag{Name: "out", Usage: "write here (default: print)"}},
		Description: `vsa: a SLSA verification summary, signed by the CA; for SLSA v1 only, whose levels
such a summary can name. cyclonedx: a CycloneDX 1.6 document with the catalogue and
every finding. Both only while the assessment is in force. envelope: what the
auditors and the officer signed, as it is on record.

EXAMPLE: hallmark audit export --format cyclonedx --out acme.cdx.json 3f5a...`,
	}, 1, 1, e.auditExport)
}

func (e *env) auditExport(c *cli.Context) error {
	if err := need(c, "format"); err != nil {
		return err
	}
	format := c.String("format")
	if format != "vsa" && format != "cyclonedx" && format != "envelope" {
		return &usageError{text: fmt.Sprintf("unknown export format %q", format), hint: "vsa, cyclonedx or envelope"}
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	path := "/v1/assessments/" + url.PathEscape(c.Args().First())
	var raw []byte
	if format == "envelope" {
		var a api.Assessment
		if err := client.Get(c.Context, path, &a); err != nil {
			return err
		}
		raw = append(a.Envelope, '\n')
	} else if err := client.Get(c.Context, path+"/"+format, &raw); err != nil {
		return err
	}
	return e.writeOut(c, raw)
}
