package main

import (
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
		command(cli.Command{Name: "suspend", Usage: "suspend all accreditations of an auditor from now on", ArgsUsage: "NAME", Flags: []cli.Flag{jsonFlag, formatFlag}, Description: "EXAMPLE: hallmark auditor suspend alice"}, 1, 1, e.auditorSuspend),
	)
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
		var may, keys []string
		for _, acc := range a.Accreditations {
			entry := acc.Framework + " until " + day(acc.Until)
			if !acc.SuspendedAt.IsZero() {
				entry = acc.Framework + " suspended " + day(acc.SuspendedAt)
			}
			may = append(may, entry)
		}
		for _, k := range a.Keys {
			keys = append(keys, short(k))
		}
		t.rows = append(t.rows, []string{a.Person.ID, a.Person.Organization, strings.Join(may, ", "), strings.Join(keys, " ")})
	}
	return e.printTable(c, t)
}
