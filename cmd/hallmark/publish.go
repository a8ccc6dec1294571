package main

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"net/url"
	"slices"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
)

func (e *env) publishCommand() *cli.Command {
	return command(cli.Command{
		Name: "publish", Usage: "vendors: put an assessment where your certificates say that evidence is", ArgsUsage: "ASSESSMENT",
		Flags: []cli.Flag{jsonFlag, &cli.StringFlag{Name: "out", Usage: "write it here instead: one line for a repository of your own"}},
		Description: `Certificates name their assessment by its digest; whoever asks for a proof ('hallmark-verify
explain --proof --fetch') wants to read it. The signed document goes into your repository,
filed under the SHA-256 of your vendor URI, with the auditors' keys beside their signatures.
It names auditors, scope and findings, and cannot be taken back: whether to show that
is yours to decide.

EXAMPLE: hallmark audit publish 3f5a...`,
	}, 1, 1, e.auditPublish)
}

func (e *env) auditPublish(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var a api.Assessment
	if err := client.Get(c.Context, "/v1/assessments/"+url.PathEscape(c.Args().First()), &a); err != nil {
		return err
	}
	shown := []string{"in-force", "in-review", "superseded", "lowered", "expired"}
	if !slices.Contains(shown, a.State) {
		return withHint(fmt.Errorf("assessment %s is %s", a.ID, a.State), "no certificate rests on it; one in force, or that was, can be published")
	}
	var keys []crypto.PublicKey
	for _, der := range a.AuditorKeys {
		k, err := x509.ParsePKIXPublicKey(der)
		if err != nil {
			return fmt.Errorf("auditor's key: %w", err)
		}
		keys = append(keys, k)
	}
	envelope, err := attest.AddPublicKeys(a.Envelope, keys...)
	if err != nil {
		return fmt.Errorf("assessment %s: %w", a.ID, err)
	}
	if c.String("out") != "" {
		return e.writeOut(c, append(envelope, '\n'))
	}
	var filed api.StoredAttestations
	if err := client.Post(c.Context, "/v1/attestations", api.NewAttestations{Envelopes: [][]byte{envelope}}, &filed); err != nil {
		return err
	}
	lines := []string{"published assessment " + a.ID + " under"}
	for _, digest := range filed.SHA256 {
		lines = append(lines, "  sha256:"+digest)
	}
	return e.printDone(c, filed, lines...)
}
