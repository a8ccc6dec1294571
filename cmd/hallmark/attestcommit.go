package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/attest/gitcommit"
)

func (e *env) attestCommitCommand() *cli.Command {
	return command(cli.Command{
		Name: "commit", Usage: "carry a signed git commit, as evidence that it is signed", ArgsUsage: "COMMIT...",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "repo", Usage: "`DIR` of the repository", Value: "."},
			&cli.StringFlag{Name: "key", Usage: "sign the envelope with this private key (default: one that is made and forgotten)"},
			&cli.StringFlag{Name: "out", Usage: "write here (default: print)"},
		},
		Description: `Reads commits out of a repository on this machine and writes one envelope for each, for
'attest push'. A commit's id is the hash of the commit, so nobody has to be believed for it,
and the signature of the envelope says nothing. What counts is git's own signature, with a
key that the auditor named (committers in the scope): git commit -S with gpg.format=ssh.

EXAMPLE: hallmark attest commit --repo ~/src/hello --out commit.jsonl HEAD
         hallmark attest push commit.jsonl`,
	}, 1, -1, e.attestCommit)
}

func (e *env) attestCommit(c *cli.Context) error {
	signer, done, err := e.carrier(c)
	if err != nil {
		return err
	}
	defer done()
	var out bytes.Buffer
	for _, name := range c.Args().Slice() {
		object, err := readCommit(c.Context, c.String("repo"), name)
		if err != nil {
			return err
		}
		statement, err := gitcommit.NewStatement(object)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		read, err := gitcommit.Read(object)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		by, err := read.Signer()
		if err != nil {
			return withHint(fmt.Errorf("%s: %w", name, err), "sign it: git -c gpg.format=ssh -c user.signingKey=FILE commit --amend --no-edit -S")
		}
		envelope, err := attest.SignStatement(c.Context, statement, signer)
		if err != nil {
			return err
		}
		out.Write(append(envelope, '\n'))
		fmt.Fprintf(e.stderr, "commit %s, signed with key %s\n", read.ID, by.ID())
	}
	return e.writeOut(c, out.Bytes())
}

// carrier is the key that signs the envelope, which has to have a signature.
func (e *env) carrier(c *cli.Context) (crypto.Signer, func(), error) {
	if name := c.String("key"); name != "" {
		key, err := e.readKey(c, name)
		if err != nil {
			return nil, nil, err
		}
		return key, func() { key.Close() }, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return key, func() {}, err
}

// readCommit has git print a commit object, and none that stands in for it.
func readCommit(ctx context.Context, dir, name string) ([]byte, error) {
	run := func(args ...string) ([]byte, error) {
		cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_NO_REPLACE_OBJECTS=1", "GIT_NO_LAZY_FETCH=1")
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, withHint(fmt.Errorf("git: %w: %s", err, oneLine(stderr.String())), "--repo names the repository; a commit is named as git names it")
		}
		return out, nil
	}
	id, err := run("rev-parse", "--verify", "--quiet", "--end-of-options", name+"^{commit}")
	if err != nil {
		return nil, fmt.Errorf("no commit %q in %s: %w", name, dir, err)
	}
	return run("cat-file", "commit", strings.TrimSpace(string(id)))
}
