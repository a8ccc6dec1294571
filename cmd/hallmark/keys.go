package main

import (
	"crypto/x509"
	"encoding/pem"
	"strings"

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
		command(cli.Command{
			Name: "generate", Usage: "make a signing key that never leaves its token or service", ArgsUsage: "URI",
			Flags: []cli.Flag{jsonFlag, &cli.StringFlag{Name: "algorithm", Value: string(keys.P256), Usage: "P-256, P-384, RSA-3072 or RSA-4096"}},
			Description: `URI names the token, and by object=... (and id=..., else it is random) the key; nothing
there may have that name yet. The key is sensitive, not extractable, and signs only. Printed
are the URI that --key takes, and the public key. awskms:name=..., azurekms:name=...;vault=...,
cloudkms:projects/... and tpmkms:name=...;storage-directory=... work as well: docs/keys.md.

EXAMPLE: hallmark keys generate 'pkcs11:token=audits;object=assessment?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=audits.pin'
         hallmark keys generate --algorithm RSA-3072 'awskms:name=root;region=eu-central-1'`,
		}, 1, 1, e.keysGenerate),
	)
}

// generatedKey is the answer of keys generate.
type generatedKey struct {
	keys.Generated
	PublicKey string `json:"public_key"` // PEM
}

func (e *env) keysGenerate(c *cli.Context) error {
	made, err := keys.Generate(c.Context, c.Args().First(), e.keyOptions(c), keys.Algorithm(c.String("algorithm")))
	if err != nil {
		return keyError(err)
	}
	der, err := x509.MarshalPKIXPublicKey(made.Public)
	if err != nil {
		return err
	}
	public := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	return e.printDone(c, generatedKey{made, public}, "made a key: "+made.Kind, made.URI, strings.TrimSuffix(public, "\n"))
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
