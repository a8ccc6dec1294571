package main

import (
	verification "github.com/hallmark-pki/hallmark/verify/command"
	"github.com/urfave/cli/v2"
)

// verifyCommand is hallmark-verify as a command of this program: the same code.
func (e *env) verifyCommand() *cli.Command { return verification.New(e.stdout, e.stderr) }

// policyCommand writes, reads and tries out what "verify" judges by.
func (e *env) policyCommand() *cli.Command { return verification.NewPolicy(e.stdout, e.stderr) }
