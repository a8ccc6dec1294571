package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
)

// maxEnvelopeFileBytes bounds a signed assessment that a person names.
const maxEnvelopeFileBytes = 16 << 20

var frameworksFlag = &cli.StringFlag{Name: "frameworks", Usage: "folder with framework files (*.yaml) beside those shipped"}

func (e *env) auditCommand() *cli.Command {
	return group("audit", "assess vendors: write, check, sign, submit; accept, withdraw",
		command(cli.Command{
			Name: "frameworks", Usage: "the frameworks to assess against; with ID, every requirement of one", ArgsUsage: "[ID]",
			Flags:       []cli.Flag{jsonFlag, formatFlag, frameworksFlag},
			Description: "EXAMPLE: hallmark audit frameworks slsa-v0.1",
		}, 0, 1, e.auditFrameworks),
		command(cli.Command{
			Name: "start", Usage: "auditors: write an empty draft with every requirement in it",
			Flags: []cli.Flag{frameworksFlag,
				&cli.StringFlag{Name: "vendor", Usage: "vendor id"},
				&cli.StringFlag{Name: "framework", Usage: "framework id"},
				&cli.StringFlag{Name: "track", Usage: "track id (default: the framework's only one)"},
				&cli.StringFlag{Name: "out", Usage: "write here (default: VENDOR-FRAMEWORK.yaml)"}},
			Description: "EXAMPLE: hallmark audit start --vendor acme --framework slsa-v0.1",
		}, 0, 0, e.auditStart),
		command(cli.Command{
			Name: "check", Usage: "what a draft amounts to, and what is missing for the next level", ArgsUsage: "DRAFT",
			Flags:       []cli.Flag{jsonFlag, frameworksFlag},
			Description: "Needs no server.\n\nEXAMPLE: hallmark audit check acme-slsa-v0.1.yaml",
		}, 1, 1, e.auditCheck),
		e.answerCommand(),
		command(cli.Command{
			Name: "sign", Usage: "auditors: sign a finished draft", ArgsUsage: "DRAFT",
			Flags: []cli.Flag{frameworksFlag,
				&cli.StringFlag{Name: "key", Usage: "key to sign with (default: assessment.key of the home folder)"},
				&cli.StringFlag{Name: "out", Usage: "write the signed assessment here"}},
			Description: "Needs no server.\n\nEXAMPLE: hallmark audit sign --out acme.assessment.json acme-slsa-v0.1.yaml",
		}, 1, 1, e.auditSign),
		e.reportCommand(),
		command(cli.Command{Name: "submit", Usage: "auditors: hand a signed assessment in", ArgsUsage: "FILE", Flags: []cli.Flag{jsonFlag}, Description: "EXAMPLE: hallmark audit submit acme.assessment.json"}, 1, 1, e.auditSubmit),
		command(cli.Command{
			Name: "list", Usage: "list assessments",
			Flags:       []cli.Flag{jsonFlag, formatFlag, &cli.StringFlag{Name: "vendor", Usage: "only this vendor's"}, &cli.StringFlag{Name: "state", Usage: "submitted, in-force, expired, superseded, withdrawn or rejected"}},
			Description: "EXAMPLE: hallmark audit list --state submitted",
		}, 0, 0, e.auditList),
		command(cli.Command{
			Name: "show", Usage: "one assessment; --out writes the signed document", ArgsUsage: "ASSESSMENT",
			Flags:       []cli.Flag{jsonFlag, formatFlag, &cli.StringFlag{Name: "out", Usage: "write the DSSE envelope here"}},
			Description: "EXAMPLE: hallmark audit show --out acme.assessment.json 3f5a...",
		}, 1, 1, e.auditShow),
		command(cli.Command{
			Name: "accept", Usage: "officers: put a submitted assessment in force", ArgsUsage: "ASSESSMENT",
			Flags: []cli.Flag{jsonFlag, &cli.BoolFlag{Name: "dry-run", Usage: "only list the certificates that it would revoke, by superseding a better assessment"}},
			Description: `It supersedes the assessment of the same track that is in force; certificates that
the new one does not support are revoked.

EXAMPLE: hallmark audit accept --dry-run 3f5a...`,
		}, 1, 1, e.auditAccept),
		command(cli.Command{
			Name: "reject", Usage: "officers: refuse a submitted assessment", ArgsUsage: "ASSESSMENT",
			Flags:       []cli.Flag{jsonFlag, &cli.StringFlag{Name: "reason", Usage: "for the record"}},
			Description: "EXAMPLE: hallmark audit reject --reason \"scope names the wrong builder\" 3f5a...",
		}, 1, 1, e.auditReject),
		e.withdrawCommand(),
	)
}

