package main

import (
	"fmt"
	"time"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
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
			&cli.BoolFlag{Name: "explain", Usage: "sign nothing; say what each rule of the gate finds, who asks for it and what would satisfy it"},
			&cli.StringFlag{Name: "commit", Usage: "commit that was built, hex: evidence about a build of another one is refused"},
			&cli.BoolFlag{Name: "replace", Usage: "replace a signature that is there"},
			&cli.StringFlag{Name: "format", Usage: "how the signature is carried: " + kinds() + " (default: what the file's content is)"},
			&cli.BoolFlag{Name: "upload", Usage: "send the file, for the service to take its digests itself: for pe, msi, cab and jar whose evidence names only their SHA-256"},
		},
		Description: `The service re-checks the build against the audited level: push its attestations
first (hallmark attest push). A .deb gets its signature as last member; Windows programs
(PE), installer packages (MSI) and cabinets (CAB) get Authenticode, Java archives
(JAR) what jarsigner would make; any other file gets FILE.p7s beside it. The content
decides, not the name; --format detached puts FILE.p7s beside any file. A folder is an
OCI image layout (DIR, DIR:TAG or DIR@sha256:HEX): its manifest is signed, and gets a
Notary Project signature as referrer.

Authenticode and JAR sign a hash of their own. Evidence must state it beside the file's
SHA-256 (hallmark digest prints both), or the file is sent with --upload.

A provisional signature (--mode provisional) is given out on basic evidence and is
confirmed or revoked by itself. With --wait the command ends with 0 when all are
confirmed, 3 when one was revoked, 4 when one is still open after --wait-timeout.

EXAMPLE: hallmark sign --product hello --per-build hello_1.0_amd64.deb
EXAMPLE: hallmark sign --product hello --mode provisional --wait hello_1.0_amd64.deb
EXAMPLE: hallmark sign --product hello hello.exe hello.msi hello.jar
EXAMPLE: hallmark sign --product hello image:v1`,
	}, 1, -1, e.sign)
	cmd.Flags = append(append(cmd.Flags, settleFlags...), tokenFlags...)
	cmd.Subcommands = append(e.signReleaseCommands(), e.signSettleCommands()...)
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
	if err := checkSettleFlags(c); err != nil {
		return err
	}
	switch {
	case c.Bool("per-build") && c.String("cert") != "":
		return &usageError{text: "--per-build and --cert contradict each other", hint: "with --per-build the certificate is a new one"}
	case !c.Bool("per-build") && c.String("mode") == "strict" && len(claims) > 0:
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
	code := exitOK
	if c.Bool("wait") {
		if code, err = e.settle(c.Context, client, all, c.Duration("wait-timeout")); err != nil {
			return err
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
		if c.Bool("wait") && !c.Bool("json") {
			e.printSettled(one)
		}
	}
	if code != exitOK {
		return exitWith(code)
	}
	return nil
}

func (e *env) printSettled(s signed) {
	if s.Incident != "" {
		fmt.Fprintf(e.stdout, "%s %s, incident %s\n", s.File, s.State, s.Incident)
		return
	}
	fmt.Fprintf(e.stdout, "%s %s\n", s.File, s.State)
}

// signed is what became of one file.
type signed struct {
	File      string     `json:"file"`
	Signature string     `json:"signature,omitempty"` // path of the signed file or of the detached signature
	SHA256    string     `json:"sha256"`
	Format    string     `json:"format"`
	Signed    string     `json:"signed,omitempty"` // what was signed, where that is another digest: algorithm:hex
	Serial    string     `json:"serial"`
	Allowed   bool       `json:"allowed"`
	Rules     []api.Rule `json:"rules"`
	ID        string     `json:"id,omitempty"`        // of the signature
	State     string     `json:"state,omitempty"`     // provisional, held, confirmed or revoked
	ConfirmBy time.Time  `json:"confirm_by,omitzero"` // provisional: it is settled by then
	Incident  string     `json:"incident,omitempty"`  // why it was revoked
}

func (e *env) printSigned(s signed) {
	if s.Signature != "" {
		fmt.Fprintf(e.stdout, "signed %s -> %s\n  sha256       %s\n  certificate  %s\n", s.File, s.Signature, s.SHA256, s.Serial)
		if s.State == store.SignatureProvisional {
			fmt.Fprintf(e.stdout, "  provisional  to be confirmed or revoked by %s\n  id           %s\n", moment(s.ConfirmBy), s.ID)
		}
		return
	}
	verdict := "would be signed"
	if !s.Allowed {
		verdict = "would be refused"
	}
	fmt.Fprintf(e.stdout, "%s %s\n", s.File, verdict)
	explainRules(e.stdout, s.Rules)
}
