package main

import (
	"crypto/x509"
	"fmt"
	"slices"

	"github.com/hallmark-pki/hallmark/ca/lint"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/urfave/cli/v2"
)

func (e *env) certLintCommand() *cli.Command {
	return command(cli.Command{
		Name: "lint", Usage: "apply the rules that every certificate passes before it is signed", ArgsUsage: "FILE",
		Flags: []cli.Flag{jsonFlag, formatFlag,
			&cli.BoolFlag{Name: "all", Usage: "also what passed, is not applicable or not in force"},
			&cli.StringFlag{Name: "kind", Usage: "judge it as this (default: as its content suggests): root, tier, tier-twin, timestamping-ca, code-signing, tsa, ocsp-responder, other"},
			&cli.StringFlag{Name: "public-url", Usage: "what its addresses must begin with"},
			&cli.StringFlag{Name: "oid-arc", Usage: "OID arc of the marks (default: that of hallmark itself)"},
		},
		Description: `FILE is PEM: the certificate, then its issuing CA, as "cert show --out" writes it.
Without the issuing CA the rules that compare with it are not applicable. Needs no server.

Exit code 0: no findings. 1: findings.

EXAMPLE: hallmark cert lint --all acme.pem`,
	}, 1, 1, e.certLint)
}

// linted is what "cert lint --json" prints.
type linted struct {
	Kind    lint.Kind     `json:"kind"`
	Results []lint.Result `json:"results"`
}

func (e *env) certLint(c *cli.Context) error {
	path := c.Args().First()
	raw, err := e.readBounded(path, maxCertificateFile)
	if err != nil {
		return err
	}
	subject, err := lintSubject(c, raw)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	rules, err := lint.New()
	if err != nil {
		return err
	}
	all := rules.All(subject)
	findings := slices.DeleteFunc(slices.Clone(all), func(r lint.Result) bool { return r.Status < lint.Warning })
	shown := findings
	if c.Bool("all") {
		shown = all
	}
	t := table{header: []string{"status", "rule", "detail", "citation"}, records: linted{subject.Kind, shown}}
	for _, r := range shown {
		t.rows = append(t.rows, []string{r.Status.String(), r.Rule, r.Detail, r.Citation})
	}
	if err := e.printTable(c, t); err != nil {
		return err
	}
	fmt.Fprintf(e.stderr, "judged as %s: %d findings of %d rules\n", subject.Kind, len(findings), len(all))
	if len(findings) > 0 {
		return exitWith(exitRefused)
	}
	return nil
}

// lintSubject reads the first certificate of a file as rules see it, with the second as
// its issuer. The first need not be one that crypto/x509 can read.
func lintSubject(c *cli.Context, raw []byte) (*lint.Certificate, error) {
	ctx := lint.Context{Kind: lint.Kind(c.String("kind")), PublicURL: c.String("public-url"), Arc: ext.DefaultArc()}
	if ctx.Kind != "" && !slices.Contains(lint.Kinds(), ctx.Kind) {
		return nil, &usageError{text: fmt.Sprintf("there is no kind %q", ctx.Kind), hint: "'hallmark cert lint --help' lists the kinds"}
	}
	if text := c.String("oid-arc"); text != "" {
		var err error
		if ctx.Arc, err = ext.ParseArc(text); err != nil {
			return nil, err
		}
	}
	blocks := certificateBlocks(raw)
	if len(blocks) == 0 {
		return nil, fmt.Errorf("no certificate in it")
	}
	if len(blocks) > 1 {
		var err error
		if ctx.Issuer, err = x509.ParseCertificate(blocks[1]); err != nil {
			return nil, fmt.Errorf("issuing CA: %w", err)
		}
	}
	return lint.Read(blocks[0], ctx)
}