func (e *env) auditFrameworks(c *cli.Context) error {
	catalogue, err := readCatalogue(c.String("frameworks"))
	if err != nil {
		return err
	}
	if id := c.Args().First(); id != "" {
		return e.frameworkShow(c, catalogue, id)
	}
	t := table{header: []string{"id", "version", "tracks", "requirements", "name"}}
	var records []api.Framework
	for _, f := range catalogue.All() {
		var tracks []string
		count := 0
		for _, track := range f.Tracks {
			tracks = append(tracks, fmt.Sprintf("%s 1-%d", track.ID, len(track.Levels)))
			count += len(track.Requirements)
		}
		t.rows = append(t.rows, []string{f.ID, f.Version, strings.Join(tracks, ", "), strconv.Itoa(count), f.Name})
		records = append(records, api.Framework{ID: f.ID, Name: f.Name, Version: f.Version, URI: f.URI, SHA256: f.DigestHex()})
	}
	t.records = records
	return e.printTable(c, t)
}

func (e *env) frameworkShow(c *cli.Context, catalogue *audit.Catalogue, id string) error {
	framework, ok := catalogue.Lookup(id)
	if !ok {
		return withHint(fmt.Errorf("there is no framework %q", id), "'hallmark audit frameworks' lists them")
	}
	t := table{header: []string{"track", "from", "requirement", "obligation", "per build", "title"}, records: framework}
	for _, track := range framework.Tracks {
		for _, r := range track.Requirements {
			perBuild := ""
			if r.CheckablePerBuild {
				perBuild = "yes"
			}
			t.rows = append(t.rows, []string{track.ID, strconv.Itoa(r.FromLevel), r.ID, string(r.Obligation), perBuild, r.Title})
		}
	}
	return e.printTable(c, t)
}

func (e *env) auditStart(c *cli.Context) error {
	if err := need(c, "vendor", "framework"); err != nil {
		return err
	}
	catalogue, err := readCatalogue(c.String("frameworks"))
	if err != nil {
		return err
	}
	framework, ok := catalogue.Lookup(c.String("framework"))
	if !ok {
		return withHint(fmt.Errorf("there is no framework %q", c.String("framework")), "'hallmark audit frameworks' lists them")
	}
	track := c.String("track")
	if track == "" && len(framework.Tracks) == 1 {
		track = framework.Tracks[0].ID
	}
	if track == "" {
		return &usageError{text: framework.ID + " has several tracks", hint: "name one with --track; 'hallmark audit frameworks' lists them"}
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var vendor api.Vendor
	if err := client.Get(c.Context, "/v1/vendors/"+url.PathEscape(c.String("vendor")), &vendor); err != nil {
		return err
	}
	var me api.Person
	if err := client.Get(c.Context, "/v1/whoami", &me); err != nil {
		return err
	}
	draft, err := audit.NewDraft(framework, track,
		audit.Party{ID: vendor.ID, URI: vendor.URI, Organization: vendor.Organization}, audit.Party{ID: me.ID, Organization: me.Organization})
	if err != nil {
		return err
	}
	out := c.String("out")
	if out == "" {
		out = vendor.ID + "-" + framework.ID + ".yaml"
	}
	if err := writeNew(out, draft); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "wrote %s: fill it in, then run 'hallmark audit check %s'\n", out, out)
	return err
}

