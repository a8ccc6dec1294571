package main

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
)

func (e *env) certListCommand() *cli.Command {
	return command(cli.Command{
		Name: "list", Usage: "list certificates",
		Flags: []cli.Flag{jsonFlag, formatFlag,
			&cli.StringFlag{Name: "vendor", Usage: "only this vendor's"},
			&cli.StringFlag{Name: "state", Usage: "valid, expired or revoked"},
			&cli.StringFlag{Name: "expiring", Usage: "valid ones that end within this time, e.g. 30d or 12h; without those for single builds, which nobody renews"},
			&cli.BoolFlag{Name: "builds", Usage: "those for single builds, one by one"},
			&cli.StringFlag{Name: "group", Usage: "those of one group of single builds, one by one"},
			&cli.StringFlag{Name: "build", Usage: "those for one artifact, by its SHA-256"},
		},
		Description: `Certificates for single builds (hallmark sign --per-build) are summed up: one line for
those of one vendor, day and tier that rest on the same assessments. Their line begins with
the group's name, VENDOR/DAY/TIER-ASSESSMENTS, and its state is how many are valid, expired and
revoked.

--json prints one array. A certificate has "serial", "vendor", "tier", "claims", "state",
"not_before", "not_after", "key_held_by", "der" and, if it is for one build, "build". A
group has "group" in place of "serial", and "vendor", "day", "tier", "claims",
"assessments", "issued", "valid", "expired", "revoked", "first_hour", "last_hour" (in
which the first and the last were issued) and "not_after".

EXAMPLE: hallmark cert list --expiring 30d -o csv`,
	}, 0, 0, e.certList)
}

func (e *env) certList(c *cli.Context) error {
	query := filters(c, "vendor", "state")
	oneByOne, err := buildQuery(c, query)
	if err != nil {
		return err
	}
	groups := !oneByOne
	if text := c.String("expiring"); text != "" {
		span, err := parseSpan(text)
		if err != nil {
			return err
		}
		query.Set("expires_before", time.Now().UTC().Add(span).Format(time.RFC3339))
		groups = false
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	certs, err := api.List[api.Certificate](c.Context, client, "/v1/certificates", query)
	if err != nil {
		return err
	}
	if !groups {
		return e.printCertificates(c, certs, certs)
	}
	query.Del("after")
	sums, err := api.List[api.BuildGroup](c.Context, client, "/v1/certificate-groups", query)
	if err != nil {
		return err
	}
	return e.printWithGroups(c, certs, sums)
}

// buildQuery asks for certificates for single builds, if the flags do.
func buildQuery(c *cli.Context, query url.Values) (asked bool, err error) {
	if c.Bool("builds") {
		query.Set("builds", "true")
		asked = true
	}
	if group := c.String("group"); group != "" {
		query.Set("group", group)
		asked = true
	}
	if digest := c.String("build"); digest != "" {
		digest = strings.ToLower(strings.TrimPrefix(digest, "sha256:"))
		if len(digest) != 64 || strings.Trim(digest, "0123456789abcdef") != "" {
			return false, &usageError{text: fmt.Sprintf("--build %q is not a SHA-256", digest), hint: "64 hex digits, as sha256sum prints them of the unsigned file"}
		}
		query.Set("build", "sha256:"+digest)
		asked = true
	}
	return asked, nil
}

// printWithGroups prints certificates, and a line for each group behind them.
func (e *env) printWithGroups(c *cli.Context, certs []api.Certificate, sums []api.BuildGroup) error {
	t := certificateTable(certs)
	records := make([]any, 0, len(certs)+len(sums))
	for _, cert := range certs {
		records = append(records, cert)
	}
	for _, g := range sums {
		records = append(records, g)
		t.rows = append(t.rows, []string{g.Group, g.Vendor, g.Tier, claimsText(g.Claims), groupState(g), moment(g.NotAfter), "one for each build"})
	}
	t.records = records
	return e.printTable(c, t)
}

// groupState says how many there are of each state, and in which hours they were issued.
func groupState(g api.BuildGroup) string {
	var parts []string
	for _, p := range []struct {
		n    int
		name string
	}{{g.Valid, "valid"}, {g.Expired, "expired"}, {g.Revoked, "revoked"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.name))
		}
	}
	hours := g.FirstHour.UTC().Format("15h")
	if last := g.LastHour.UTC().Format("15h"); last != hours {
		hours += " to " + last
	}
	return fmt.Sprintf("%s (%s)", strings.Join(parts, ", "), hours)
}
