package command

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/policy"
)

const policyExamples = `EXAMPLES:
   %[1]s preset slsa-3 > policy.yaml
   %[1]s check policy.yaml
   %[1]s explain policy.yaml openssl
   %[1]s simulate --require slsa-v0.1:4 /srv/mirror/pool

EXIT CODES: 0 it could be done · 1 the policy cannot be used, or would refuse what passes
   today · 64 wrong usage`

// NewPolicy returns the command "policy" for a program that has others too.
func NewPolicy(stdout, stderr io.Writer) *cli.Command {
	return console{stdout, stderr, "hallmark"}.policy()
}

// policy is everything about a policy but judging under it.
func (c console) policy() *cli.Command {
	c.name += " policy"
	at := &cli.StringFlag{Name: "at", Usage: "as if the clock said `TIME`, RFC 3339 or a day"}
	asJSON := &cli.BoolFlag{Name: "json", Usage: "print JSON"}
	vendor := &cli.StringFlag{Name: "vendor", Usage: "the package is by this vendor, the `URI` in its certificate"}
	command := func(name, usage, args, example, codes string, action func(*cli.Context) error, flags ...cli.Flag) *cli.Command {
		return &cli.Command{
			Name: name, Usage: usage, ArgsUsage: args, Flags: flags, HideHelpCommand: true,
			Description:  fmt.Sprintf("EXAMPLE: %s %s\n\nEXIT CODES: %s · 64 wrong usage", c.name, example, codes),
			OnUsageError: c.usage, Action: func(ctx *cli.Context) error {
				if err := c.early(ctx); err != nil {
					return err
				}
				return action(ctx)
			},
		}
	}
	return &cli.Command{
		Name: "policy", Usage: "check, explain and try out a policy", HideHelpCommand: true,
		Description:  "A policy is a YAML file; docs/policy.md describes it.\n\n" + fmt.Sprintf(policyExamples, c.name),
		OnUsageError: c.usage,
		Action: func(ctx *cli.Context) error {
			c.complain(fmt.Sprintf("no command %q", ctx.Args().First()), c.name+" --help lists them")
			return Exit(WrongUsage)
		},
		Subcommands: []*cli.Command{
			command("check", "say whether a policy can be used, and what in it may not be meant so", "FILE",
				"check policy.yaml", "0 it can be used, with or without remarks · 1 it cannot", c.checkPolicy, at, asJSON),
			command("explain", "say in sentences what a policy demands, of everybody or of one package", "FILE [PACKAGE]",
				"explain --vendor https://vendor.example.com policy.yaml openssl", "0 said · 1 the policy cannot be used", c.explainPolicy, vendor, at, asJSON),
			command("simulate", "judge all files below a folder under the policy and under another one", "DIR",
				simulateExample, simulateCodes, c.simulate, simulateFlags()...),
			command("preset", "print a policy to begin with; without a name, list them", "[NAME]", "preset warn-first > policy.yaml", "0 printed", c.preset),
			command("schema", "print the JSON Schema of a policy, for editors", "", "schema > policy.schema.json", "0 printed", c.schema),
		},
	}
}

// early refuses options before the command's name: they are the program's, and would be
// silently not used.
func (c console) early(ctx *cli.Context) error {
	for _, above := range ctx.Lineage()[1:] {
		if above.Command == nil {
			continue
		}
		for _, name := range above.LocalFlagNames() {
			c.complain("--"+name+" comes before the command", "options of a command go after its name: "+c.name+" "+ctx.Command.Name+" --help")
			return Exit(WrongUsage)
		}
	}
	return nil
}

// arguments returns what is named behind the options, at least and at most so many.
func (c console) arguments(ctx *cli.Context, least, most int) ([]string, error) {
	args, err := c.files(ctx)
	if err == nil && (len(args) < least || len(args) > most) {
		c.complain(fmt.Sprintf("%d arguments", len(args)), c.name+" "+ctx.Command.Name+" "+ctx.Command.ArgsUsage)
		err = Exit(WrongUsage)
	}
	return args, err
}

func (c console) clock(ctx *cli.Context) (time.Time, error) {
	o := Options{Now: time.Now}
	if err := o.times(ctx.String("at"), ""); err != nil {
		c.complain(err.Error(), "a day like 2026-01-02, or 2026-01-02T15:04:05Z")
		return time.Time{}, Exit(WrongUsage)
	}
	return o.Now(), nil
}

func readPolicy(path string) (verify.Policy, error) {
	raw, err := read(path, path)
	if err == nil && raw == nil {
		err = fmt.Errorf("%s: no such file", path)
	}
	if err != nil {
		return verify.Policy{}, err
	}
	return verify.ParsePolicy(raw)
}

