// Command hallmark-fetch is the part of the verifier that opens network connections:
// hallmark-verify starts it where its owner wants something from outside, and is
// itself linked without HTTP and TLS. It judges nothing: what it fetches is judged by
// who asked.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/child"
	"github.com/hallmark-pki/hallmark/verify/fetch"
)

// version is set by the build (-ldflags -X main.version=…).
var version = "0.1.0-dev"

// Exit codes besides 0 and child.Absent.
const (
	failed     = 1
	wrongUsage = 64 // EX_USAGE of sysexits.h
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	p := program{stdout: os.Stdout, stderr: os.Stderr, fetcher: fetch.New(nil)}
	code := p.run(ctx, os.Args)
	stop()
	os.Exit(code)
}

// program is the command with what it talks to.
type program struct {
	stdout, stderr io.Writer
	fetcher        verify.Fetcher
}

// exit is a code to end with when all has been said.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// ExitCode makes it a cli.ExitCoder.
func (e exit) ExitCode() int { return int(e) }

func (p program) run(ctx context.Context, args []string) int {
	app := &cli.App{
		Name: child.Name, Usage: "fetch what hallmark-verify may not fetch itself", UsageText: child.Name + " COMMAND [options]",
		Version: version, HideHelpCommand: true, Commands: p.commands(),
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
	return []*cli.Command{p.evidenceCommand()}
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
