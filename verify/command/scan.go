package command

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/scan"
)

const scanDescription = `Judges again, by the trust, status and policy of today, what the package managers of this
machine (dpkg, pacman, rpm) say is installed: by the signatures that were recorded when it
was installed. Opens no network connection; what would have to be fetched could not be told.

Prints a table by vendor and level, and then each package that needs a look. A package of
which nothing is recorded is counted as no-record, and --all lists it. States: valid,
not-valid, unsigned (installed without a signature), could-not-tell, other-version (recorded
are other versions than the one installed), no-record.

EXAMPLES:
   hallmark-verify scan
   hallmark-verify scan --policy strict.yaml --json > scan.jsonl
   hallmark-verify scan --root /mnt/image --recorded-only

EXIT CODES: as hallmark-verify FILE. unsigned is not valid; could-not-tell, other-version and
   no-record count as files that could not be judged, no-record not with --recorded-only`

func (c console) scanCommand() *cli.Command {
	return &cli.Command{
		Name: "scan", Usage: "judge again all that is installed on this machine", UsageText: c.name + " scan [options]", Description: scanDescription,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "policy", Usage: "what to demand, YAML `FILE` (default: " + DefaultPolicy + ", else built in)"},
			&cli.StringFlag{Name: "status", Usage: "what has been revoked, status bundle `FILE` (default: " + DefaultStatus + ", if it is there)"},
			&cli.StringFlag{Name: "archive", Usage: "where apt keeps packages, `DIR`: those without a record are judged by a signed file there (default: " + scan.Archive + " of this machine; none with --root)"},
			&cli.StringFlag{Name: "as-of", Usage: "ask whether it was good at `TIME`, by what is known today: later revocations do not count"},
		}, machineFlags()...),
		OnUsageError: c.usage,
		Action: func(ctx *cli.Context) error {
			o, err := c.machine(ctx)
			if err != nil {
				return err
			}
			o.Packages = true
			if o.archive = ctx.String("archive"); o.archive == "" && !ctx.IsSet("root") {
				o.archive = scan.Archive
			}
			return Exit(c.scan(ctx.Context, o))
		},
	}
}

func (c console) scan(ctx context.Context, o machineOptions) int {
	config, policy, done, err := c.open(ctx, o)
	if err != nil {
		return exitOf(err)
	}
	defer done()
	return c.scanned(ctx, o, config, policy)
}

// scanned prints the answer.
func (c console) scanned(ctx context.Context, o machineOptions, config scan.Config, policy verify.Policy) int {
	out, summary := bufio.NewWriter(c.stdout), newSummary()
	var look strings.Builder // printed after the table
	bar, done := c.progress(len(config.Packages)), 0
	for item := range scan.Packages(ctx, config) {
		done++
		bar.step(done)
		summary.add(item)
		switch {
		case o.JSON:
			writeJSON(out, item)
		case o.all || item.State != scan.Valid && item.State != scan.NoRecord:
			look.WriteString(itemText(item))
		}
	}
	bar.clear()
	if o.JSON {
		writeJSON(out, summary.wire(policy))
	} else {
		summary.print(out, o.all)
		io.WriteString(out, look.String())
	}
	if err := out.Flush(); err != nil {
		c.complain(err.Error(), "") // nobody has seen the answer
		return SomeUnknown
	}
	return c.exitCode(summary.counts(o.recordedOnly))
}

// writeJSON leaves errors to the writer's Flush: what it cannot write it remembers, and
// nothing that is written here cannot be encoded.
func writeJSON(w io.Writer, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	w.Write(append(raw, '\n'))
}

func exitOf(err error) int {
	if exit, ok := err.(Exit); ok {
		return int(exit)
	}
	return SomeUnknown
}

// itemText is a package for people: like a file, with its state for a verdict.
func itemText(item scan.Item) string {
	head := printable(item.Package.String()+": "+string(item.State)) + "\n"
	if !item.Judged {
		if item.Detail == "" {
			return head
		}
		return head + "  " + printable(item.Detail) + "\n"
	}
	_, rest, _ := strings.Cut(text(item.Verdict), "\n")
	if item.Detail != "" {
		head += "  " + printable(item.Detail) + "\n"
	}
	return head + rest
}

