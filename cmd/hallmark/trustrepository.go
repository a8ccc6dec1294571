package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	"github.com/hallmark-pki/hallmark/outbound"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/verify/update"
	"github.com/urfave/cli/v2"
)

// repositoryCommands are about the update repository, from which installers' machines get
// trust and status bundles.
func (e *env) repositoryCommands() []*cli.Command {
	return []*cli.Command{
		command(cli.Command{
			Name: "fingerprint", Usage: "what installers compare before they trust this CA", Flags: []cli.Flag{jsonFlag},
			Description: `Prints the SHA-256 of the update repository's newest root. Publish it where your
readers know that it is you: 'hallmark-verify trust add' shows the same number.

EXAMPLE: hallmark trust fingerprint`,
		}, 0, 0, e.trustFingerprint),
		command(cli.Command{
			Name: "repository", Usage: "write the update repository to a folder: for a web server, a mirror, a USB stick",
			Flags: []cli.Flag{&cli.StringFlag{Name: "out", Usage: "folder; what is new is added, timestamp.json last"}, jsonFlag},
			Description: `The server serves the same files under /tuf/. A copy counts for three days: renew it
from a timer. It needs no protection but its own signatures.

EXAMPLE: hallmark trust repository --out /srv/www/tuf`,
		}, 0, 0, e.trustRepository),
		e.rootCommands(),
	}
}

func (e *env) trustFingerprint(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var state api.UpdateRepository
	if err := client.Get(c.Context, "/v1/trust/repository", &state); err != nil {
		return err
	}
	if c.Bool("json") {
		return e.printJSON(state)
	}
	_, err = fmt.Fprintf(e.stdout, "%s\nroot %d, sha256 %s\n", state.URL, state.RootVersion, state.Fingerprint)
	return err
}

func (e *env) trustRepository(c *cli.Context) error {
	if err := need(c, "out"); err != nil {
		return err
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	n, err := update.Mirror(c.Context, ownRepository{client}, nil, c.String("out"), time.Now())
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return e.printJSON(map[string]any{"folder": c.String("out"), "files": n})
	}
	_, err = fmt.Fprintf(e.stdout, "wrote %d files to %s\n", n, c.String("out"))
	return err
}

// ownRepository is the update repository as the CA's own server has it.
type ownRepository struct{ client *api.Client }

func (o ownRepository) String() string { return o.client.URL() + "/tuf" }

func (o ownRepository) Get(ctx context.Context, name string, most int64) ([]byte, error) {
	var raw []byte
	err := o.client.Get(ctx, "/tuf/"+name, &raw)
	var p *api.Problem
	switch {
	case errors.As(err, &p) && p.Status == http.StatusNotFound:
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	case err != nil:
		return nil, err
	case int64(len(raw)) > most:
		return nil, fmt.Errorf("%s: %w", name, outbound.ErrTooLarge)
	}
	return raw, nil
}
