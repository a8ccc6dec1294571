package main

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
)

// incidentCommand is about provisional signatures that were or would have been taken back.
func (e *env) incidentCommand() *cli.Command {
	note := &cli.StringFlag{Name: "note", Usage: "why; it goes on record, and of a hold into the log"}
	return group("incident", "provisional signatures that were, or would have been, revoked without a human",
		command(cli.Command{
			Name: "list", Usage: "list incidents: a vendor's own, or all",
			Flags:       []cli.Flag{jsonFlag, formatFlag, &cli.StringFlag{Name: "vendor", Usage: "officers: vendor id"}, &cli.StringFlag{Name: "state", Usage: "asked, held, released, dry-run, reported, revoked or confirmed"}},
			Description: "EXAMPLE: hallmark incident list --state held",
		}, 0, 0, e.incidentList),
		command(cli.Command{
			Name: "show", Usage: "one incident: why, on which evidence, who did what", ArgsUsage: "ID", Flags: []cli.Flag{jsonFlag},
			Description: "EXAMPLE: hallmark incident show 20261123T022500.000000000Z-00112233aabbccdd",
		}, 1, 1, e.incidentShow),
		command(cli.Command{
			Name: "hold", Usage: "officers: have a revocation wait; two of them run this", ArgsUsage: "ID",
			Flags: []cli.Flag{jsonFlag, note, &cli.DurationFlag{Name: "for", Usage: "how long (default 24h; never longer than 72h after the signature's deadline)"}},
			Description: `ID is that of an incident, or of a provisional signature. The first officer asks, a
second one agrees within an hour by the same command; only then is anything held. A hold
confirms nothing: installers see a provisional signature, and when its time is over the
revocation happens.

EXAMPLE: hallmark incident hold --note "the rebuilder's disk is full" 20261123T022500.000000000Z-00112233aabbccdd`,
		}, 1, 1, e.incidentHold),
		command(cli.Command{
			Name: "release", Usage: "officers: end a hold, or what the storm brake holds", ArgsUsage: "ID", Flags: []cli.Flag{jsonFlag, note},
			Description: `The signature is judged again at once: confirmed if the evidence is there now, else
revoked if that is due.

EXAMPLE: hallmark incident release --note "repaired" 20261123T022500.000000000Z-00112233aabbccdd`,
		}, 1, 1, func(c *cli.Context) error { return e.incidentDecide(c, "release") }),
		command(cli.Command{
			Name: "revoke", Usage: "officers: revoke what an incident is about, at once", ArgsUsage: "ID", Flags: []cli.Flag{jsonFlag, note},
			Description: `EXAMPLE: hallmark incident revoke --note "it is another binary" 20261123T022500.000000000Z-00112233aabbccdd`,
		}, 1, 1, func(c *cli.Context) error { return e.incidentDecide(c, "revoke") }),
	)
}

func (e *env) incidentList(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	query := filters(c, "vendor", "state")
	all, err := api.List[api.Incident](c.Context, client, "/v1/incidents", query)
	if err != nil {
		return err
	}
	t := table{header: []string{"id", "state", "cause", "vendor", "product", "opened", "held until"}, records: all}
	for _, i := range all {
		held := ""
		if !i.HeldUntil.IsZero() && i.State == "held" {
			held = moment(i.HeldUntil)
		}
		t.rows = append(t.rows, []string{i.ID, i.State, i.Cause, i.Vendor, i.Product, moment(i.OpenedAt), held})
	}
	return e.printTable(c, t)
}

func (e *env) incidentShow(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var i api.Incident
	if err := client.Get(c.Context, "/v1/incidents/"+url.PathEscape(c.Args().First()), &i); err != nil {
		return err
	}
	return e.printIncident(c, i)
}

func (e *env) printIncident(c *cli.Context, i api.Incident) error {
	lines := []string{
		fmt.Sprintf("incident %s: %s, for %s", i.ID, i.State, i.Cause),
		fmt.Sprintf("  signature    %s  %s of %s", i.Signature, i.Product, i.Vendor),
		"  sha256       " + i.SHA256, "  certificate  " + i.Serial,
	}
	if i.State == "held" {
		by := strings.Join(i.HeldBy, ", ")
		if by == "" {
			by = "the storm brake"
		}
		lines = append(lines, fmt.Sprintf("  held         by %s until %s", by, moment(i.HeldUntil)))
	}
	for _, v := range i.Verdicts {
		lines = append(lines, fmt.Sprintf("  %-12s %s: %s  %s", v.Outcome, v.Rule, printable(v.Detail), v.Evidence))
	}
	for _, s := range i.Steps {
		lines = append(lines, fmt.Sprintf("  %s  %s by %s  %s", moment(s.At), s.Action, s.Who, printable(s.Note)))
	}
	return e.printDone(c, i, lines...)
}

func (e *env) incidentHold(c *cli.Context) error {
	if err := need(c, "note"); err != nil {
		return err
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var i api.Incident
	hold := api.NewHold{Reason: c.String("note"), Seconds: int64(c.Duration("for") / time.Second)}
	if err := client.Post(c.Context, "/v1/incidents/"+url.PathEscape(c.Args().First())+"/hold", hold, &i); err != nil {
		return err
	}
	return e.printIncident(c, i)
}

func (e *env) incidentDecide(c *cli.Context, what string) error {
	if err := need(c, "note"); err != nil {
		return err
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var i api.Incident
	err = client.Post(c.Context, "/v1/incidents/"+url.PathEscape(c.Args().First())+"/"+what, api.IncidentDecision{Note: c.String("note")}, &i)
	if err != nil {
		return err
	}
	return e.printIncident(c, i)
}