// writeNew never overwrites: a draft is days of somebody's work.
func writeNew(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return withHint(err, "name another file with --out")
	}
	_, err = f.Write(content)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// checked is what 'audit check' prints.
type checked struct {
	Framework string           `json:"framework"`
	Track     string           `json:"track"`
	Level     int              `json:"level"`
	LevelID   string           `json:"level_id"`
	Missing   map[int][]string `json:"missing"` // by level: what it still takes
	Problems  []audit.Problem  `json:"problems"`
}

func (e *env) auditCheck(c *cli.Context) error {
	catalogue, err := readCatalogue(c.String("frameworks"))
	if err != nil {
		return err
	}
	draft, err := audit.ReadDraft(c.Args().First())
	if err != nil {
		return err
	}
	problems, err := e.printCheck(c, draft, catalogue)
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return fmt.Errorf("%s has %d problem(s)", c.Args().First(), len(problems))
	}
	return nil
}

// printCheck prints what a draft amounts to, and returns what is wrong with it.
func (e *env) printCheck(c *cli.Context, draft audit.Draft, catalogue *audit.Catalogue) ([]audit.Problem, error) {
	result, problems := draft.Check(catalogue)
	out := checked{Framework: draft.Framework, Track: draft.Track, Level: result.Level, LevelID: result.LevelID, Missing: map[int][]string{}, Problems: problems}
	lines := []string{fmt.Sprintf("%s %s: level %d %s", draft.Framework, draft.Track, result.Level, result.LevelID)}
	for _, level := range sortedKeys(result.Missing) {
		lines = append(lines, fmt.Sprintf("missing for level %d:", level))
		for _, gap := range result.Missing[level] {
			entry := fmt.Sprintf("%s (%s)", gap.Requirement.ID, gap.Reason)
			out.Missing[level] = append(out.Missing[level], entry)
			lines = append(lines, fmt.Sprintf("  %-42s %-12s %s", gap.Requirement.ID, gap.Reason, gap.Requirement.Title))
		}
	}
	for _, p := range problems {
		lines = append(lines, "problem: "+p.Error())
	}
	return problems, e.printDone(c, out, lines...)
}

func sortedKeys[V any](m map[int]V) []int {
	var keys []int
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (e *env) auditSign(c *cli.Context) error {
	if err := need(c, "out"); err != nil {
		return err
	}
	catalogue, err := readCatalogue(c.String("frameworks"))
	if err != nil {
		return err
	}
	draft, err := audit.ReadDraft(c.Args().First())
	if err != nil {
		return err
	}
	assessment, err := draft.Assessment(catalogue, time.Now())
	if err != nil {
		return withHint(err, "'hallmark audit check' lists every problem")
	}
	keyPath := c.String("key")
	if keyPath == "" {
		home, err := homeDir(c)
		if err != nil {
			return err
		}
		keyPath = filepath.Join(home, homeAssessKey)
	}
	key, err := e.readKey(c, keyPath)
	if err != nil {
		return withHint(err, "auditors get a key with 'hallmark enroll --auditor TOKEN', or name one with --key")
	}
	envelope, err := audit.Sign(c.Context, assessment, key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.String("out"), append(envelope, '\n'), 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "signed: %s of %s, %s %s level %d (%s), valid until %s\nwrote %s\n", assessment.Vendor.Organization, assessment.Vendor.URI,
		assessment.Framework.ID, assessment.Framework.Track, assessment.Level, assessment.LevelID, day(assessment.ValidUntil), c.String("out"))
	return err
}

func (e *env) auditSubmit(c *cli.Context) error {
	envelope, err := e.readBounded(c.Args().First(), maxEnvelopeFileBytes)
	if err != nil {
		return err
	}
	return e.changeAssessment(c, "/v1/assessments", api.NewAssessment{Envelope: envelope}, "submitted; an officer has to accept it")
}

func (e *env) auditAccept(c *cli.Context) error {
	if c.Bool("dry-run") {
		client, err := e.client(c)
		if err != nil {
			return err
		}
		var plan api.Plan
		if err := client.Get(c.Context, "/v1/assessments/"+url.PathEscape(c.Args().First())+"/plan", &plan); err != nil {
			return err
		}
		return e.printPlan(c, plan)
	}
	return e.changeAssessment(c, "/v1/assessments/"+url.PathEscape(c.Args().First())+"/accept", nil, "in force")
}

func (e *env) auditReject(c *cli.Context) error {
	if err := need(c, "reason"); err != nil {
		return err
	}
	return e.changeAssessment(c, "/v1/assessments/"+url.PathEscape(c.Args().First())+"/reject", api.Ending{Reason: c.String("reason")}, "rejected")
}

func (e *env) changeAssessment(c *cli.Context, path string, in any, done string) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var a api.Assessment
	if err := client.Post(c.Context, path, in, &a); err != nil {
		return err
	}
	lines := []string{
		fmt.Sprintf("assessment %s: %s", a.ID, done),
		fmt.Sprintf("  %s, %s %s level %d (%s), until %s", a.Vendor, a.Framework, a.Track, a.Level, a.LevelID, day(a.ValidUntil)),
	}
	if a.State == "in-force" {
		lines = append(lines, fmt.Sprintf("  entry %d of %s", a.LogIndex, a.LogOrigin))
	}
	return e.printDone(c, a, lines...)
}

