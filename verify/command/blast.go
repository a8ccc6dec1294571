package command

import (
	"bufio"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/hallmark-pki/hallmark/verify/scan"
)

const blastDescription = `After an incident: which packages that are, or once were, installed on this machine did a
vendor, a certificate or an assessment bring here? Goes by the signatures that were recorded
at installation and by trusted timestamps; what is revoked counts like the rest. Opens no
network connection.

What cannot be told is listed too, and is no all-clear: packages of which nothing is recorded,
and signatures by nobody whom the trust bundle knows today. A builder cannot be asked for: the
CA knows which builds it took part in, a signature does not say.

EXAMPLES:
   hallmark-verify blast --vendor https://vendor.example.com --since 2026-02-01
   hallmark-verify blast --serial 5a:01:9c --json
   hallmark-verify blast --assessment 2cf24dba... --since 2026-02-01 --until 2026-03-01

EXIT CODES: 0 nothing came from there · 1 something did · 2 nothing is known to, but of
   some packages it cannot be told · 64 wrong usage`

func (c console) blastCommand() *cli.Command {
	return &cli.Command{
		Name: "blast", Usage: "what on this machine came from a vendor, certificate or assessment", Description: blastDescription,
		UsageText: c.name + " blast --vendor URI|--serial HEX|--assessment DIGEST [options]",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "vendor", Usage: "the vendor's `URI`, as verdicts print it"},
			&cli.StringFlag{Name: "serial", Usage: "a certificate's serial number in `HEX`"},
			&cli.StringFlag{Name: "assessment", Usage: "the SHA-256 of an assessment, `DIGEST` in hex"},
			&cli.StringFlag{Name: "since", Usage: "signed at or after `TIME`, RFC 3339 or a day"},
			&cli.StringFlag{Name: "until", Usage: "signed before `TIME`"},
		}, machineFlags()...),
		OnUsageError: c.usage,
		Action: func(ctx *cli.Context) error {
			o, err := c.machine(ctx)
			if err != nil {
				return err
			}
			q, err := parseQuery(ctx)
			if err != nil {
				c.complain(err.Error(), "for example --vendor https://vendor.example.com --since 2026-02-01")
				return Exit(WrongUsage)
			}
			o.identify = true
			return Exit(c.blast(ctx.Context, o, q))
		},
	}
}

func parseQuery(ctx *cli.Context) (scan.Query, error) {
	q := scan.Query{Vendor: ctx.String("vendor")}
	for _, f := range []struct {
		name string
		read func(string) error
	}{
		{"vendor", func(string) error { return nil }},
		{"serial", func(s string) (err error) { q.Serial, err = scan.ParseSerial(s); return err }},
		{"assessment", func(s string) (err error) { q.Assessment, err = scan.ParseAssessment(s); return err }},
		{"since", func(s string) (err error) { q.Since, err = parseTime(s); return err }},
		{"until", func(s string) (err error) { q.Until, err = parseTime(s); return err }},
	} {
		if !ctx.IsSet(f.name) {
			continue
		}
		value := ctx.String(f.name)
		if value == "" {
			// Of an empty variable in somebody's script: it must not ask for everything.
			return scan.Query{}, fmt.Errorf("--%s is empty", f.name)
		}
		if err := f.read(value); err != nil {
			return scan.Query{}, fmt.Errorf("--%s %.100q: %w", f.name, value, err)
		}
	}
	return q, q.Check()
}

func (c console) blast(ctx context.Context, o machineOptions, q scan.Query) int {
	config, _, done, err := c.open(ctx, o)
	if err != nil {
		return exitOf(err)
	}
	defer done()
	traces, err := scan.Blast(ctx, config, q)
	if err != nil {
		c.complain(err.Error(), "--records names another folder of records")
		return SomeUnknown
	}
	return c.blasted(o, q, traces, len(config.Packages))
}

// blasted prints the answer.
func (c console) blasted(o machineOptions, q scan.Query, traces iter.Seq[scan.Trace], total int) int {
	out, found := bufio.NewWriter(c.stdout), findings{}
	bar, done := c.progress(total), 0
	for t := range traces {
		done = min(done+1, total) // records of what is no longer installed come on top
		bar.step(done)
		found.add(t)
		if o.JSON && (o.all || t.Hit || t.Unknown) {
			writeJSON(out, t)
		}
	}
	bar.clear()
	if o.JSON {
		writeJSON(out, found.wire())
	} else {
		found.print(out, o.all)
	}
	if err := out.Flush(); err != nil {
		c.complain(err.Error(), "")
		return SomeUnknown
	}
	if len(found.hits) == 0 && q.Vendor != "" && len(found.vendors) > 0 {
		slices.Sort(found.vendors)
		c.complain("nothing by "+q.Vendor, "packages here are by "+printable(strings.Join(found.vendors, ", ")))
	}
	switch {
	case len(found.hits) > 0:
		return SomeNotValid
	case len(found.unknown) > 0 || len(found.bare) > 0 && !o.recordedOnly:
		return SomeUnknown
	}
	return AllValid
}
