package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"net/url"
	"os/exec"
	"strings"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
)

// factorFlag names the second factor's key.
var factorFlag = &cli.StringFlag{Name: "factor", Usage: "OpenSSH key that is your second factor: its file, or its .pub file for one in an agent or a security key"}

// signReleaseCommands are about signatures that people must agree to.
func (e *env) signReleaseCommands() []*cli.Command {
	return []*cli.Command{
		command(cli.Command{
			Name: "request", Usage: "ask a product's approvers to agree to the signature of files", ArgsUsage: "FILE...",
			Flags: append([]cli.Flag{jsonFlag, formatFlag,
				&cli.StringFlag{Name: "product", Usage: "product in the audited scope that the files belong to"},
				&cli.StringFlag{Name: "cert", Usage: "serial of the certificate (default: the newest valid one whose key the service holds)"},
				&cli.BoolFlag{Name: "per-build", Usage: "to be signed with a new key and a certificate of its own"},
				&cli.StringSliceFlag{Name: "claim", Usage: "with --per-build: FRAMEWORK[/TRACK]=LEVEL (repeatable)"},
				&cli.StringFlag{Name: "format", Usage: "how the signature is carried: " + kinds() + " (default: what the file's content is)"},
				&cli.StringFlag{Name: "mode", Usage: "strict (the default) or provisional, as it will be signed"},
				&cli.StringFlag{Name: "note", Usage: "for the approvers"},
			}, tokenFlags...),
			Description: `An approval covers exactly this digest, product, format and certificate, for as long and
as often as the product's policy says. Sign with the same flags once enough have agreed.

EXAMPLE: hallmark sign request --product hello --note "release 1.2" hello_1.2_amd64.deb`,
		}, 1, -1, e.approvalRequest),
		command(cli.Command{
			Name: "approvals", Usage: "list requests: who asked for what, and who agreed",
			Flags: append([]cli.Flag{jsonFlag, formatFlag,
				&cli.StringFlag{Name: "product", Usage: "only of this product"},
				&cli.StringFlag{Name: "state", Usage: "pending, approved, denied, used, expired or obsolete"}}, tokenFlags...),
			Description: "EXAMPLE: hallmark sign approvals --state pending",
		}, 0, 0, e.approvalList),
		command(cli.Command{
			Name: "approve", Usage: "approvers: agree to a signature", ArgsUsage: "REQUEST",
			Flags: []cli.Flag{jsonFlag, factorFlag, &cli.StringFlag{Name: "note", Usage: "for the record"}},
			Description: `Shows what you agree to. Where the policy wants a second factor, the text it signs is
shown too; a security key waits to be touched.

EXAMPLE: hallmark sign approve --factor ~/.ssh/id_ed25519_sk 20261123T101500.000000000Z-5f0c1d2e3a4b5c6d`,
		}, 1, 1, e.approvalApprove),
		command(cli.Command{
			Name: "deny", Usage: "approvers: refuse a signature; or take your own request back", ArgsUsage: "REQUEST",
			Flags:       []cli.Flag{jsonFlag, &cli.StringFlag{Name: "reason", Usage: "for the record"}},
			Description: "EXAMPLE: hallmark sign deny --reason \"the freeze begins tonight\" 20261123T101500.000000000Z-5f0c1d2e3a4b5c6d",
		}, 1, 1, e.approvalDeny),
		e.signPolicyCommand(),
	}
}

func (e *env) approvalRequest(c *cli.Context) error {
	if err := need(c, "product"); err != nil {
		return err
	}
	in := api.NewApproval{Product: c.String("product"), Certificate: c.String("cert"), PerBuild: c.Bool("per-build"), Mode: c.String("mode"), Note: c.String("note")}
	for _, text := range c.StringSlice("claim") {
		claim, err := parseClaim(text)
		if err != nil {
			return err
		}
		in.Claims = append(in.Claims, claim)
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var all []api.SigningApproval
	for _, path := range c.Args().Slice() {
		t, err := openToSign(c.String("format"), path, false)
		if err != nil {
			return err
		}
		in.Format, in.SHA256, in.Signed = string(t.format.Kind()), hex.EncodeToString(t.digests.SHA256[:]), t.other()
		var a api.SigningApproval
		if err := client.Post(c.Context, "/v1/approvals", in, &a); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, a)
	}
	return e.printApprovals(c, all, all)
}

