package main

import (
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
)

// rebuildCommand holds what vendors and officers do, and what a rebuilder's machine does.
func (e *env) rebuildCommand() *cli.Command {
	vendor := &cli.StringFlag{Name: "vendor", Usage: "officers: vendor id"}
	return group("rebuild", "have builds repeated by independent rebuilders",
		command(cli.Command{
			Name: "request", Usage: "vendors, officers: ask rebuilders to repeat the build of a file", ArgsUsage: "FILE|SHA256",
			Flags: []cli.Flag{jsonFlag, formatFlag, vendor,
				&cli.StringFlag{Name: "product", Usage: "product in the audited scope (default: the only one with a recipe for the source)"},
				&cli.StringFlag{Name: "source", Usage: "repository, as in the audited scope (default: what the builder's provenance on file names)"},
				&cli.StringFlag{Name: "commit", Usage: "commit of the source, hex; with --source"},
				&cli.IntFlag{Name: "operators", Usage: "how many different operators to ask (default: as the CA is configured)"},
				&cli.DurationFlag{Name: "wait", Usage: "wait until all have answered, or for so long, e.g. 30m"},
				&cli.BoolFlag{Name: "again", Usage: "ask those anew whose rebuild came to nothing: given up, or the build or its fetching failed"},
			},
			Description: `The rebuilders are those of the audited scope. Each has one job for a file, so asking
twice is asking once. What they find lands in the attestation repository, signed by
them. Push the builder's provenance first: it says which commit to build.

EXIT CODE 1 with --wait: not all of them reproduced it, or not all answered in time.

EXAMPLE: hallmark rebuild request --product hello hello_1.0_amd64.deb`,
		}, 1, 1, e.rebuildRequest),
		command(cli.Command{
			Name: "jobs", Usage: "list rebuild jobs: a vendor's, a rebuilder's own, or all", ArgsUsage: "[FILE|SHA256]",
			Flags:       []cli.Flag{jsonFlag, formatFlag, vendor, &cli.StringFlag{Name: "state", Usage: "queued, claimed, done or failed"}},
			Description: "EXAMPLE: hallmark rebuild jobs --state queued",
		}, 0, 1, e.rebuildJobs),
		command(cli.Command{
			Name: "show", Usage: "one rebuild job", ArgsUsage: "ID", Flags: []cli.Flag{jsonFlag},
			Description: "EXAMPLE: hallmark rebuild show 5f1c0a9be2d34c7788b0a1f2c3d4e5f6",
		}, 1, 1, e.rebuildShow),
		e.rebuildServeCommand(), e.rebuildTryCommand(),
	)
}

// artifactDigest reads FILE|SHA256: the digest of what is to be signed of a file, or the
// one that is written out, with or without "sha256:" before it.
func artifactDigest(arg string) (string, error) {
	text := strings.TrimPrefix(arg, "sha256:")
	if _, err := os.Stat(arg); err != nil && isSHA256(text) {
		return text, nil
	}
	_, digest, err := unsignedDigest(arg)
	if err != nil {
		return "", withHint(err, "name a file, or a SHA-256 of 64 lower-case hex digits")
	}
	return hex.EncodeToString(digest[:]), nil
}

func isSHA256(s string) bool { return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == "" }

