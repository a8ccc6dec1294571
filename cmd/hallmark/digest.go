package main

import (
	"fmt"

	"github.com/hallmark-pki/hallmark/format"
	"github.com/urfave/cli/v2"
)

func (e *env) digestCommand() *cli.Command {
	return command(cli.Command{
		Name: "digest", Usage: "print the digests of files as evidence must state them", ArgsUsage: "FILE...",
		Flags: []cli.Flag{jsonFlag, &cli.StringFlag{Name: "format", Usage: "take the file for one of " + kinds() + " (default: what its content is)"}},
		Description: `For Windows programs, installer packages, cabinets and Java archives what is signed
is not the file's SHA-256. Whoever builds or rebuilds them states both digests in one
in-toto subject; with --json this prints the subject's digest set. Asks no server.

EXAMPLE: hallmark digest --json hello.exe`,
	}, 1, -1, e.digest)
}

// digestOf is one file's digests.
type digestOf struct {
	File   string            `json:"file"`
	Format string            `json:"format"`
	Digest map[string]string `json:"digest"` // as in an in-toto subject: algorithm to lower-case hex
}

func (e *env) digest(c *cli.Context) error {
	var all []digestOf
	for _, path := range c.Args().Slice() {
		t, err := openToSign(c.String("format"), path, true)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, digestOf{path, string(t.format.Kind()), t.stated()})
	}
	if c.Bool("json") {
		return e.printJSON(all)
	}
	for _, one := range all {
		fmt.Fprintf(e.stdout, "%s (%s)\n", one.File, one.Format)
		for _, algorithm := range []string{format.SHA256, format.Authenticode, format.JARSignatureFile} {
			if value := one.Digest[algorithm]; value != "" {
				fmt.Fprintf(e.stdout, "  %-22s  %s\n", algorithm, value)
			}
		}
	}
	return nil
}