func (e *env) approvalList(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	query := filters(c, "product", "state")
	list, err := api.List[api.SigningApproval](c.Context, client, "/v1/approvals", query)
	if err != nil {
		return err
	}
	return e.printApprovals(c, list, list)
}

func approvalPath(c *cli.Context, action string) string {
	return "/v1/approvals/" + url.PathEscape(c.Args().First()) + action
}

func (e *env) approvalApprove(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var a api.SigningApproval
	if err := client.Get(c.Context, approvalPath(c, ""), &a); err != nil {
		return err
	}
	if !c.Bool("json") {
		fmt.Fprintf(e.stdout, "product      %s\nsha256       %s\nformat       %s\ncertificate  %s\nasked by     %s at %s\n", a.Product, a.SHA256, a.Format, certificateText(a), a.By, moment(a.At))
		if a.Note != "" {
			fmt.Fprintf(e.stdout, "note         %s\n", printable(a.Note))
		}
	}
	vote := api.NewVote{Note: c.String("note")}
	if vote.Proof, err = e.factorProof(c, a.Challenge); err != nil {
		return err
	}
	if err := client.Post(c.Context, approvalPath(c, "/approve"), vote, &a); err != nil {
		return err
	}
	return e.printDone(c, a, fmt.Sprintf("%s: %d of %d have agreed", a.State, len(a.Votes), a.Needs))
}

func (e *env) approvalDeny(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var a api.SigningApproval
	if err := client.Post(c.Context, approvalPath(c, "/deny"), api.NewVote{Note: c.String("reason")}, &a); err != nil {
		return err
	}
	return e.printDone(c, a, "denied "+a.ID)
}

// factorProof has the second factor sign a text; nil without one.
func (e *env) factorProof(c *cli.Context, text string) ([]byte, error) {
	key := c.String("factor")
	if key == "" {
		return nil, nil
	}
	if !c.Bool("json") {
		fmt.Fprintf(e.stdout, "signed with %s:\n", key)
		for line := range strings.Lines(text) {
			fmt.Fprintf(e.stdout, "  %s", line)
		}
	}
	return e.sshSign(c.Context, key, text)
}

// sshSign lets OpenSSH sign: it knows agents, security keys and how to ask for a
// passphrase.
func (e *env) sshSign(ctx context.Context, key, text string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "ssh-keygen", "-q", "-Y", "sign", "-n", "hallmark", "-f", key)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = strings.NewReader(text), &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, withHint(fmt.Errorf("ssh-keygen -Y sign -f %s: %w: %s", key, err, printable(strings.TrimSpace(stderr.String()))), "OpenSSH 8.2 or later signs; name a key that it has")
	}
	return out, nil
}

func certificateText(a api.SigningApproval) string {
	if a.PerBuild {
		return strings.Join(strings.Fields("a new one for this build "+a.Mode+" "+claimsText(a.Claims)), " ")
	}
	return a.Certificate
}

func (e *env) printApprovals(c *cli.Context, records any, list []api.SigningApproval) error {
	t := table{header: []string{"request", "product", "sha256", "certificate", "by", "state", "agreed", "until"}, records: records}
	for _, a := range list {
		var who []string
		for _, v := range a.Votes {
			who = append(who, v.By)
		}
		t.rows = append(t.rows, []string{a.ID, a.Product, short(a.SHA256), certificateText(a), a.By, a.State, strings.Join(who, " "), moment(a.ExpiresAt)})
	}
	return e.printTable(c, t)
}
