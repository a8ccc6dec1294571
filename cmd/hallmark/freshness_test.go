package main

import (
	"context"
	"os"

	judging "github.com/hallmark-pki/hallmark/verify/command"
	fetching "github.com/hallmark-pki/hallmark/verify/fetch/command"
)

// The programs of an installer's machine, for scripts that run against a whole CA.

func fetchProgram() {
	os.Exit(fetching.Run(context.Background(), os.Args, "test", os.Stdin, os.Stdout, os.Stderr))
}

func verifyProgram() {
	os.Exit(judging.Run(context.Background(), os.Args, "test", os.Stdout, os.Stderr))
}
