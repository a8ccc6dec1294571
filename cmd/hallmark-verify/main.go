// Command hallmark-verify judges signed files before they are installed. It is
// small, static, offline unless its policy says otherwise, and contains nothing of
// the server. See package verify/command.
package main

import (
	"context"
	"os"

	"github.com/hallmark-pki/hallmark/verify/command"
	_ "github.com/hallmark-pki/hallmark/verify/startup" // grows the stack before anything else
)

// version is set by the build (-ldflags -X main.version=…).
var version = "0.1.0-dev"

func main() {
	os.Exit(command.Run(context.Background(), os.Args, version, os.Stdout, os.Stderr))
}