func (e *env) rebuildRequest(c *cli.Context) error {
	digest, err := artifactDigest(c.Args().First())
	if err != nil {
		return err
	}
	in := api.NewRebuilds{
		Vendor: c.String("vendor"), SHA256: digest, Product: c.String("product"), Operators: c.Int("operators"), Again: c.Bool("again"),
	}
	if c.IsSet("source") != c.IsSet("commit") {
		return &usageError{text: "--source and --commit go together", hint: "without both, the builder's provenance on file says what was built"}
	}
	if c.IsSet("source") {
		in.Source = &api.RebuildSource{URI: c.String("source"), Commit: c.String("commit")}
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var out api.Rebuilds
	if err := client.Post(c.Context, "/v1/rebuilds", in, &out); err != nil {
		return err
	}
	if c.IsSet("wait") {
		if out.Jobs, err = awaitJobs(c, client, out); err != nil {
			return err
		}
	}
	if err := e.printJobs(c, out, out.Jobs); err != nil || !c.IsSet("wait") {
		return err
	}
	for _, j := range out.Jobs {
		if j.Outcome != "reproduced" {
			return exitWith(exitRefused)
		}
	}
	return nil
}

// awaitInterval is how often a command that waits looks: a rebuild takes minutes.
const awaitInterval = 2 * time.Second

// awaitJobs asks about the jobs until all of them are over, or the time is.
func awaitJobs(c *cli.Context, client *api.Client, asked api.Rebuilds) ([]api.RebuildJob, error) {
	deadline := time.NewTimer(c.Duration("wait"))
	defer deadline.Stop()
	tick := time.NewTicker(awaitInterval)
	defer tick.Stop()
	jobs := asked.Jobs
	for {
		open := 0
		for i := range jobs {
			if jobs[i].State != "queued" && jobs[i].State != "claimed" {
				continue
			}
			var now api.RebuildJob
			if err := client.Get(c.Context, "/v1/rebuild-jobs/"+url.PathEscape(jobs[i].ID), &now); err != nil {
				return nil, err
			}
			jobs[i] = now
			if jobs[i].State == "queued" || jobs[i].State == "claimed" {
				open++
			}
		}
		if open == 0 {
			return jobs, nil
		}
		select {
		case <-c.Context.Done():
			return nil, c.Context.Err()
		case <-deadline.C:
			return jobs, nil
		case <-tick.C:
		}
	}
}

func (e *env) rebuildJobs(c *cli.Context) error {
	query := url.Values{}
	if c.Args().Present() {
		digest, err := artifactDigest(c.Args().First())
		if err != nil {
			return err
		}
		query.Set("sha256", digest)
	}
	for _, name := range []string{"vendor", "state"} {
		if c.String(name) != "" {
			query.Set(name, c.String(name))
		}
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	jobs, err := api.List[api.RebuildJob](c.Context, client, "/v1/rebuild-jobs", query)
	if err != nil {
		return err
	}
	return e.printJobs(c, jobs, jobs)
}

func (e *env) printJobs(c *cli.Context, records any, jobs []api.RebuildJob) error {
	t := table{header: []string{"id", "state", "outcome", "product", "sha256", "rebuilder", "operator", "asked"}, records: records}
	for _, j := range jobs {
		outcome := j.Outcome
		if outcome == "" {
			outcome = "-"
		}
		t.rows = append(t.rows, []string{j.ID, j.State, outcome, j.Product, short(j.SHA256), j.Rebuilder, j.Operator, moment(j.CreatedAt)})
	}
	return e.printTable(c, t)
}

func (e *env) rebuildShow(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var j api.RebuildJob
	if err := client.Get(c.Context, "/v1/rebuild-jobs/"+url.PathEscape(c.Args().First()), &j); err != nil {
		return err
	}
	state := j.State
	if j.Outcome != "" {
		state += ", " + j.Outcome
	}
	lines := []string{
		"job          " + j.ID,
		"state        " + state,
		"artifact     sha256:" + j.SHA256,
		fmt.Sprintf("of           %s of %s", j.Product, j.Vendor),
		fmt.Sprintf("source       %s at %s", j.Source.URI, j.Source.Commit),
		"recipe       sha256:" + j.RecipeSHA256,
		fmt.Sprintf("rebuilder    %s, run by %s", j.Rebuilder, j.Operator),
		fmt.Sprintf("given out    %d time(s), last %s", j.Tries, moment(j.ClaimedAt)),
		fmt.Sprintf("asked        %s", moment(j.CreatedAt)),
	}
	if j.State == "claimed" {
		lines = append(lines, "lease until  "+moment(j.LeaseUntil))
	}
	if !j.FinishedAt.IsZero() {
		lines = append(lines, "finished     "+moment(j.FinishedAt))
	}
	if j.Note != "" {
		lines = append(lines, "given up     "+printable(j.Note))
	}
	for _, sum := range j.Evidence {
		lines = append(lines, "evidence     "+sum)
	}
	return e.printDone(c, j, lines...)
}

// rebuilderCommand is about who works for rebuilders.
func (e *env) rebuilderCommand() *cli.Command {
	return group("rebuilder", "officers: add and list those who work for rebuilders",
		command(cli.Command{
			Name: "add", Usage: "add a person or machine that works for a rebuilder, and invite them", ArgsUsage: "NAME",
			Flags: []cli.Flag{jsonFlag,
				&cli.StringFlag{Name: "rebuilder", Usage: "https URL: the rebuilder's id in audited scopes, and builder.id in its provenance"},
				&cli.StringFlag{Name: "organization", Usage: "who operates it, as in audited scopes"}},
			Description: `It is given the jobs of that rebuilder and no others. Whether its word counts, the
scopes of assessments say, where auditors list rebuilders with operator and key.

EXAMPLE: hallmark rebuilder add --rebuilder https://rebuild.example.org/ --organization "Rebuilds eV" reba`,
		}, 1, 1, e.rebuilderAdd),
		command(cli.Command{Name: "list", Usage: "list who works for rebuilders", Flags: []cli.Flag{jsonFlag, formatFlag}, Description: "EXAMPLE: hallmark rebuilder list"}, 0, 0, e.rebuilderList),
	)
}

func (e *env) rebuilderAdd(c *cli.Context) error {
	if err := need(c, "rebuilder", "organization"); err != nil {
		return err
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var invitation api.Invitation
	in := api.NewRebuilder{ID: c.Args().First(), Rebuilder: c.String("rebuilder"), Organization: c.String("organization")}
	if err := client.Post(c.Context, "/v1/rebuilders", in, &invitation); err != nil {
		return err
	}
	return e.printInvitation(c, invitation, invitation)
}

func (e *env) rebuilderList(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	people, err := api.List[api.Person](c.Context, client, "/v1/rebuilders", url.Values{})
	if err != nil {
		return err
	}
	t := table{header: []string{"name", "rebuilder", "operator", "since", "disabled"}, records: people}
	for _, p := range people {
		t.rows = append(t.rows, []string{p.ID, p.Rebuilder, p.Organization, day(p.CreatedAt), day(p.DisabledAt)})
	}
	return e.printTable(c, t)
}
