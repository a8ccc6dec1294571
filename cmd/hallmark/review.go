package main

import (
	"fmt"
	"net/url"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
)

func (e *env) reviewCommand() *cli.Command {
	return command(cli.Command{
		Name: "review", Usage: "officers, readers: assessments to look at again, and the certificates that hang on them",
		Flags: []cli.Flag{jsonFlag, formatFlag},
		Description: `An assessment goes into review when an auditor who signed it is revoked ('hallmark
auditor revoke'). Until an officer upholds it, a new assessment takes its place, or
it is withdrawn, no certificate is issued on it; those there are stay.

EXAMPLE: hallmark audit review -o csv`,
	}, 0, 0, e.auditReview)
}

func (e *env) auditReview(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var reviews []api.Review
	if err := client.Get(c.Context, "/v1/reviews", &reviews); err != nil {
		return err
	}
	return e.printReviews(c, reviews, reviews)
}

// printReviews prints one line for each certificate, and one for an assessment that
// none hangs on.
func (e *env) printReviews(c *cli.Context, records any, reviews []api.Review) error {
	t := table{header: []string{"assessment", "vendor", "level", "auditor", "in review since", "reason", "certificate", "tier", "until"}, records: records}
	for _, r := range reviews {
		a := r.Assessment
		row := []string{a.ID, a.Vendor, a.LevelID, auditorsOf(a), day(a.ReopenedAt), a.ReopenedReason}
		if len(r.Certificates) == 0 {
			t.rows = append(t.rows, append(row, "none", "-", "-"))
		}
		for _, cert := range r.Certificates {
			t.rows = append(t.rows, append(row[:len(row):len(row)], cert.Serial, cert.Tier, day(cert.NotAfter)))
		}
	}
	return e.printTable(c, t)
}

func auditorsOf(a api.Assessment) string {
	if a.SecondAuditor == "" {
		return a.Auditor
	}
	return a.Auditor + ", " + a.SecondAuditor
}

func (e *env) upholdCommand() *cli.Command {
	return command(cli.Command{
		Name: "uphold", Usage: "officers: end a review, the assessment is in force again", ArgsUsage: "ASSESSMENT",
		Flags: []cli.Flag{jsonFlag, &cli.StringFlag{Name: "reason", Usage: "why it stands without the auditor's word; the log publishes it"}},
		Description: `It takes another officer than the one who accepted it.

EXAMPLE: hallmark audit uphold --reason "evidence looked at again, nothing depends on the auditor" 3f5a...`,
	}, 1, 1, e.auditUphold)
}

func (e *env) auditUphold(c *cli.Context) error {
	if err := need(c, "reason"); err != nil {
		return err
	}
	return e.changeAssessment(c, "/v1/assessments/"+url.PathEscape(c.Args().First())+"/uphold", api.Upholding{Reason: c.String("reason")}, "in force again")
}

// printRevokedAuditor says what became, or would become, of an auditor's assessments.
func (e *env) printRevokedAuditor(c *cli.Context, out api.AuditorRevocation) error {
	verb := "is revoked: keys, accreditations and account are gone"
	if out.DryRun {
		verb = "would be revoked"
	}
	certificates := 0
	for _, r := range out.Reviews {
		certificates += len(r.Certificates)
	}
	fmt.Fprintf(e.noteTo(c), "auditor %s %s; to review: %d assessment(s), with %d certificate(s)\n", out.Auditor, verb, len(out.Reviews), certificates)
	if len(out.Reviews) == 0 && !c.Bool("json") {
		return nil
	}
	return e.printReviews(c, out, out.Reviews)
}
