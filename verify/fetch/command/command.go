// Package command is the command line of hallmark-fetch: the part of the verifier that
// opens network connections. hallmark-verify starts it where its owner wants something
// from outside, and is itself linked without HTTP and TLS. It judges no file: what it
// fetches is judged by who asked, and bundles are held against what this machine trusts
// already (package verify/update).
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/child"
	"github.com/hallmark-pki/hallmark/verify/fetch"
)

// Exit codes besides 0 and child.Absent.
const (
	failed     = 1
	wrongUsage = 64 // EX_USAGE of sysexits.h
)

// Run is the whole of the program hallmark-fetch: args as in os.Args, the result is the
// exit code.
func Run(ctx context.Context, args []string, version string, stdin *os.File, stdout, stderr io.Writer) int {
	p := program{stdin: stdin, stdout: stdout, stderr: stderr, version: version, fetcher: fetch.New(nil), asks: isTerminal(stdin), now: time.Now}
	return p.run(ctx, args)
}

// program is the command with what it talks to.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	version        string
	fetcher        verify.Fetcher
	asks           bool // somebody reads stderr and can answer on stdin
	now            func() time.Time
}

// exit is a code to end with when all has been said.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// ExitCode makes it a cli.ExitCoder.
func (e exit) ExitCode() int { return int(e) }

func (p program) run(ctx context.Context, args []string) int {
	app := &cli.App{
		Name: child.Name, Usage: "fetch what hallmark-verify may not fetch itself", UsageText: child.Name + " COMMAND [options]",
		Version: p.version, HideHelpCommand: true, Commands: p.commands(),
		Writer: p.stdout, ErrWriter: p.stderr,
		ExitErrHandler: func(*cli.Context, error) {}, // a library does not end the process
		OnUsageError:   func(_ *cli.Context, err error, _ bool) error { return p.usage(err.Error()) },
		Action: func(ctx *cli.Context) error {
			if ctx.Args().Present() {
				return p.usage(fmt.Sprintf("no command %.40q", ctx.Args().First()))
			}
			return p.usage("no command named")
		},
	}
	err := app.RunContext(ctx, args)
	var code exit
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	}
	p.complain(err.Error(), "")
	return failed
}

// commands is everything that opens sockets on a machine that installs software.
func (p program) commands() []*cli.Command {
	return []*cli.Command{p.evidenceCommand(), p.updateCommand(), p.trustCommand(), p.mirrorCommand()}
}

func (p program) usage(text string) error {
	p.complain(text, child.Name+" --help lists the commands, and COMMAND --help shows an example")
	return exit(wrongUsage)
}

// complain says what went wrong, on one line: it may have come from outside.
func (p program) complain(text, hint string) {
	fmt.Fprintf(p.stderr, "%s: %s\n", child.Name, strings.ReplaceAll(text, "\n", " "))
	if hint != "" {
		fmt.Fprintf(p.stderr, "hint: %s\n", hint)
	}
}
