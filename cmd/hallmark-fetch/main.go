// Command hallmark-fetch is the part of the verifier that opens network connections:
// hallmark-verify starts it where its owner wants something from outside. See package
// verify/fetch/command.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/hallmark-pki/hallmark/verify/fetch/command"
)

// version is set by the build (-ldflags -X main.version=…).
var version = "0.1.0-dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := command.Run(ctx, os.Args, version, os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
