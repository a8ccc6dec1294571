package command

import (
	"context"
	"fmt"
	"io/fs"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/installed"
	"github.com/hallmark-pki/hallmark/verify/scan"
)

// machineOptions are the flags of the commands that ask about a whole machine.
type machineOptions struct {
	Options
	root, records, archive string
	all, recordedOnly      bool
}

func machineFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "trust", Usage: "whom to believe, trust bundle `FILE` (default: " + DefaultTrust + ")"},
		&cli.StringFlag{Name: "at", Usage: "judge as if the clock said `TIME`, RFC 3339 or a day"},
		&cli.StringFlag{Name: "root", Value: "/", Usage: "the machine whose root folder is `DIR`: a container's, or a disk that is mounted there"},
		&cli.StringFlag{Name: "records", Usage: "records of installations in `DIR` (default: " + installed.DefaultDir + " below the root folder)"},
		&cli.BoolFlag{Name: "json", Usage: "one JSON object per package and line, the last one a summary"},
		&cli.BoolFlag{Name: "all", Usage: "list every package, not only those that need a look"},
		&cli.BoolFlag{Name: "recorded-only", Usage: "packages of which nothing is recorded do not count for the exit code"},
	}
}

// machine reads the flags. The policy of a container is not asked for, nor its trust: they
// would be those of whoever built it.
func (c console) machine(ctx *cli.Context) (machineOptions, error) {
	if ctx.Args().Present() {
		c.complain(fmt.Sprintf("%q is one argument too many", ctx.Args().First()), c.name+" "+ctx.Command.Name+" --help shows examples")
		return machineOptions{}, Exit(WrongUsage)
	}
	o := machineOptions{
		Options: Options{Policy: ctx.String("policy"), Trust: ctx.String("trust"), Status: ctx.String("status"), JSON: ctx.Bool("json"), Now: time.Now, offline: true},
		root:    ctx.String("root"), records: ctx.String("records"), all: ctx.Bool("all"), recordedOnly: ctx.Bool("recorded-only"),
	}
	outer := ctx.Lineage()[1]
	for _, name := range []string{"policy", "trust", "status", "at", "as-of", "json", "root", "records"} {
		if outer.IsSet(name) {
			// It would be passed over, and another policy judge.
			c.complain("--"+name+" comes before "+ctx.Command.Name, "options go after the command: "+c.name+" "+ctx.Command.Name+" --"+name+" ...")
			return machineOptions{}, Exit(WrongUsage)
		}
		if name != "json" && ctx.IsSet(name) && ctx.String(name) == "" {
			c.complain("--"+name+" is empty", "leave the option out for the default")
			return machineOptions{}, Exit(WrongUsage)
		}
	}
	if err := o.times(ctx.String("at"), ctx.String("as-of")); err != nil {
		c.complain(err.Error(), "a day like 2026-01-02, or 2026-01-02T15:04:05Z")
		return machineOptions{}, Exit(WrongUsage)
	}
	return o, nil
}

// open reads what is installed and finds the records and the judge. On an error all has
// been said, and the result is how to exit.
func (c console) open(ctx context.Context, o machineOptions) (config scan.Config, policy verify.Policy, done func() error, err error) {
	v, policy, p := o.load()
	if p != nil {
		c.complain(p.reason.String(), p.hint)
		return scan.Config{}, policy, nil, Exit(SomeUnknown)
	}
	config.Judge, config.File, config.Archive = v, v.File, o.archive
	if config.Packages, err = installed.Packages(ctx, o.root); err != nil {
		c.complain(err.Error(), "what cannot be listed cannot be judged; --root names another root folder")
		return scan.Config{}, policy, nil, Exit(SomeUnknown)
	}
	if config.Records, done, err = o.openRecords(); err != nil {
		c.complain(err.Error(), "--records names another folder of records")
		return scan.Config{}, policy, nil, Exit(SomeUnknown)
	}
	return config, policy, done, nil
}

func (o machineOptions) openRecords() (fs.FS, func() error, error) {
	if o.records != "" {
		return installed.Records("/", o.records)
	}
	return installed.Records(o.root, installed.DefaultDir)
}