func (e *env) auditList(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	query := url.Values{}
	for _, name := range []string{"vendor", "state"} {
		if v := c.String(name); v != "" {
			query.Set(name, v)
		}
	}
	assessments, err := api.List[api.Assessment](c.Context, client, "/v1/assessments", query)
	if err != nil {
		return err
	}
	return e.printAssessments(c, assessments, assessments)
}

func (e *env) auditShow(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var a api.Assessment
	if err := client.Get(c.Context, "/v1/assessments/"+url.PathEscape(c.Args().First()), &a); err != nil {
		return err
	}
	if out := c.String("out"); out != "" {
		return e.writeOut(c, a.Envelope)
	}
	return e.printAssessments(c, a, []api.Assessment{a})
}

func (e *env) printAssessments(c *cli.Context, records any, assessments []api.Assessment) error {
	t := table{header: []string{"assessment", "vendor", "framework", "track", "level", "state", "until", "auditor", "officer"}, records: records}
	for _, a := range assessments {
		t.rows = append(t.rows, []string{a.ID, a.Vendor, a.Framework, a.Track, a.LevelID, a.State, day(a.ValidUntil), a.Auditor, a.AcceptedBy})
	}
	return e.printTable(c, t)
}

func (e *env) withdrawCommand() *cli.Command {
	return command(cli.Command{
		Name: "withdraw", Usage: "officers: withdraw an assessment and revoke what relies on it", ArgsUsage: "ASSESSMENT",
		Flags: []cli.Flag{jsonFlag,
			&cli.StringFlag{Name: "reason", Usage: "for the record; the log publishes it"},
			&cli.StringFlag{Name: "since", Usage: "RFC 3339 time when its cause arose; certificates count as invalid from then on (default: now)"},
			&cli.BoolFlag{Name: "dry-run", Usage: "only list what would be revoked"}},
		Description: "EXAMPLE: hallmark audit withdraw --dry-run --reason \"builder was shared\" 3f5a...",
	}, 1, 1, e.auditWithdraw)
}

func (e *env) auditWithdraw(c *cli.Context) error {
	if err := need(c, "reason"); err != nil {
		return err
	}
	in := api.Ending{Reason: c.String("reason"), DryRun: c.Bool("dry-run")}
	var err error
	if in.Since, err = timeFlag(c, "since"); err != nil {
		return err
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var plan api.Plan
	if err := client.Post(c.Context, "/v1/assessments/"+url.PathEscape(c.Args().First())+"/withdraw", in, &plan); err != nil {
		return err
	}
	return e.printPlan(c, plan)
}
