package main

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
)

func (e *env) signCommand() *cli.Command {
	cmd := command(cli.Command{
		Name: "sign", Usage: "vendors: sign files; only their digests travel", ArgsUsage: "FILE...",
		Flags: []cli.Flag{jsonFlag,
			&cli.StringFlag{Name: "product", Usage: "product in the audited scope that the files belong to"},
			&cli.StringFlag{Name: "cert", Usage: "serial of the certificate (default: the newest valid one whose key the service holds)"},
			&cli.BoolFlag{Name: "per-build", Usage: "sign each file with a new key and a certificate of its own, so that revoking one build touches no other"},
			&cli.StringSliceFlag{Name: "claim", Usage: "with --per-build: FRAMEWORK[/TRACK]=LEVEL to ask for (repeatable; default: all that assessments in force support)"},
			&cli.BoolFlag{Name: "explain", Usage: "sign nothing; say what each rule of the gate finds"},
			&cli.BoolFlag{Name: "replace", Usage: "replace a signature that is there"},
		},
		Description: `The service re-checks the build against the audited level: push its attestations
first (hallmark attest push). A .deb gets its signature as last member, any other
file as FILE.p7s beside it.

EXAMPLE: hallmark sign --product hello --per-build hello_1.0_amd64.deb`,
	}, 1, -1, e.sign)
	cmd.Flags = append(cmd.Flags, tokenFlags...)
	cmd.Subcommands = e.signReleaseCommands()
	return cmd
}

func (e *env) sign(c *cli.Context) error {
	if err := need(c, "product"); err != nil {
		return err
	}
	var claims []api.Claim
	for _, text := range c.StringSlice("claim") {
		claim, err := parseClaim(text)
		if err != nil {
			return err
		}
		claims = append(claims, claim)
	}
	switch {
	case c.Bool("per-build") && c.String("cert") != "":
		return &usageError{text: "--per-build and --cert contradict each other", hint: "with --per-build the certificate is a new one"}
	case !c.Bool("per-build") && len(claims) > 0:
		return &usageError{text: "--claim without --per-build", hint: "a certificate that is there says what it says: choose it with --cert"}
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var all []signed
	for _, path := range c.Args().Slice() {
		one, err := e.signFile(c.Context, client, path, claims, c)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, one)
		if !c.Bool("json") {
			e.printSigned(one)
		}
	}
	if c.Bool("json") {
		if err := e.printJSON(all); err != nil {
			return err
		}
	}
	for _, one := range all {
		if !one.Allowed {
			return exitWith(exitRefused)
		}
	}
	return nil
}

// signed is what became of one file.
type signed struct {
	File      string     `json:"file"`
	Signature string     `json:"signature,omitempty"` // path of the signed file or of the detached signature
	SHA256    string     `json:"sha256"`
	Serial    string     `json:"serial"`
	Allowed   bool       `json:"allowed"`
	Rules     []api.Rule `json:"rules"`
}

func (e *env) signFile(ctx context.Context, client *api.Client, path string, claims []api.Claim, c *cli.Context) (signed, error) {
	kind, digest, err := unsignedDigest(path)
	if err != nil {
		return signed{}, err
	}
	sha256Hex := hex.EncodeToString(digest[:])
	var answer api.Signature
	err = client.Post(ctx, "/v1/signatures", api.NewSignature{
		SHA256: sha256Hex, Format: kind, Product: c.String("product"), Certificate: c.String("cert"), Explain: c.Bool("explain"),
		PerBuild: c.Bool("per-build"), Claims: claims,
	}, &answer)
	if err != nil {
		return signed{}, err
	}
	out := signed{File: path, SHA256: sha256Hex, Serial: answer.Serial, Allowed: answer.Allowed, Rules: answer.Rules}
	if c.Bool("explain") {
		return out, nil
	}
	out.Signature, err = format.Attach(path, answer.CMS, format.Options{Replace: c.Bool("replace"), Digest: digest})
	return out, err
}

// unsignedDigest hashes what is to be signed: all of a file, or all of a package
// before its signature.
func unsignedDigest(path string) (kind string, digest [32]byte, err error) {
	f, err := format.Open(path)
	if err != nil {
		return "", digest, err
	}
	defer f.Close()
	digest, err = f.Digest()
	return string(f.Kind), digest, err
}

func (e *env) printSigned(s signed) {
	if s.Signature != "" {
		fmt.Fprintf(e.stdout, "signed %s -> %s\n  sha256       %s\n  certificate  %s\n", s.File, s.Signature, s.SHA256, s.Serial)
		return
	}
	verdict := "would be signed"
	if !s.Allowed {
		verdict = "would be refused"
	}
	fmt.Fprintf(e.stdout, "%s %s\n", s.File, verdict)
	printRules(e.stdout, s.Rules)
}
