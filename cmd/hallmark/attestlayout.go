package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/sign/layout"
)

func (e *env) attestLayoutCommand() *cli.Command {
	return command(cli.Command{
		Name: "layout", Usage: "read an in-toto layout, or see whether links follow it", ArgsUsage: "LAYOUT [LINKS...]",
		Flags: []cli.Flag{jsonFlag, &cli.StringFlag{Name: "artifact", Usage: "with links: the `FILE` or SHA-256 that the last step made"}},
		Description: `Prints the digest by which an auditor names the layout in the scope (layouts), and who
may do which step. With --artifact and files of links (one DSSE envelope per line) it
judges as the gate will: exit code 1 and the reason when they do not follow it.

EXAMPLE: hallmark attest layout root.layout
         hallmark attest layout --artifact hello.tar.gz root.layout write-code.link package.link`,
	}, 1, -1, e.attestLayout)
}

// layoutSummary is what --json prints.
type layoutSummary struct {
	Digest  string              `json:"digest"`
	Expires time.Time           `json:"expires"`
	Steps   []layoutStepSummary `json:"steps"`
	// Followed are the SHA-256 of the envelopes that show it, where links were given.
	Followed []string `json:"followed,omitempty"`
}

type layoutStepSummary struct {
	Name      string   `json:"name"`
	Threshold int      `json:"threshold"`
	Keys      []string `json:"keys"`
}

func (e *env) attestLayout(c *cli.Context) error {
	paths := c.Args().Slice()
	raw, err := e.readBounded(paths[0], attest.MaxEnvelope)
	if err != nil {
		return err
	}
	plan, err := layout.Read(raw)
	if err != nil {
		return withHint(fmt.Errorf("%s: %w", paths[0], err), "a layout signed as a DSSE envelope is wanted (in-toto: --use-dsse)")
	}
	if plan.Layout == nil {
		return fmt.Errorf("%s: a link and no layout", paths[0])
	}
	summary := layoutSummary{Digest: plan.ID, Expires: plan.Layout.Expires}
	lines := []string{"digest: " + plan.ID, "expires: " + day(plan.Layout.Expires)}
	for _, s := range plan.Layout.Steps {
		summary.Steps = append(summary.Steps, layoutStepSummary{s.Name, s.Threshold, s.Keys})
		lines = append(lines, oneLine(fmt.Sprintf("step %s: %d of %s", s.Name, s.Threshold, strings.Join(s.Keys, " "))))
	}
	if len(paths) > 1 || c.IsSet("artifact") {
		if summary.Followed, err = followed(c.String("artifact"), plan, paths[1:]); err != nil {
			return err
		}
		lines = append(lines, "followed, as shown by:")
		for _, digest := range summary.Followed {
			lines = append(lines, "  "+digest)
		}
	}
	return e.printDone(c, summary, lines...)
}

func followed(artifact string, plan *layout.Document, paths []string) ([]string, error) {
	if artifact == "" {
		return nil, withHint(errors.New("links but no artifact"), "say with --artifact what the last step made")
	}
	digest, err := digestArgument(artifact)
	if err != nil {
		return nil, err
	}
	var links []*layout.Document
	for _, path := range paths {
		for envelopes, err := range readPortions(path) {
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			for _, raw := range envelopes {
				link, err := layout.Read(raw)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", path, err)
				}
				links = append(links, link)
			}
		}
	}
	return layout.Follow(plan, digest, links, time.Now())
}
