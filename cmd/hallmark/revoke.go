package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

// pollEvery is how often the server is asked how far a mass revocation is.
const pollEvery = 300 * time.Millisecond

// massFlags say which certificates, instead of a serial number.
func massFlags() []string {
	return []string{"vendor", "assessment", "key", "tier", "issued-after", "issued-before"}
}

func (e *env) certRevokeCommand() *cli.Command {
	return command(cli.Command{
		Name: "revoke", Usage: "revoke a certificate, or many", ArgsUsage: "[SERIAL]",
		Flags: []cli.Flag{jsonFlag, &cli.BoolFlag{Name: "dry-run", Usage: "only show what would happen"},
			&cli.StringFlag{Name: "reason", Usage: "unspecified, keyCompromise, affiliationChanged, superseded, cessationOfOperation or privilegeWithdrawn"},
			&cli.StringFlag{Name: "since", Usage: "RFC 3339 time when trust ended; signatures made before stay valid (default: now)"},
			&cli.StringFlag{Name: "note", Usage: "for the record"},
			&cli.StringFlag{Name: "vendor", Usage: "officers: all of this vendor's"},
			&cli.StringFlag{Name: "assessment", Usage: "officers: all that rest on this assessment"},
			&cli.StringFlag{Name: "key", Usage: "officers: all of this key: SHA-256 of its SubjectPublicKeyInfo in hex, or a PEM file with a certificate or public key"},
			&cli.StringFlag{Name: "tier", Usage: "officers: all of this tier"},
			&cli.StringFlag{Name: "issued-after", Usage: "officers: of those, issued at this RFC 3339 time or later"},
			&cli.StringFlag{Name: "issued-before", Usage: "officers: of those, issued before this RFC 3339 time"},
			&cli.BoolFlag{Name: "yes", Usage: "do not ask before revoking many"},
		},
		Description: `With keyCompromise, every certificate of the same key goes with the one named. Several
of --vendor, --assessment, --key, --tier and the times narrow each other down; what
they cover is counted and shown first. A revocation of many goes on in the server when
this command is stopped, and when the server is; 'hallmark status' shows it.

EXAMPLE: hallmark cert revoke --reason keyCompromise --since 2026-11-20T08:00:00Z 5f0c...
EXAMPLE: hallmark cert revoke --vendor acme --issued-after 2026-11-01T00:00:00Z --reason superseded`,
	}, 0, 1, e.certRevoke)
}

