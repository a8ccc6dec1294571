// Package command answers: how does a person or a hook ask the verifier? It is the
// command line around package verify: the whole of hallmark-verify, and the command
// "hallmark verify".
//
// One verdict line per file on stdout, in the order the files were named, then
// indented reasons; with --json one object per file and line. Errors about the
// command itself, and hints, go to stderr. Text that came from outside is printed
// with its control characters escaped, so that a file's name or a certificate's
// subject cannot write a line of its own.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"
)

// Exit codes. A hook treats everything but 0 as a refusal.
const (
	AllValid     = 0  // every file is valid, or the policy's mode is warn
	SomeNotValid = 1  // at least one file is not valid
	SomeUnknown  = 2  // none is not valid, at least one could not be judged
	WrongUsage   = 64 // EX_USAGE of sysexits.h
)

// Where the machine's owner keeps things.
const (
	DefaultPolicy = "/etc/hallmark/policy.yaml"
	DefaultTrust  = "/etc/hallmark/trust.json"
	DefaultStatus = "/var/lib/hallmark/status.json"
)

// Exit is how the command ends when all has been said: a program that runs it exits
// with this code and prints nothing more. It implements cli.ExitCoder.
type Exit int

func (e Exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// ExitCode returns the code.
func (e Exit) ExitCode() int { return int(e) }

const description = `Judges each FILE: the signature in it (Debian packages) or beside it in FILE.p7s. A
folder is an OCI image layout, named as DIR, DIR:TAG or DIR@sha256:HEX.
The answer is "valid", "not valid" or "could not tell"; only the first should let a
file be installed. Opens no network connection; where the policy says
"attestations: fetch", the program hallmark-fetch does.

Without a policy file at its default place a built-in policy is used, which demands a
good chain, a timestamp and some claim; every verdict then says so.`

const examples = `EXAMPLES:
   %[1]s package.deb
   %[1]s --policy strict.yaml --json *.deb
   %[1]s --trust trust.json --status status.json --at 2026-01-02T15:04:05Z tool.tar.gz

EXIT CODES: 0 every file is valid (or the policy's mode is warn) · 1 at least one is not
   valid · 2 none is not valid, but at least one could not be judged · 64 wrong usage

FILES: ` + DefaultPolicy + `, ` + DefaultTrust + `, ` + DefaultStatus + `
`

func flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "policy", Usage: "what to demand, YAML `FILE` (default: " + DefaultPolicy + ", else built in)"},
		&cli.StringFlag{Name: "trust", Usage: "whom to believe, trust bundle `FILE` (default: " + DefaultTrust + ")"},
		&cli.StringFlag{Name: "status", Usage: "what has been revoked, status bundle `FILE` (default: " + DefaultStatus + ", if it is there)"},
		&cli.StringFlag{Name: "at", Usage: "judge as if the clock said `TIME`, RFC 3339 or a day"},
		&cli.StringFlag{Name: "as-of", Usage: "ask whether it was good at `TIME`, by what is known today: later revocations do not count"},
		&cli.StringFlag{Name: "fetch-program", Usage: "run `FILE` where something is to come from the network (default: hallmark-fetch beside this program)"},
		&cli.BoolFlag{Name: "json", Usage: "one JSON object per file and line"},
	}
}

// New returns the command "verify" for a program that has others too. Its action
// returns Exit; usage errors have been printed to stderr by then.
func New(stdout, stderr io.Writer) *cli.Command {
	c := console{stdout, stderr, "hallmark verify"}
	return &cli.Command{
		Name: "verify", Usage: "judge signed files", ArgsUsage: "FILE...", Flags: flags(),
		Description:            description + "\n\n" + fmt.Sprintf(examples, c.name),
		UseShortOptionHandling: false,
		OnUsageError:           c.usage,
		Action:                 c.action,
	}
}

