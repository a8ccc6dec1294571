package main

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/hallmark-pki/hallmark/distribution"
	"github.com/hallmark-pki/hallmark/durable"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
)

// maxRootFile bounds the file of a root; ours have 2 KiB.
const maxRootFile = 64 << 10

// rootCommands put the update repository's root into other hands, or under other keys.
func (e *env) rootCommands() *cli.Command {
	return group("root", "put the update repository's root under other keys: next, sign, import",
		command(cli.Command{
			Name: "next", Usage: "write the root that follows the newest one, not signed yet",
			Flags: []cli.Flag{
				&cli.StringSliceFlag{Name: "key", Usage: "public key that may sign roots from now on, PEM, P-256 (repeatable)"},
				&cli.StringSliceFlag{Name: "targets", Usage: "public key that may sign the list of what is distributed (repeatable; default: as before)"},
				&cli.StringSliceFlag{Name: "online", Usage: "public key that may sign what changes daily: the status key, and its successor beside it (repeatable; default: as before)"},
				&cli.IntFlag{Name: "threshold", Value: 1, Usage: "how many of them have to"},
				&cli.StringFlag{Name: "out", Usage: "write here"}},
			Description: `From then on the server's own key signs no roots, unless it is named. It goes on
signing the list of what is distributed; a new root can take that from it.

EXAMPLE: hallmark attest keygen operator-a                # on a machine that is offline
         hallmark trust root next --key operator-a.pub --key operator-b.pub --key operator-c.pub --threshold 2 --out root.json
         hallmark trust root sign --key operator-a.key root.json
         hallmark trust root sign --key operator-b.key root.json
         hallmark trust root import root.json             # the server adds the old root's signature`,
		}, 0, 0, e.rootNext),
		command(cli.Command{
			Name: "sign", Usage: "add a signature to a root; needs no server", ArgsUsage: "FILE",
			Flags: []cli.Flag{&cli.StringFlag{Name: "key", Usage: "private key: " + keyForms},
				&cli.StringFlag{Name: "old", Usage: "the root before, for a key that the new one does not list any more"}},
			Description: "EXAMPLE: hallmark trust root sign --key operator-a.key root.json",
		}, 1, 1, e.rootSign),
		command(cli.Command{
			Name: "import", Usage: "have the server publish a root that enough have signed", ArgsUsage: "FILE",
			Description: "EXAMPLE: hallmark trust root import root.json",
		}, 1, 1, e.rootImport),
	)
}

func (e *env) rootNext(c *cli.Context) error {
	if err := need(c, "key", "out"); err != nil {
		return err
	}
	powers := distribution.Powers{Threshold: c.Int("threshold")}
	for flag, to := range map[string]*[]crypto.PublicKey{"key": &powers.Root, "targets": &powers.Targets, "online": &powers.Online} {
		if c.StringSlice(flag) == nil {
			continue
		}
		keys, err := e.readPublicKeys(c.StringSlice(flag))
		if err != nil {
			return err
		}
		*to = keys
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	raw, err := distribution.NextRoot(ownRepository{client}.published(c.Context), powers, time.Now())
	if err != nil {
		return err
	}
	if err := writeNew(c.String("out"), raw); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "wrote %s: %d of its %d keys have to sign it\n", c.String("out"), powers.Threshold, len(powers.Root))
	return err
}

// published reads the repository the way package distribution does.
func (o ownRepository) published(ctx context.Context) distribution.Reader {
	return func(name string) ([]byte, error) {
		raw, err := o.Get(ctx, name, maxRootFile)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return raw, err
	}
}

func (e *env) rootSign(c *cli.Context) error {
	if err := need(c, "key"); err != nil {
		return err
	}
	raw, err := e.readBounded(c.Args().First(), maxRootFile)
	if err != nil {
		return err
	}
	var old []byte
	if path := c.String("old"); path != "" {
		if old, err = e.readBounded(path, maxRootFile); err != nil {
			return err
		}
	}
	signer, err := e.readKey(c, c.String("key"))
	if err != nil {
		return err
	}
	signed, err := distribution.Sign(c.Context, raw, old, signer)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(c.Args().First(), signed, 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprintln(e.stdout, "signed", c.Args().First())
	return err
}

func (e *env) rootImport(c *cli.Context) error {
	raw, err := os.ReadFile(c.Args().First())
	if err != nil {
		return err
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var state api.UpdateRepository
	if err := client.Post(c.Context, "/v1/trust/root", api.NewRepositoryRoot{Metadata: raw}, &state); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "root %d, sha256 %s: publish this fingerprint\n", state.RootVersion, state.Fingerprint)
	return err
}
