package main

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
)

func (e *env) statusCommand() *cli.Command {
	status := command(cli.Command{
		Name: "status", Usage: "the CA at a glance (officers, readers), or who you are",
		Flags:       []cli.Flag{jsonFlag, &cli.BoolFlag{Name: "whoami", Usage: "only say who the server takes you for"}},
		Description: "EXAMPLE: hallmark status --json",
	}, 0, 0, e.status)
	status.Subcommands = []*cli.Command{command(cli.Command{
		Name: "trail", Usage: "officers, readers: the audit trail, oldest first", Flags: []cli.Flag{jsonFlag, formatFlag},
		Description: "EXAMPLE: hallmark status trail -o csv",
	}, 0, 0, e.trail)}
	return status
}

func (e *env) trail(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	events, err := api.List[api.Event](c.Context, client, "/v1/events", url.Values{})
	if err != nil {
		return err
	}
	t := table{header: []string{"at", "who", "action", "object", "detail"}, records: events}
	for _, ev := range events {
		var detail []string
		for _, k := range slices.Sorted(maps.Keys(ev.Detail)) {
			detail = append(detail, k+"="+ev.Detail[k])
		}
		t.rows = append(t.rows, []string{moment(ev.At), ev.Who, ev.Action, ev.Object, strings.Join(detail, " ")})
	}
	return e.printTable(c, t)
}

func (e *env) status(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var me api.Person
	if err := client.Get(c.Context, "/v1/whoami", &me); err != nil {
		return err
	}
	who := fmt.Sprintf("you are      %s (%s) of %s", me.ID, me.Role, me.Organization)
	if me.Rebuilder != "" {
		who += ", for " + me.Rebuilder
	}
	if c.Bool("whoami") || me.Role == api.RoleVendor || me.Role == api.RoleAuditor || me.Role == api.RoleRebuilder {
		return e.printDone(c, me, who)
	}
	var s api.Status
	if err := client.Get(c.Context, "/v1/status", &s); err != nil {
		return err
	}
	return e.printDone(c, s, statusLines(s, who)...)
}

func statusLines(s api.Status, who string) []string {
	lines := []string{
		fmt.Sprintf("%s, hallmark %s", s.Name, s.Version), who,
		fmt.Sprintf("vendors      %d", s.Vendors),
		"assessments  " + counts(s.Assessments),
		"certificates " + counts(s.Certs),
		fmt.Sprintf("ledger       %s, %d entries", s.Ledger.Origin, s.Ledger.Size),
	}
	if n := s.Assessments["in-review"]; n > 0 {
		lines = append(lines, fmt.Sprintf("in review    %d: 'hallmark audit review'", n))
	}
	if s.Requests > 0 {
		lines = append(lines, fmt.Sprintf("requests     %d for certificates: 'hallmark cert requests'", s.Requests))
	}
	if s.LedgerPending+s.NoticePending > 0 {
		lines = append(lines, fmt.Sprintf("waiting      %d for the log, %d webhook notice(s)", s.LedgerPending, s.NoticePending))
	}
	if s.ProbesFailing > 0 {
		lines = append(lines, fmt.Sprintf("probes       %d failing", s.ProbesFailing))
	}
	for _, p := range s.FailingProbes {
		lines = append(lines, fmt.Sprintf("failing      %s of %s, %s, since %s: %s", p.Probe, short(p.Assessment), p.Vendor, moment(p.Since), printable(p.Detail)))
	}
	if s.ExpiringIn["30"] > 0 {
		lines = append(lines, fmt.Sprintf("ending       %d within 30 days, %d within 7, %d within 1", s.ExpiringIn["30"], s.ExpiringIn["7"], s.ExpiringIn["1"]))
	}
	for _, a := range s.Expiring {
		lines = append(lines, fmt.Sprintf("expiring     %s %s %s of %s, %d day(s) left, until %s", short(a.ID), a.Framework, a.LevelID, a.Vendor, a.DaysLeft, day(a.ValidUntil)))
	}
	if r := s.Rebuilds; r != (api.RebuildFigures{}) {
		line := fmt.Sprintf("rebuilds     %d queued, %d claimed, %d done, %d given up", r.Queued, r.Claimed, r.Done, r.Failed)
		if r.Queued+r.Claimed > 0 {
			line += ", the oldest since " + moment(r.Oldest)
		}
		if r.Stuck > 0 {
			line += fmt.Sprintf("; %d waiting for more than a day: 'hallmark rebuild jobs'", r.Stuck)
		}
		lines = append(lines, line)
	}
	for _, job := range s.Revoking {
		lines = append(lines, fmt.Sprintf("revoking     %d of %d certificates done, by %s since %s", job.Seen, job.Total, job.By, moment(job.CreatedAt)))
	}
	if s.Clock != nil {
		lines = append(lines, clockLine(*s.Clock))
	}
	for _, crl := range s.CRLs {
		line := fmt.Sprintf("crl          %s %d shards, number %d, next by %s", crl.Tier, crl.Shards, crl.Number, moment(crl.NextUpdate))
		if crl.Unlisted > 0 {
			line += fmt.Sprintf(", %d revocation(s) not listed yet", crl.Unlisted)
		}
		lines = append(lines, line)
	}
	return lines
}

func counts(byState map[string]int) string {
	if len(byState) == 0 {
		return "none"
	}
	var parts []string
	for _, state := range slices.Sorted(maps.Keys(byState)) {
		parts = append(parts, fmt.Sprintf("%d %s", byState[state], state))
	}
	return strings.Join(parts, ", ")
}