func (e *env) certRevoke(c *cli.Context) error {
	if err := need(c, "reason"); err != nil {
		return err
	}
	many := slices.ContainsFunc(massFlags(), c.IsSet)
	if many == (c.NArg() == 1) {
		return &usageError{text: "name one certificate by its serial number, or many by --vendor, --assessment, --key or --tier", hint: "hallmark cert revoke --help"}
	}
	if many {
		return e.massRevoke(c)
	}
	in := api.NewRevocation{Reason: c.String("reason"), Note: c.String("note"), DryRun: c.Bool("dry-run")}
	var err error
	if in.InvalidityDate, err = timeFlag(c, "since"); err != nil {
		return err
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var plan api.Plan
	if err := client.Post(c.Context, "/v1/certificates/"+url.PathEscape(c.Args().First())+"/revoke", in, &plan); err != nil {
		return err
	}
	return e.printPlan(c, plan)
}

func (e *env) massRevoke(c *cli.Context) error {
	in, err := e.massRequest(c)
	if err != nil {
		return err
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	in.DryRun = true
	var count api.MassRevocation
	if err := client.Post(c.Context, "/v1/revocations", in, &count); err != nil {
		return err
	}
	lines := countLines(count)
	if c.Bool("dry-run") {
		return e.printDone(c, count, lines...)
	}
	for _, line := range lines {
		fmt.Fprintln(e.stderr, line)
	}
	if count.Total == 0 {
		return withHint(fmt.Errorf("no certificate matches"), "hallmark cert list shows what there is")
	}
	if err := e.confirm(c, "revoke them for good?"); err != nil {
		return err
	}
	in.DryRun = false
	var job api.MassRevocation
	if err := client.Post(c.Context, "/v1/revocations", in, &job); err != nil {
		return err
	}
	if job, err = e.awaitRevocation(c.Context, client, job.ID); err != nil {
		return err
	}
	return e.printDone(c, job, fmt.Sprintf("revoked %d certificate(s), %d were revoked already", job.Revoked, job.Seen-job.Revoked))
}

func (e *env) massRequest(c *cli.Context) (api.NewMassRevocation, error) {
	in := api.NewMassRevocation{
		Vendor: c.String("vendor"), Assessment: c.String("assessment"), Tier: c.String("tier"), Reason: c.String("reason"), Note: c.String("note"),
	}
	for name, to := range map[string]*time.Time{"since": &in.InvalidityDate, "issued-after": &in.IssuedAfter, "issued-before": &in.IssuedBefore} {
		var err error
		if *to, err = timeFlag(c, name); err != nil {
			return in, err
		}
	}
	var err error
	in.KeySHA256, err = e.keyFlag(c.String("key"))
	return in, err
}

// keyFlag returns the SHA-256 of a key's SubjectPublicKeyInfo, in hex, of itself or of
// a PEM file.
func (e *env) keyFlag(text string) (string, error) {
	if raw, err := hex.DecodeString(text); text == "" || err == nil && len(raw) == sha256.Size {
		return strings.ToLower(text), nil
	}
	raw, err := e.readBounded(text, maxKeyFileBytes)
	if err != nil {
		return "", err
	}
	block, _ := pem.Decode(raw)
	if block != nil && block.Type == "CERTIFICATE" {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return "", fmt.Errorf("%s: %w", text, err)
		}
		block = &pem.Block{Type: "PUBLIC KEY", Bytes: cert.RawSubjectPublicKeyInfo}
	}
	if block == nil || block.Type != "PUBLIC KEY" {
		return "", &usageError{text: fmt.Sprintf("--key %s is neither 64 hex digits nor a PEM file with a certificate or public key", text)}
	}
	sum := sha256.Sum256(block.Bytes)
	return hex.EncodeToString(sum[:]), nil
}

func countLines(count api.MassRevocation) []string {
	lines := []string{fmt.Sprintf("would revoke %d certificate(s), %s", count.Total-count.Already, count.Reason)}
	if count.Already > 0 {
		lines = append(lines, fmt.Sprintf("  and %d that match are revoked already", count.Already))
	}
	for what, by := range map[string]map[string]int{"vendor": count.ByVendor, "tier": count.ByTier} {
		for _, name := range slices.Sorted(maps.Keys(by)) {
			lines = append(lines, fmt.Sprintf("  %-6s  %-20s %d", what, name, by[name]))
		}
	}
	slices.Sort(lines[1:])
	return lines
}

// confirm asks on the terminal, unless --yes has answered.
func (e *env) confirm(c *cli.Context, question string) error {
	if c.Bool("yes") {
		return nil
	}
	in, ok := e.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return withHint(fmt.Errorf("nothing was done: there is no terminal to ask on"), "--yes says that you mean it")
	}
	fmt.Fprint(e.stderr, question, " [yes/no] ")
	text, err := bufio.NewReader(in).ReadString('\n')
	if err != nil {
		return err
	}
	if strings.TrimSpace(text) != "yes" {
		return fmt.Errorf("nothing was done")
	}
	return nil
}

// awaitRevocation waits until a mass revocation is finished, and shows on a terminal how
// far it is.
func (e *env) awaitRevocation(ctx context.Context, client *api.Client, id string) (api.MassRevocation, error) {
	p := e.newProgress("revoking", 0)
	defer p.end()
	for {
		var job api.MassRevocation
		if err := client.Get(ctx, "/v1/revocations/"+url.PathEscape(id), &job); err != nil {
			return job, withHint(err, "the revocation goes on without this command; 'hallmark status' shows it")
		}
		if !job.FinishedAt.IsZero() {
			return job, nil
		}
		p.certificates(job.Seen, job.Total)
		select {
		case <-ctx.Done():
			return job, withHint(ctx.Err(), "the revocation goes on without this command; 'hallmark status' shows it")
		case <-time.After(pollEvery):
		}
	}
}
