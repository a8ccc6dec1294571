package main

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
)

func (e *env) probeCommand() *cli.Command {
	return command(cli.Command{
		Name: "probe", Usage: "have the server run an assessment's machine checks now", ArgsUsage: "ASSESSMENT",
		Flags: []cli.Flag{jsonFlag, formatFlag, &cli.BoolFlag{Name: "list", Usage: "only say how they stand"}},
		Description: `Probes check that what the auditor found still holds. One that fails keeps the
assessment from supporting new certificates until it passes again. They run by
themselves every day, and before a certificate is issued. For officers, the
assessment's auditors and its vendor. Exits with 1 when one fails.

EXAMPLE: hallmark audit probe --list 3f5a...`,
	}, 1, 1, e.auditProbe)
}

func (e *env) auditProbe(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	path := "/v1/assessments/" + url.PathEscape(c.Args().First()) + "/probes"
	var out api.Probes
	if c.Bool("list") {
		err = client.Get(c.Context, path, &out)
	} else {
		err = client.Post(c.Context, path, nil, &out)
	}
	if err != nil {
		return err
	}
	if err := e.printProbes(c, out); err != nil {
		return err
	}
	if out.Unfinished {
		fmt.Fprintln(e.stderr, "hallmark: there was no time for all of them; 'ran' says which have run, ask again for the rest")
	}
	if failing(out) {
		return withHint(fmt.Errorf("no new certificates on this assessment: %s", printable(out.Blocked)), "put right what it found, then run this again; an assessment that no longer holds is withdrawn")
	}
	return nil
}

// failing reports whether a probe keeps certificates from being issued for what it
// found, or could not find for days. One that has never run says nothing yet: it runs
// before the first certificate.
func failing(out api.Probes) bool {
	neverRan := func(p api.Probe) bool { return p.RanAt.IsZero() }
	openFinding := func(p api.Probe) bool { return !p.FailingSince.IsZero() }
	return out.Blocked != "" && (slices.ContainsFunc(out.Probes, openFinding) || !slices.ContainsFunc(out.Probes, neverRan))
}

func (e *env) printProbes(c *cli.Context, out api.Probes) error {
	t := table{header: []string{"probe", "kind", "watches", "outcome", "ran", "passed", "failing since", "detail"}, records: out}
	for _, p := range out.Probes {
		outcome := p.Outcome
		if outcome == "" {
			outcome = "not run"
		}
		t.rows = append(t.rows, []string{
			p.ID, p.Kind, strings.Join(p.Requirements, " "), outcome, moment(p.RanAt), moment(p.PassedAt), moment(p.FailingSince), printable(p.Detail),
		})
	}
	return e.printTable(c, t)
}
