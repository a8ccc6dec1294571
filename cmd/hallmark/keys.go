package main

import (
	"github.com/hallmark-pki/hallmark/keys"
	"github.com/urfave/cli/v2"
)

func (e *env) keysCommand() *cli.Command {
	return group("keys", "private keys in tokens and in the ssh-agent",
		command(cli.Command{
			Name: "list", Usage: "what there is to sign with, as --key takes it", ArgsUsage: "URI",
			Flags: []cli.Flag{jsonFlag, formatFlag},
			Description: `URI is "ssh-agent:" for the keys of the ssh-agent, or "pkcs11:?module-path=FILE" for
the tokens that a PKCS #11 module has; token=..., object=... and the like narrow that
down. Without pin-source=FILE nobody logs in, and a token shows the public halves of
its keys alone. docs/keys.md has the steps from an empty token to a signature.

EXAMPLE: hallmark keys list ssh-agent:
         hallmark keys list 'pkcs11:token=audits?module-path=/usr/lib/softhsm/libsofthsm2.so'`,
		}, 1, 1, e.keysList),
	)
}

func (e *env) keysList(c *cli.Context) error {
	listed, err := keys.List(c.Context, c.Args().First(), keys.Options{})
	if err != nil {
		return keyError(err)
	}
	t := table{header: []string{"kind", "comment or token", "key", "note"}, records: listed}
	for _, k := range listed {
		kind := k.Kind
		if kind == "" {
			kind = "-"
		}
		t.rows = append(t.rows, []string{keys.OneLine(kind), keys.OneLine(k.Comment), k.URI, keys.OneLine(k.Problem)})
	}
	return e.printTable(c, t)
}
