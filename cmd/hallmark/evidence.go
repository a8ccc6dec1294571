package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/audit/interchange"
	"github.com/urfave/cli/v2"
)

func (e *env) evidenceCommand() *cli.Command {
	return group("evidence", "evidence: take in what others have signed, list and fetch what was handed in",
		command(cli.Command{
			Name: "import", Usage: "verify a signed statement and add it to a finding's evidence", ArgsUsage: "FILE",
			Flags: []cli.Flag{frameworksFlag,
				&cli.StringFlag{Name: "draft", Usage: "the draft to add it to"},
				&cli.StringFlag{Name: "requirement", Usage: "the requirement that it may prove"},
				&cli.StringFlag{Name: "key", Usage: "public key, PEM, of whoever signed it"}},
			Description: `Takes a SLSA verification summary (VSA), any other in-toto statement, or a signed
questionnaire: a DSSE envelope. It becomes evidence, never a finding: whether the
requirement is met stays for you to say. FILE lies in the draft's folder or below.
Needs no server.

EXAMPLE: hallmark audit evidence import --draft acme-slsa-v0.1.yaml --requirement build.hermetic --key builder.pub evidence/build.vsa.json`,
		}, 1, 1, e.evidenceImport),
		e.evidenceListCommand(),
		e.evidenceGetCommand(),
	)
}

func (e *env) evidenceImport(c *cli.Context) error {
	if err := need(c, "draft", "requirement", "key"); err != nil {
		return err
	}
	catalogue, err := readCatalogue(c.String("frameworks"))
	if err != nil {
		return err
	}
	name, draft := c.Args().First(), c.String("draft")
	file, err := below(filepath.Dir(draft), name)
	if err != nil {
		return err
	}
	keys, err := e.readPublicKeys([]string{c.String("key")})
	if err != nil {
		return err
	}
	raw, err := e.readBounded(name, maxEnvelopeFileBytes)
	if err != nil {
		return err
	}
	found, s, err := interchange.Import(raw, keys[0])
	if err != nil {
		return withHint(fmt.Errorf("%s: %w", name, err), "nothing was added; it must be a DSSE envelope that verifies under the key given")
	}
	piece := audit.DraftEvidence{File: file, SHA256: found.Digest["sha256"], Name: found.Name, MediaType: found.MediaType}
	if err := audit.AddEvidence(draft, catalogue, c.String("requirement"), piece); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "verified %s: %s\n  signed by key %s\nadded to %s of %s; its status is for you to say\n",
		name, oneLine(found.Name), s.Signer, c.String("requirement"), draft)
	return err
}

// below names a file relative to a folder that it lies in, with slashes.
func below(folder, name string) (string, error) {
	base, err := filepath.Abs(folder)
	if err != nil {
		return "", err
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	rel, err := filepath.Rel(base, path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return "", withHint(fmt.Errorf("%s does not lie in the folder of the draft", name), "copy it there, or into a folder below: a draft names its evidence by file")
	}
	return filepath.ToSlash(rel), nil
}
