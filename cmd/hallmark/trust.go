package main

import (
	"fmt"
	"net/url"
	"os"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/verify"
	"github.com/urfave/cli/v2"
)

func (e *env) trustCommand() *cli.Command {
	out := &cli.StringFlag{Name: "out", Usage: "write to this file (default: print)"}
	return group("trust", "what verifiers need: trust bundle, status bundle, anchors",
		command(cli.Command{
			Name: "export", Usage: "trust bundle for hallmark-verify, or one tier's anchor for other tools",
			Flags: []cli.Flag{out,
				&cli.StringFlag{Name: "tier", Usage: "only the self-signed twin of this tier's CA, PEM: trusts it and no lower tier"}},
			Description: `EXAMPLE: hallmark trust export --out trust.json
         hallmark trust export --tier elevated --out elevated.pem`,
		}, 0, 0, func(c *cli.Context) error {
			if tier := c.String("tier"); tier != "" {
				return e.export(c, "/v1/trust/tiers/"+url.PathEscape(tier))
			}
			return e.exportBundle(c)
		}),
		command(cli.Command{
			Name: "status", Usage: "status bundle for hallmark-verify: the revocation lists", Flags: []cli.Flag{out},
			Description: "EXAMPLE: hallmark trust status --out status.json",
		}, 0, 0, func(c *cli.Context) error { return e.export(c, "/v1/trust/status") }),
	)
}

// exportBundle also says what to compare before the bundle is believed.
func (e *env) exportBundle(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var raw []byte
	if err := client.Get(c.Context, "/v1/trust", &raw); err != nil {
		return err
	}
	trust, err := verify.ParseTrust(raw)
	if err != nil {
		return err
	}
	if err := e.writeOut(c, raw); err != nil {
		return err
	}
	for _, root := range trust.Roots {
		fmt.Fprintf(e.stderr, "root %s\n  sha256 %s: compare it with what the CA's administrator tells you\n", root.Subject, ca.Fingerprint(root))
	}
	return nil
}

// export writes an answer byte for byte.
func (e *env) export(c *cli.Context, path string) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var raw []byte
	if err := client.Get(c.Context, path, &raw); err != nil {
		return err
	}
	return e.writeOut(c, raw)
}

// writeOut writes to the file that --out names, or prints.
func (e *env) writeOut(c *cli.Context, raw []byte) error {
	if out := c.String("out"); out != "" {
		if err := os.WriteFile(out, raw, 0o644); err != nil {
			return err
		}
		_, err := fmt.Fprintln(e.stdout, "wrote", out)
		return err
	}
	_, err := e.stdout.Write(raw)
	return err
}
