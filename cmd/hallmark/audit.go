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
			Subcommands: []*cli.Command{command(cli.Command{
				Name: "show", Usage: "every requirement of one framework", ArgsUsage: "ID",
				Flags:       []cli.Flag{jsonFlag, formatFlag, frameworksFlag},
				Description: "EXAMPLE: hallmark audit frameworks show --json slsa-v0.1",
			}, 1, 1, e.auditFrameworks)},
		}, 0, 1, e.auditFrameworks),
		e.startCommand(),
		e.checkCommand(),
		e.answerCommand(),
		e.evidenceCommand(),
		command(cli.Command{
			Name: "sign", Usage: "auditors: sign finished drafts", ArgsUsage: "DRAFT...",
			Flags: []cli.Flag{frameworksFlag,
				&cli.StringFlag{Name: "key", Usage: "key to sign with: " + keyForms + " (default: assessment.key of the home folder)"},
				&cli.StringFlag{Name: "out", Usage: "write the signed assessment here; with several drafts of a visit, a folder"}},
			Description: `Needs no server. A key in a token or an ssh-agent never leaves it; docs/keys.md
has the steps.

EXAMPLE: hallmark audit sign --out acme.assessment.json acme-slsa-v0.1.yaml
         hallmark audit sign --key ssh-agent:quill@audits.example --out acme.assessment.json acme-slsa-v0.1.yaml`,
		}, 1, -1, e.auditSign),
		e.cosignCommand(),
		e.reportCommand(),
		e.submitCommand(),
		command(cli.Command{
			Name: "list", Usage: "list assessments",
			Flags:       []cli.Flag{jsonFlag, formatFlag, &cli.StringFlag{Name: "vendor", Usage: "only this vendor's"}, &cli.StringFlag{Name: "state", Usage: "submitted, in-force, in-review, superseded, lowered, expired, withdrawn or rejected"}},
			Description: "EXAMPLE: hallmark audit list --state submitted",
		}, 0, 0, e.auditList),
		command(cli.Command{
			Name: "show", Usage: "one assessment; --out writes the signed document", ArgsUsage: "ASSESSMENT",
			Flags:       []cli.Flag{jsonFlag, formatFlag, &cli.StringFlag{Name: "out", Usage: "write the DSSE envelope here"}},
			Description: "EXAMPLE: hallmark audit show --out acme.assessment.json 3f5a...",
		}, 1, 1, e.auditShow),
		e.publishCommand(),
		command(cli.Command{
			Name: "accept", Usage: "officers: put a submitted assessment in force", ArgsUsage: "ASSESSMENT",
			Flags: []cli.Flag{jsonFlag, &cli.BoolFlag{Name: "dry-run", Usage: "only list the certificates that it would revoke, by superseding a better assessment"}},
			Description: `It supersedes the assessment of the same track that is in force; certificates that
the new one does not support are revoked. You sign it with the key that you enrolled
with; what you sign is shown, and read from the bytes that are signed.

EXAMPLE: hallmark audit accept --dry-run 3f5a...`,
		}, 1, 1, e.auditAccept),
		command(cli.Command{
			Name: "reject", Usage: "officers: refuse a submitted assessment", ArgsUsage: "ASSESSMENT",
			Flags:       []cli.Flag{jsonFlag, &cli.StringFlag{Name: "reason", Usage: "for the record"}},
			Description: "EXAMPLE: hallmark audit reject --reason \"scope names the wrong builder\" 3f5a...",
		}, 1, 1, e.auditReject),
		e.withdrawCommand(),
		e.reviewCommand(), e.upholdCommand(), e.probeCommand(), e.exportCommand(), e.auditorGroup(),
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
	names := c.Args().Slice()
	drafts, err := readDrafts(names)
	if err != nil {
		return err
	}
	catalogue, err := catalogueOf(c, drafts)
	if err != nil {
		return err
	}
	assessments := make([]audit.Assessment, len(drafts))
	for i, draft := range drafts {
		if assessments[i], err = draft.Assessment(catalogue, time.Now()); err != nil {
			return withHint(fmt.Errorf("%s: %w", names[i], err), "'hallmark audit check' lists every problem; nothing was signed")
		}
	}
	if len(names) > 1 {
		if err := os.MkdirAll(c.String("out"), 0o755); err != nil {
			return withHint(err, "with several drafts --out names a folder")
		}
	}
	key, err := e.assessmentKey(c)
	if err != nil {
		return err
	}
	defer key.Close()
	for i, a := range assessments {
		envelope, err := audit.Sign(c.Context, a, key)
		if err != nil {
			return err
		}
		if err := e.writeSigned(a, envelope, signedName(c.String("out"), names, i)); err != nil {
			return err
		}
	}
	return nil
}

// signedName is where a signed assessment goes: several of a visit into a folder.
func signedName(out string, drafts []string, i int) string {
	if len(drafts) == 1 {
		return out
	}
	name := filepath.Base(drafts[i])
	return filepath.Join(out, strings.TrimSuffix(name, filepath.Ext(name))+".assessment.json")
}

func (e *env) writeSigned(a audit.Assessment, envelope []byte, name string) error {
	if err := os.WriteFile(name, append(envelope, '\n'), 0o644); err != nil {
		return err
	}
	for _, w := range a.Warnings() {
		fmt.Fprintf(e.stderr, "warning: %s\n         %s\n", w.Error(), w.Hint)
	}
	next := ""
	if a.SecondAuditor != nil {
		next = fmt.Sprintf("; %s of %s signs next, with 'hallmark audit cosign'", a.SecondAuditor.ID, a.SecondAuditor.Organization)
	}
	_, err := fmt.Fprintf(e.stdout, "signed: %s of %s, %s %s level %d (%s), valid until %s\nwrote %s%s\n", a.Vendor.Organization, a.Vendor.URI,
		a.Framework.ID, a.Framework.Track, a.Level, a.LevelID, day(a.ValidUntil), name, next)
	return err
}

func (e *env) auditSubmit(c *cli.Context) error {
	envelope, err := e.readBounded(c.Args().First(), maxEnvelopeFileBytes)
	if err != nil {
		return err
	}
	if drafts, ok := c.Generic("evidence").(*texts); ok && len(*drafts) > 0 {
		return e.submitWithEvidence(c, envelope, *drafts)
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
	return e.acceptSigned(c)
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
	query := filters(c, "vendor", "state")
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
		t.rows = append(t.rows, []string{a.ID, a.Vendor, a.Framework, a.Track, a.LevelID, a.State, day(a.ValidUntil), auditorsOf(a), a.AcceptedBy})
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
	if plan.Job != "" {
		if _, err := e.awaitRevocation(c.Context, client, plan.Job); err != nil {
			return err
		}
	}
	return e.printPlan(c, plan)
}