func (c console) checkPolicy(ctx *cli.Context) error {
	args, err := c.arguments(ctx, 1, 1)
	if err != nil {
		return err
	}
	now, err := c.clock(ctx)
	if err != nil {
		return err
	}
	result := struct {
		File    string   `json:"file"`
		Usable  bool     `json:"usable"`
		Error   string   `json:"error,omitempty"`
		Remarks []string `json:"remarks"`
	}{File: args[0], Remarks: []string{}}
	p, problem := readPolicy(args[0])
	lines := []string{args[0] + ": can be used"}
	if problem == nil {
		result.Usable, result.Remarks = true, append(result.Remarks, policy.Remarks(p, now)...)
		for _, r := range result.Remarks {
			lines = append(lines, "  remark: "+r)
		}
	} else {
		result.Error = problem.Error()
		lines = []string{args[0] + ": cannot be used", "  " + result.Error}
	}
	if err := c.print(ctx.Bool("json"), result, lines); err != nil {
		return err
	}
	if problem != nil {
		return Exit(SomeNotValid)
	}
	return Exit(AllValid)
}

func (c console) explainPolicy(ctx *cli.Context) error {
	args, err := c.arguments(ctx, 1, 2)
	if err != nil {
		return err
	}
	now, err := c.clock(ctx)
	if err != nil {
		return err
	}
	p, err := readPolicy(args[0])
	if err != nil {
		c.complain(err.Error(), "")
		return Exit(SomeNotValid)
	}
	sentences := policy.Explain(p, now)
	if len(args) > 1 || ctx.IsSet("vendor") {
		name := ""
		if len(args) > 1 {
			name = args[1]
		}
		sentences = policy.ExplainFor(p, name, ctx.String("vendor"), now)
	}
	result := struct {
		File      string   `json:"file"`
		Sentences []string `json:"sentences"`
	}{args[0], sentences}
	return c.print(ctx.Bool("json"), result, sentences)
}

func (c console) preset(ctx *cli.Context) error {
	args, err := c.arguments(ctx, 0, 1)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return c.print(false, nil, policy.Presets())
	}
	raw, err := policy.Preset(args[0])
	if err != nil {
		c.complain(err.Error(), "")
		return Exit(WrongUsage)
	}
	return c.print(false, nil, strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n"))
}

func (c console) schema(ctx *cli.Context) error {
	if _, err := c.arguments(ctx, 0, 0); err != nil {
		return err
	}
	return c.print(false, nil, strings.Split(strings.TrimSuffix(string(policy.Schema()), "\n"), "\n"))
}

// print writes a result as JSON, or lines. What could not be written was not said.
func (c console) print(asJSON bool, result any, lines []string) error {
	var out []byte
	if asJSON {
		raw, err := json.Marshal(result)
		if err != nil {
			return err
		}
		out = append(raw, '\n')
	} else {
		for _, l := range lines {
			out = append(append(out, printable(l)...), '\n')
		}
	}
	if _, err := c.stdout.Write(out); err != nil {
		c.complain(err.Error(), "")
		return Exit(SomeUnknown)
	}
	return nil
}

// explainCode prints what a code of a verdict means and what to do about it.
func (c console) explainCode() *cli.Command {
	c.name += " reason"
	return &cli.Command{
		Name: "reason", Usage: "say what a code means and what to do about it", ArgsUsage: "[CODE...]", HideHelpCommand: true,
		Description:  "Without a code, lists them.\n\nEXAMPLE: " + c.name + " revocation-stale\n\nEXIT CODES: 0 said · 64 no such code",
		OnUsageError: c.usage,
		Action: func(ctx *cli.Context) error {
			if err := c.early(ctx); err != nil {
				return err
			}
			codes, err := c.files(ctx)
			if err != nil {
				return err
			}
			all := policy.Reasons()
			var lines []string
			for _, r := range all {
				switch {
				case len(codes) == 0:
					lines = append(lines, string(r.Code))
				case slices.Contains(codes, string(r.Code)):
					lines = append(lines, string(r.Code)+": "+r.Means, "  "+r.Do)
				}
			}
			for _, code := range codes {
				if !slices.ContainsFunc(all, func(r policy.Reason) bool { return string(r.Code) == code }) {
					c.complain(fmt.Sprintf("no code %.64q", code), c.name+" lists them")
					return Exit(WrongUsage)
				}
			}
			return c.print(false, nil, lines)
		},
	}
}
