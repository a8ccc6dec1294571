package command

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/policy"
)

const (
	simulateExample = `simulate --require slsa-v0.1:4 pool

Judges every file below DIR twice: under the policy of the machine, or --policy, and
under the proposed one, which is exactly one of --proposed, --preset and --require.
Nothing is installed or changed.`
	simulateCodes = `0 nothing that passes today would be refused · 1 something would ·
   2 neither, but something could not be judged under the proposed policy`
)

func simulateFlags() []cli.Flag {
	var shared []cli.Flag
	for _, f := range flags() {
		if name := f.Names()[0]; name != "as-of" {
			shared = append(shared, f)
		}
	}
	return append(shared,
		&cli.StringFlag{Name: "proposed", Usage: "the other policy, YAML `FILE`"},
		&cli.StringFlag{Name: "preset", Usage: "the other policy, a preset's `NAME`"},
		&cli.StringFlag{Name: "require", Usage: "the other policy is the same with this `CLAIM` demanded at its top: slsa-v0.1:3 or slsa-v1.2/build:3, several with a comma"},
		&cli.BoolFlag{Name: "all", Usage: "list files for which nothing changes, too"},
	)
}

func (c console) simulate(ctx *cli.Context) error {
	args, err := c.arguments(ctx, 1, 1)
	if err != nil {
		return err
	}
	o := Options{
		Policy: ctx.String("policy"), Trust: ctx.String("trust"), Status: ctx.String("status"), JSON: ctx.Bool("json"),
		FetchProgram: ctx.String("fetch-program"), Now: time.Now,
	}
	if err := o.times(ctx.String("at"), ""); err != nil {
		c.complain(err.Error(), "a day like 2026-01-02, or 2026-01-02T15:04:05Z")
		return Exit(WrongUsage)
	}
	config, problem := o.config()
	if problem != nil {
		c.complain(problem.reason.String(), problem.hint)
		return Exit(SomeUnknown)
	}
	proposed, err := proposal(ctx, config.Policy)
	if err != nil {
		c.complain(err.Error(), c.name+" simulate --help")
		return Exit(WrongUsage)
	}
	o.fetcher(&config, proposed)
	s, err := policy.NewSimulator(config, proposed)
	if err != nil {
		c.complain(err.Error(), "")
		return Exit(SomeUnknown)
	}
	files, err := policy.Files(args[0])
	if err != nil {
		c.complain(err.Error(), "")
		return Exit(WrongUsage)
	}
	return c.trials(ctx.Context, s, files, o.JSON, ctx.Bool("all"))
}

// proposal is the other policy.
func proposal(ctx *cli.Context, current verify.Policy) (verify.Policy, error) {
	file, preset, require := ctx.String("proposed"), ctx.String("preset"), ctx.String("require")
	named := 0
	for _, s := range []string{file, preset, require} {
		if s != "" {
			named++
		}
	}
	switch {
	case named != 1:
		return verify.Policy{}, fmt.Errorf("%d policies proposed, want one: --proposed, --preset or --require", named)
	case file != "":
		return readPolicy(file)
	case preset != "":
		raw, err := policy.Preset(preset)
		if err != nil {
			return verify.Policy{}, err
		}
		return verify.ParsePolicy(raw)
	}
	wanted, err := policy.ParseRequire(require)
	current.Require, current.BuiltIn = wanted, false
	return current, err
}

// trials prints what would change, and returns the exit code.
func (c console) trials(ctx context.Context, s *policy.Simulator, files []string, asJSON, all bool) error {
	out := bufio.NewWriter(c.stdout)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	count := map[policy.Change]int{}
	unknown := 0
	for t := range inOrder(files, func(path string) policy.Trial { return s.Try(ctx, path) }) {
		if len(count) == 0 && !asJSON {
			fmt.Fprintln(table, "CHANGE\tFILE\tPACKAGE\tTODAY\tPROPOSED")
		}
		count[t.Change]++
		if t.Proposed.Outcome == verify.CouldNotTell {
			unknown++
		}
		var err error
		switch {
		case asJSON:
			err = writeTrial(out, t)
		case all || t.Change != policy.Same:
			_, err = fmt.Fprintln(table, trialLine(t))
		}
		if err != nil {
			return c.lost(err)
		}
	}
	if err := table.Flush(); err != nil {
		return c.lost(err)
	}
	if !asJSON {
		fmt.Fprintf(out, "%d files: %d would be refused that pass today, %d would pass that are refused today, %d as before\n",
			len(files), count[policy.Breaks], count[policy.Passes], count[policy.Same])
	}
	if err := out.Flush(); err != nil {
		return c.lost(err)
	}
	switch {
	case count[policy.Breaks] > 0:
		return Exit(SomeNotValid)
	case unknown > 0:
		return Exit(SomeUnknown)
	}
	return Exit(AllValid)
}

func (c console) lost(err error) error {
	c.complain(err.Error(), "")
	return Exit(SomeUnknown)
}

func trialLine(t policy.Trial) string {
	is := t.Proposed.Package
	name := "-"
	if is.Name != "" {
		name = is.Name + " " + is.Version
	}
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%s", t.Change, printable(t.File), printable(name), brief(t.Current), brief(t.Proposed))
}

// brief is a verdict in a cell: its outcome and the codes.
func brief(v verify.Verdict) string {
	s := v.Outcome.String()
	for i, r := range v.Reasons {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		s += sep + string(r.Code)
	}
	if v.Warn && v.Outcome != verify.Valid {
		s += " (warn)"
	}
	return s
}

func writeTrial(w io.Writer, t policy.Trial) error {
	raw, err := json.Marshal(struct {
		File     string         `json:"file"`
		Change   policy.Change  `json:"change"`
		Current  verify.Verdict `json:"current"`
		Proposed verify.Verdict `json:"proposed"`
	}{t.File, t.Change, t.Current, t.Proposed})
	if err != nil {
		return err
	}
	_, err = w.Write(append(raw, '\n'))
	return err
}
