package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/hallmark-pki/hallmark/server/api"
	verification "github.com/hallmark-pki/hallmark/verify/command"
	"github.com/urfave/cli/v2"
)

// Exit codes, the same for every command but verify (which has its own, see its help).
const (
	exitOK      = 0
	exitRefused = 1  // it could not be done: refused, not found, unreachable, bad content
	exitUsage   = 64 // the command line is wrong (EX_USAGE of sysexits.h)
)

const exitCodesHelp = "EXIT CODES: 0 done · 1 refused or failed, the message says why · 64 wrong usage"

// env is what a command may touch of the outside.
type env struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
}

// usageError is an error in how a command was called.
type usageError struct{ text, hint string }

func (e *usageError) Error() string { return e.text }

// hinted is an error with advice.
type hinted struct {
	err  error
	hint string
}

func (e *hinted) Error() string { return e.err.Error() }
func (e *hinted) Unwrap() error { return e.err }

func withHint(err error, hint string) error {
	if err == nil {
		return nil
	}
	return &hinted{err, hint}
}

// exitWith ends a command with a code and no message: it has said everything.
type exitWith int

func (e exitWith) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	e := &env{stdin: stdin, stdout: stdout, stderr: stderr}
	err := newApp(e).RunContext(ctx, args)
	return e.report(err)
}

// report prints an error and its hint, and returns the exit code.
func (e *env) report(err error) int {
	var (
		usage   *usageError
		advised *hinted
		refused *api.Problem
		code    exitWith
		verdict verification.Exit
	)
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &verdict):
		return int(verdict)
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usage):
		fmt.Fprintln(e.stderr, "hallmark: error:", err)
		if usage.hint != "" {
			fmt.Fprintln(e.stderr, "hallmark: hint:", usage.hint)
		}
		return exitUsage
	}
	fmt.Fprintln(e.stderr, "hallmark: error:", err)
	if errors.As(err, &refused) {
		printRules(e.stderr, refused.Rules)
		if refused.Hint != "" {
			fmt.Fprintln(e.stderr, "hallmark: hint:", refused.Hint)
		}
	} else if errors.As(err, &advised) {
		fmt.Fprintln(e.stderr, "hallmark: hint:", advised.hint)
	}
	return exitRefused
}

func newApp(e *env) *cli.App {
	return &cli.App{
		Name:                 "hallmark",
		Usage:                "a certificate authority for code signing that says how well software is built",
		Version:              version,
		Reader:               e.stdin,
		Writer:               e.stdout,
		ErrWriter:            e.stderr,
		EnableBashCompletion: os.Getenv(completionEnv) != "",
		Suggest:              true,
		Flags:                []cli.Flag{homeFlag, passphraseFlag},
		ExitErrHandler:       func(*cli.Context, error) {}, // run reports
		OnUsageError:         onUsageError,
		CommandNotFound:      nil,
		Action:               e.noCommand,
		CustomAppHelpTemplate: cli.AppHelpTemplate + "\n" + exitCodesHelp + `

FIRST STEPS:
   administrator  hallmark init --dir ca --name "Example CA" --organization "Example" --country US
                  hallmark serve --dir ca
   everybody      hallmark enroll TOKEN
   try it         hallmark demo
`,
		Commands: []*cli.Command{
			e.initCommand(), e.ceremonyCommand(), e.rolloverCommand(), e.serveCommand(), e.doctorCommand(), e.enrollCommand(), e.statusCommand(),
			e.vendorCommand(), e.auditorCommand(), e.auditCommand(),
			e.certCommand(), e.acmeCommand(), e.signCommand(), e.digestCommand(), e.ciCommand(), e.factorCommand(),
			e.incidentCommand(), e.attestCommand(), e.rebuildCommand(), e.rebuilderCommand(),
			e.trustCommand(), e.keysCommand(), e.ledgerCommand(), e.verifyCommand(), e.policyCommand(),
			e.demoCommand(), e.completionCommand(),
		},
	}
}

func onUsageError(_ *cli.Context, err error, _ bool) error {
	return &usageError{text: err.Error(), hint: "flags stand before arguments; --help shows an example"}
}

func (e *env) noCommand(c *cli.Context) error {
	if c.Args().Present() {
		return &usageError{text: fmt.Sprintf("there is no command %q", c.Args().First()), hint: "'hallmark --help' lists the commands"}
	}
	return cli.ShowAppHelp(c)
}

// command finishes a cli.Command: how many arguments it takes, and that a flag
// behind an argument is an error. (urfave/cli v2 would take it as one more
// argument, silently: "verify file --policy strict" would run without the policy.)
func command(c cli.Command, minArgs, maxArgs int, action func(*cli.Context) error) *cli.Command {
	c.OnUsageError = onUsageError
	c.Flags = append(c.Flags, homeFlag, passphraseFlag)
	c.Description = strings.TrimSpace(c.Description) + "\n\n" + exitCodesHelp
	c.Action = func(ctx *cli.Context) error {
		for _, arg := range ctx.Args().Slice() {
			if strings.HasPrefix(arg, "-") && arg != "-" {
				return &usageError{text: fmt.Sprintf("flag %s stands behind an argument", arg), hint: "put flags before arguments"}
			}
		}
		if n := ctx.NArg(); n < minArgs || (maxArgs >= 0 && n > maxArgs) {
			return &usageError{text: fmt.Sprintf("%s takes %s, got %d", ctx.Command.HelpName, countArgs(minArgs, maxArgs), n), hint: "usage: " + ctx.Command.HelpName + " [flags] " + ctx.Command.ArgsUsage}
		}
		return action(ctx)
	}
	return &c
}

// need checks for required flags. (The library's own check prints the whole help
// to stdout, and its error cannot be told from others.)
func need(c *cli.Context, names ...string) error {
	for _, name := range names {
		if !c.IsSet(name) {
			return &usageError{text: fmt.Sprintf("%s needs --%s", c.Command.HelpName, name), hint: "'" + c.Command.HelpName + " --help' shows an example"}
		}
	}
	return nil
}

func countArgs(minArgs, maxArgs int) string {
	switch {
	case minArgs == maxArgs && minArgs == 0:
		return "no arguments"
	case minArgs == maxArgs && minArgs == 1:
		return "one argument"
	case minArgs == maxArgs:
		return fmt.Sprintf("%d arguments", minArgs)
	case maxArgs < 0:
		return fmt.Sprintf("at least %d argument(s)", minArgs)
	}
	return fmt.Sprintf("%d to %d arguments", minArgs, maxArgs)
}

// group is a command that only holds others.
func group(name, usage string, commands ...*cli.Command) *cli.Command {
	return &cli.Command{
		Name: name, Usage: usage, Subcommands: commands, OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return &usageError{text: fmt.Sprintf("there is no command %q", name+" "+c.Args().First()), hint: "'hallmark " + name + " --help' lists the commands"}
			}
			return cli.ShowSubcommandHelp(c)
		},
	}
}

// readBounded reads a file that a person named, up to a bound. "-" is stdin.
func (e *env) readBounded(path string, maxBytes int64) ([]byte, error) {
	in := e.stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	raw, err := io.ReadAll(io.LimitReader(in, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if int64(len(raw)) > maxBytes {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxBytes)
	}
	return raw, nil
}
