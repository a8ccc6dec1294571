package main

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
)

func (e *env) auditorCommand() *cli.Command {
	frameworks := &cli.StringSliceFlag{Name: "framework", Usage: "framework id they may assess against (repeatable)"}
	until := &cli.TimestampFlag{Name: "until", Layout: time.DateOnly, Usage: "last day of the accreditation, YYYY-MM-DD"}
	return group("auditor", "officers: accredit, list, suspend auditors",
		command(cli.Command{
			Name: "add", Usage: "register an auditor with accreditations, and invite them", ArgsUsage: "NAME",
			Flags: []cli.Flag{jsonFlag, frameworks, until,
				&cli.StringFlag{Name: "organization", Usage: "the auditor's organisation; it may not be a vendor it assesses"}},
			Description: "EXAMPLE: hallmark auditor add --organization \"Assay Partners\" --framework slsa-v0.1 --until 2027-12-31 alice",
		}, 1, 1, e.auditorAdd),
		command(cli.Command{Name: "list", Usage: "list auditors", Flags: []cli.Flag{jsonFlag, formatFlag}, Description: "EXAMPLE: hallmark auditor list"}, 0, 0, e.auditorList),
		command(cli.Command{
			Name: "accredit", Usage: "accredit an auditor for one more framework", ArgsUsage: "NAME",
			Flags:       []cli.Flag{jsonFlag, formatFlag, &cli.StringFlag{Name: "framework", Usage: "framework id"}, until},
			Description: "EXAMPLE: hallmark auditor accredit --framework cncf-sscp-v1 --until 2027-12-31 alice",
		}, 1, 1, e.auditorAccredit),
		e.auditorShowCommand("hallmark auditor show alice"),
		command(cli.Command{Name: "suspend", Usage: "suspend all accreditations of an auditor from now on", ArgsUsage: "NAME", Flags: []cli.Flag{jsonFlag, formatFlag}, Description: "What they handed in before stays as it is.\n\nEXAMPLE: hallmark auditor suspend alice"}, 1, 1, e.auditorSuspend),
		command(cli.Command{
			Name: "revoke", Usage: "take an auditor's word back, for cause: all that they signed goes into review", ArgsUsage: "NAME",
			Flags: []cli.Flag{jsonFlag, formatFlag,
				&cli.StringFlag{Name: "reason", Usage: "for the record; the log publishes it, under the auditor's pseudonym"},
				&cli.BoolFlag{Name: "dry-run", Usage: "only list what would be reviewed"}},
			Description: `Their keys, accreditations and account are gone at once. Each assessment in force that
they signed goes into review: no certificate is issued on it until another officer
upholds it ('hallmark audit review', 'hallmark audit uphold').

EXAMPLE: hallmark auditor revoke --dry-run --reason "reported evidence that does not exist" alice`,
		}, 1, 1, e.auditorRevoke),
	)
}

// auditorGroup is the same 'show' where people look for it who assess.
func (e *env) auditorGroup() *cli.Command {
	return group("auditor", "an auditor's keys, pseudonym in the log, and track record", e.auditorShowCommand("hallmark audit auditor show alice"))
}

func (e *env) auditorShowCommand(example string) *cli.Command {
	return command(cli.Command{
		Name: "show", Usage: "officers, readers: one auditor and what became of their assessments; auditors: themselves", ArgsUsage: "NAME",
		Flags:       []cli.Flag{jsonFlag},
		Description: "EXAMPLE: " + example,
	}, 1, 1, e.auditorShow)
}

// endOf makes the last day inclusive.
func endOf(c *cli.Context) time.Time {
	if t := c.Timestamp("until"); t != nil {
		return t.UTC().AddDate(0, 0, 1)
	}
	return time.Time{}
}

