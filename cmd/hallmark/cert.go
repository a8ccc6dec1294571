package main

import (
	"encoding/pem"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
)

// maxCSRBytes bounds a request file; the server has its own bound.
const maxCSRBytes = 64 << 10

func (e *env) certCommand() *cli.Command {
	return group("cert", "request, list, show, revoke code-signing certificates",
		command(cli.Command{
			Name: "request", Usage: "vendors: request a certificate",
			Flags: []cli.Flag{jsonFlag,
				&cli.StringSliceFlag{Name: "claim", Usage: "FRAMEWORK[/TRACK]=LEVEL to ask for (repeatable; default: all that assessments in force support)"},
				&cli.StringFlag{Name: "csr", Usage: "PKCS#10 file for a key of your own (default: the signing service makes and keeps the key)"},
				&cli.IntFlag{Name: "days", Usage: "validity (default: as long as the assessments allow, at most 460)"},
				&cli.StringFlag{Name: "out", Usage: "write certificate and issuing CA to this PEM file"},
			},
			Description: `Only claims that assessments in force support are granted. A key of your own signs
outside the per-build gate; such signatures carry no verification summary.

EXAMPLE: hallmark cert request --claim slsa-v0.1=3 --out acme.pem`,
		}, 0, 0, e.certRequest),
		e.certListCommand(),
		command(cli.Command{
			Name: "show", Usage: "one certificate", ArgsUsage: "SERIAL",
			Flags:       []cli.Flag{jsonFlag, formatFlag, &cli.StringFlag{Name: "out", Usage: "write it and its issuing CA to this PEM file"}},
			Description: "EXAMPLE: hallmark cert show --out acme.pem 5f0c...",
		}, 1, 1, e.certShow),
		e.certRevokeCommand(),
	)
}

// parseClaim reads FRAMEWORK[/TRACK]=LEVEL.
func parseClaim(text string) (api.Claim, error) {
	name, level, ok := strings.Cut(text, "=")
	framework, track, _ := strings.Cut(name, "/")
	n, err := strconv.Atoi(level)
	if !ok || err != nil || framework == "" || n < 1 {
		return api.Claim{}, &usageError{text: fmt.Sprintf("claim %q: want FRAMEWORK[/TRACK]=LEVEL", text), hint: "for example slsa-v0.1=3 or slsa-v1.2/build=2"}
	}
	return api.Claim{Framework: framework, Track: track, Level: n}, nil
}

func (e *env) certRequest(c *cli.Context) error {
	in := api.NewCertificate{ValidityDays: c.Int("days")}
	for _, text := range c.StringSlice("claim") {
		claim, err := parseClaim(text)
		if err != nil {
			return err
		}
		in.Claims = append(in.Claims, claim)
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	if path := c.String("csr"); path != "" {
		if in.CSR, err = e.readBounded(path, maxCSRBytes); err != nil {
			return err
		}
	}
	var cert api.Certificate
	if err := client.Post(c.Context, "/v1/certificates", in, &cert); err != nil {
		return err
	}
	if err := writeCertificate(c.String("out"), cert); err != nil {
		return err
	}
	return e.printDone(c, cert, fmt.Sprintf("issued %s", cert.Serial),
		"  claims  "+claimsText(cert.Claims), "  tier    "+cert.Tier, "  until   "+moment(cert.NotAfter), "  key     held by the "+cert.KeyHeldBy)
}

func writeCertificate(path string, cert api.Certificate) error {
	if path == "" {
		return nil
	}
	var out []byte
	for _, der := range append([][]byte{cert.DER}, cert.Chain...) {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return os.WriteFile(path, out, 0o644)
}

// parseSpan reads a duration that may be given in days.
func parseSpan(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err == nil && n > 0 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	} else if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return d, nil
	}
	return 0, &usageError{text: fmt.Sprintf("%q is not a time span", text), hint: "for example 30d or 12h"}
}

func (e *env) certShow(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var cert api.Certificate
	if err := client.Get(c.Context, "/v1/certificates/"+url.PathEscape(c.Args().First()), &cert); err != nil {
		return err
	}
	if err := writeCertificate(c.String("out"), cert); err != nil {
		return err
	}
	return e.printCertificates(c, cert, []api.Certificate{cert})
}

func (e *env) printCertificates(c *cli.Context, records any, certs []api.Certificate) error {
	t := certificateTable(certs)
	t.records = records
	return e.printTable(c, t)
}

func certificateTable(certs []api.Certificate) table {
	t := table{header: []string{"serial", "vendor", "tier", "claims", "state", "not_after", "key"}}
	for _, cert := range certs {
		state := cert.State
		if cert.Revocation != nil {
			state += " " + cert.Revocation.Reason
		}
		t.rows = append(t.rows, []string{cert.Serial, cert.Vendor, cert.Tier, claimsText(cert.Claims), state, moment(cert.NotAfter), cert.KeyHeldBy})
	}
	return t
}

func timeFlag(c *cli.Context, name string) (time.Time, error) {
	text := c.String(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, &usageError{text: fmt.Sprintf("--%s %q is not an RFC 3339 time", name, text), hint: "for example 2026-11-20T08:00:00Z"}
	}
	return t, nil
}

func (e *env) printPlan(c *cli.Context, plan api.Plan) error {
	verb := "revoked"
	if plan.DryRun {
		verb = "would revoke"
	}
	lines := []string{fmt.Sprintf("%s %d certificate(s)", verb, plan.Total)}
	for _, cert := range plan.Certificates {
		lines = append(lines, fmt.Sprintf("  %s  %s  %s  revocationDate %s  invalidityDate %s", cert.Serial, cert.Vendor, cert.Reason, moment(cert.RevocationDate), moment(cert.InvalidityDate)))
	}
	if more := plan.Total - len(plan.Certificates); more > 0 {
		lines = append(lines, fmt.Sprintf("  and %d more", more))
	}
	return e.printDone(c, plan, lines...)
}