// group is a row of the table.
type group struct{ vendor, level string }

type scanSummary struct {
	packages int
	states   map[scan.State]int
	warned   map[scan.State]int // of the states: those for which the policy's mode is warn
	groups   map[group]map[scan.State]int
}

func newSummary() scanSummary {
	return scanSummary{states: map[scan.State]int{}, warned: map[scan.State]int{}, groups: map[group]map[scan.State]int{}}
}

func (s *scanSummary) add(item scan.Item) {
	s.packages++
	s.states[item.State]++
	if item.Verdict.Warn && item.State != scan.Valid {
		s.warned[item.State]++
	}
	g := group{vendor: item.Verdict.Vendor, level: "-"}
	switch {
	case item.State == scan.Unsigned || item.State == scan.NoRecord || item.State == scan.OtherVersion:
		g.vendor = "(" + string(item.State) + ")"
	case !item.Judged:
		g.vendor = "(record unusable)"
	case g.vendor == "":
		g.vendor = "(no signer that is trusted)"
	}
	var levels []string
	for _, c := range item.Verdict.Claims {
		levels = append(levels, c.LevelID)
	}
	if len(levels) > 0 {
		slices.Sort(levels)
		g.level = strings.Join(levels, " ")
	}
	if s.groups[g] == nil {
		s.groups[g] = map[scan.State]int{}
	}
	s.groups[g][item.State]++
}

// counts are the packages that the exit code is about.
func (s scanSummary) counts(recordedOnly bool) (notValid, unknown, warned int) {
	for state, n := range s.states {
		if state == scan.NoRecord && recordedOnly {
			continue
		}
		warned += s.warned[state]
		switch state.Outcome() {
		case verify.NotValid:
			notValid += n - s.warned[state]
		case verify.CouldNotTell:
			unknown += n - s.warned[state]
		}
	}
	return notValid, unknown, warned
}

func (s scanSummary) print(w io.Writer, all bool) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "VENDOR\tLEVEL\tPACKAGES\tVALID\tNOT VALID\tCOULD NOT TELL")
	groups := make([]group, 0, len(s.groups))
	for g := range s.groups {
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b group) int {
		// Vendors first, then what has none.
		return cmp.Or(cmp.Compare(withoutVendor(a.vendor), withoutVendor(b.vendor)), cmp.Compare(a.vendor, b.vendor), cmp.Compare(a.level, b.level))
	})
	for _, g := range groups {
		n := map[verify.Outcome]int{}
		for state, packages := range s.groups[g] {
			n[state.Outcome()] += packages
		}
		valid, not, unknown := n[verify.Valid], n[verify.NotValid], n[verify.CouldNotTell]
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%d\n", printable(g.vendor), printable(g.level), valid+not+unknown, valid, not, unknown)
	}
	table.Flush() // to a bufio.Writer, which remembers errors
	var parts []string
	for _, state := range scan.States() {
		more := ""
		if state == scan.NoRecord && !all {
			more = " (--all lists them)"
		}
		if n := s.states[state]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s%s", n, state, more))
		}
	}
	if s.packages == 0 {
		parts = []string{"none is installed"}
	}
	fmt.Fprintf(w, "%d packages: %s\n", s.packages, strings.Join(parts, ", "))
}

// wire is the last line of --json.
func (s scanSummary) wire(p verify.Policy) any {
	type totals struct {
		Packages int                `json:"packages"`
		States   map[scan.State]int `json:"states"`
		Mode     verify.Mode        `json:"mode"`
	}
	return struct {
		Summary totals `json:"summary"`
	}{totals{s.packages, s.states, p.Mode}}
}

// withoutVendor is 1 for a row that is of no vendor. A vendor is a URI and begins otherwise.
func withoutVendor(vendor string) int {
	if strings.HasPrefix(vendor, "(") {
		return 1
	}
	return 0
}