// Run is the whole of the program hallmark-verify: args as in os.Args, the result is
// the exit code. A signal ends judging at once, as there is nothing to undo; commands
// see their context end.
func Run(ctx context.Context, args []string, version string, stdout, stderr io.Writer) int {
	c := console{stdout, stderr, "hallmark-verify"}
	if l, ok := plainLine(args[min(1, len(args)):]); ok {
		o, err := c.optionsOf(l)
		if err != nil {
			return WrongUsage
		}
		return c.judge(ctx, o, l.files)
	}
	if asksVersion(args) && len(args) > 2 {
		c.complain("--version stands alone", "a file of that name is ./--version")
		return WrongUsage
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	app := &cli.App{
		Name: c.name, Usage: "judge signed files before they are installed", UsageText: c.name + " [options] FILE...",
		Version: version, Description: description, Flags: flags(), HideHelpCommand: true,
		Commands: c.commands(),
		Writer:   stdout, ErrWriter: stderr,
		CustomAppHelpTemplate: cli.AppHelpTemplate + "\n" + fmt.Sprintf(examples, c.name),
		ExitErrHandler:        func(*cli.Context, error) {}, // a library does not end the process
		OnUsageError:          c.usage,
		Action:                c.action,
	}
	err := app.RunContext(ctx, args)
	var exit Exit
	switch {
	case err == nil:
		return AllValid // --help and --version: everything else returns Exit
	case errors.As(err, &exit):
		return int(exit)
	}
	c.complain(err.Error(), "")
	return WrongUsage
}

// asksVersion reports whether the flag library would print the version, judge nothing and
// say 0: whoever has a folder judged with * and gets a file of that name into it must not
// have the others found valid.
func asksVersion(args []string) bool {
	for _, a := range args[min(1, len(args)):] {
		if !strings.HasPrefix(a, "-") {
			return false
		}
		if name, _, _ := strings.Cut(strings.TrimLeft(a, "-"), "="); name == "version" || name == "v" {
			return true
		}
	}
	return false
}

// console is where the command talks to.
type console struct {
	stdout, stderr io.Writer
	name           string
}

func (c console) complain(text, hint string) {
	fmt.Fprintf(c.stderr, "%s: %s\n", c.name, printable(text))
	if hint != "" {
		fmt.Fprintf(c.stderr, "hint: %s\n", hint)
	}
}

func (c console) usage(_ *cli.Context, err error, _ bool) error {
	c.complain(err.Error(), c.name+" --help lists the options and shows examples")
	return Exit(WrongUsage)
}

// action turns flags into Options.
func (c console) action(ctx *cli.Context) error {
	files, err := c.files(ctx)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		c.complain("no file named", c.name+" FILE...")
		return Exit(WrongUsage)
	}
	o, err := c.options(ctx)
	if err != nil {
		return err
	}
	return Exit(c.judge(ctx.Context, o, files))
}

// options reads the flags; what is wrong with them has been printed.
func (c console) options(ctx *cli.Context) (Options, error) {
	l := flagLine(ctx)
	for name, value := range map[string]string{"policy": l.policy, "trust": l.trust, "status": l.status, "at": l.at, "as-of": l.asOf, "fetch-program": l.fetchProgram} {
		if ctx.IsSet(name) && value == "" {
			c.complain("--"+name+" is empty", "leave the option out for the default")
			return Options{}, Exit(WrongUsage)
		}
	}
	return c.optionsOf(l)
}

// optionsOf turns a command line into Options; what is wrong with it has been printed.
func (c console) optionsOf(l line) (Options, error) {
	o := Options{Policy: l.policy, Trust: l.trust, Status: l.status, FetchProgram: l.fetchProgram, JSON: l.json, Now: time.Now}
	if err := o.times(l.at, l.asOf); err != nil {
		c.complain(err.Error(), "a day like 2026-01-02, or 2026-01-02T15:04:05Z")
		return Options{}, Exit(WrongUsage)
	}
	return o, nil
}

// files returns what is named behind the options. The flag library takes what follows the
// first file for files, and a policy that is silently not used is the worst that could
// happen here.
func (c console) files(ctx *cli.Context) ([]string, error) {
	files := ctx.Args().Slice()
	for _, f := range files {
		if strings.HasPrefix(f, "-") {
			c.complain(fmt.Sprintf("%q comes after a file", f), "options go before the files; a file of that name is ./"+printable(f))
			return nil, Exit(WrongUsage)
		}
	}
	return files, nil
}

// times sets the clock and the moment that is asked for.
func (o *Options) times(at, asOf string) error {
	if at != "" {
		t, err := parseTime(at)
		if err != nil {
			return fmt.Errorf("--at %w", err)
		}
		o.Now = func() time.Time { return t }
	}
	if asOf == "" {
		return nil
	}
	var err error
	if o.AsOf, err = parseTime(asOf); err != nil {
		return fmt.Errorf("--as-of %w", err)
	}
	if o.AsOf.After(o.Now()) {
		return fmt.Errorf("--as-of %s has not come yet", asOf)
	}
	return nil
}

func parseTime(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%.40q is not a time", s)
	}
	return t, nil
}
