package command

import (
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/child"
)

func (p program) evidenceCommand() *cli.Command {
	return &cli.Command{
		Name: "evidence", Usage: "write what a repository has about an artifact to stdout", ArgsUsage: "URL",
		Description: `What hallmark-verify runs where its policy says "attestations: fetch". The URL is the
repository of a certificate and the SHA-256 of the artifact before it was signed.
Whoever signed chose it, so it is followed with care: https alone, no address that is
not on the public internet, no redirect to another host, at most 4 MiB in 10 seconds.
What comes back is not judged.

Exit codes: 0 all of it is on stdout, 3 the server says that there is nothing, 1 it
could not be fetched, 64 wrong usage.

EXAMPLE: hallmark-fetch evidence https://ca.example.com/att/acme/sha256/9f86…`,
		OnUsageError: func(_ *cli.Context, err error, _ bool) error { return p.usage(err.Error()) },
		Action:       p.evidence,
	}
}

func (p program) evidence(c *cli.Context) error {
	if c.NArg() != 1 {
		return p.usage("evidence takes one URL")
	}
	body, err := p.fetcher.Fetch(c.Context, c.Args().First())
	switch {
	case errors.Is(err, verify.ErrNotFound):
		return exit(child.Absent)
	case err != nil:
		return err
	}
	// A part of it must not look like all of it: a write that fails is an exit code.
	if _, err := p.stdout.Write(body); err != nil {
		return err
	}
	return nil
}