func (e *env) auditorAdd(c *cli.Context) error {
	if err := need(c, "organization", "framework", "until"); err != nil {
		return err
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	in := api.NewAuditor{ID: c.Args().First(), Organization: c.String("organization")}
	for _, f := range c.StringSlice("framework") {
		in.Accreditations = append(in.Accreditations, api.Accreditation{Framework: f, Until: endOf(c)})
	}
	var invitation api.Invitation
	if err := client.Post(c.Context, "/v1/auditors", in, &invitation); err != nil {
		return err
	}
	return e.printInvitation(c, invitation, invitation)
}

func (e *env) auditorList(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	auditors, err := api.List[api.Auditor](c.Context, client, "/v1/auditors", url.Values{})
	if err != nil {
		return err
	}
	return e.printAuditors(c, auditors, auditors)
}

func (e *env) auditorAccredit(c *cli.Context) error {
	if err := need(c, "framework", "until"); err != nil {
		return err
	}
	return e.auditorChange(c, "accreditations", api.Accreditation{Framework: c.String("framework"), Until: endOf(c)})
}

func (e *env) auditorSuspend(c *cli.Context) error { return e.auditorChange(c, "suspend", nil) }

func (e *env) auditorRevoke(c *cli.Context) error {
	if err := need(c, "reason"); err != nil {
		return err
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var out api.AuditorRevocation
	err = client.Post(c.Context, "/v1/auditors/"+url.PathEscape(c.Args().First())+"/revoke", api.NewAuditorRevocation{
		Reason: c.String("reason"), DryRun: c.Bool("dry-run"),
	}, &out)
	if err != nil {
		return err
	}
	return e.printRevokedAuditor(c, out)
}

func (e *env) auditorShow(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var a api.AuditorDetail
	if err := client.Get(c.Context, "/v1/auditors/"+url.PathEscape(c.Args().First()), &a); err != nil {
		return err
	}
	r := a.Record
	lines := []string{
		fmt.Sprintf("%s of %s, since %s", a.Person.ID, a.Person.Organization, day(a.Person.CreatedAt)),
		"accredited   " + strings.Join(accreditations(a.Auditor), ", "),
	}
	if !a.Person.DisabledAt.IsZero() {
		lines = append(lines, "disabled     "+moment(a.Person.DisabledAt))
	}
	for _, k := range a.AllKeys {
		line := "key          " + k.SHA256 + " since " + day(k.AddedAt)
		if !k.RevokedAt.IsZero() {
			line += ", revoked " + moment(k.RevokedAt)
		}
		lines = append(lines, line)
	}
	lines = append(lines,
		"in the log   "+a.Pseudonym,
		fmt.Sprintf("vendors      %d", r.Vendors),
		"assessments  "+counts(r.Assessments),
		fmt.Sprintf("since then   %d lowered, %d withdrawn, %d in review, %d certificate(s) revoked with them", r.Lowered, r.Withdrawn, r.InReview, r.Revoked),
		fmt.Sprintf("handed in    first %s, last %s", day(r.First), day(r.Last)),
	)
	return e.printDone(c, a, lines...)
}

func (e *env) auditorChange(c *cli.Context, action string, in any) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var a api.Auditor
	if err := client.Post(c.Context, "/v1/auditors/"+url.PathEscape(c.Args().First())+"/"+action, in, &a); err != nil {
		return err
	}
	return e.printAuditors(c, a, []api.Auditor{a})
}

func (e *env) printAuditors(c *cli.Context, records any, auditors []api.Auditor) error {
	t := table{header: []string{"name", "organization", "accredited for", "keys"}, records: records}
	for _, a := range auditors {
		var keys []string
		for _, k := range a.Keys {
			keys = append(keys, short(k))
		}
		t.rows = append(t.rows, []string{a.Person.ID, a.Person.Organization, strings.Join(accreditations(a), ", "), strings.Join(keys, " ")})
	}
	return e.printTable(c, t)
}

func accreditations(a api.Auditor) []string {
	var may []string
	for _, acc := range a.Accreditations {
		entry := acc.Framework + " until " + day(acc.Until)
		if !acc.SuspendedAt.IsZero() {
			entry = acc.Framework + " suspended " + day(acc.SuspendedAt)
		}
		may = append(may, entry)
	}
	return may
}
