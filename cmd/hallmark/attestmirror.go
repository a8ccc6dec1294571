package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path/filepath"
	"strings"

	"github.com/hallmark-pki/hallmark/attest/mirror"
	"github.com/hallmark-pki/hallmark/attest/repository"
	"github.com/hallmark-pki/hallmark/outbound"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
)

func (e *env) attestMirrorCommand() *cli.Command {
	return command(cli.Command{
		Name: "mirror", Usage: "copy a vendor's repository into a folder that a web server can serve", ArgsUsage: "[FILE|SHA256...]",
		Flags: []cli.Flag{jsonFlag, evidenceURLFlag, privateFlag, evidenceVendorFlag,
			&cli.StringFlag{Name: "out", Usage: "the folder; DIR/VENDOR is what to serve", Required: true},
		},
		Description: `Without arguments, everything that your CA lists for the vendor; only what has grown since
the last time is fetched. It may be stopped and run again. What the folder holds already
stays, also when the other side has dropped it. With --url and arguments no identity is
needed, only --vendor.

EXAMPLE: hallmark attest mirror --out /srv/evidence
         # then serve /srv/evidence/acme as https://evidence.acme.example`,
	}, 0, -1, e.attestMirror)
}

// reach says what may be fetched of a repository that the user has named. own is the URL
// of the user's own CA, which may stand beside them.
func (e *env) reach(c *cli.Context, base, own string) (outbound.Policy, error) {
	policy := outbound.Policy{AllowPrivate: c.Bool("allow-private") || own != "" && strings.HasPrefix(base, own+"/"), UserAgent: "hallmark-mirror"}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	dir, err := homeDir(c)
	if err != nil {
		return policy, err
	}
	ca, err := e.readBounded(filepath.Join(dir, homeCA), maxKeyFileBytes)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return policy, err
	}
	roots.AppendCertsFromPEM(ca) // of an identity, if there is one
	policy.RootCAs = roots
	return policy, nil
}

func (e *env) attestMirror(c *cli.Context) error {
	m, list, err := e.mirrorOf(c)
	if err != nil {
		return err
	}
	if m.Into, err = repository.Open(c.String("out")); err != nil {
		return err
	}
	report, err := m.Run(c.Context, list)
	if err != nil {
		return withHint(err, "run it again: what has been copied is not fetched again")
	}
	if err := e.printReport(c, m, report); err != nil {
		return err
	}
	if report.Failed > 0 {
		return withHint(fmt.Errorf("%d artifact(s) could not be copied", report.Failed), "run it again: what has been copied is not fetched again")
	}
	return nil
}

// mirrorOf reads from where, and of what, a mirror is to be made.
func (e *env) mirrorOf(c *cli.Context) (*mirror.Mirror, iter.Seq2[mirror.Artifact, error], error) {
	m := &mirror.Mirror{From: c.String("url"), Vendor: c.String("vendor")}
	digests, err := digestArguments(c)
	if err != nil {
		return nil, nil, err
	}
	if m.From != "" && len(digests) > 0 {
		if m.Vendor == "" {
			return nil, nil, &usageError{text: "--url needs --vendor", hint: "the folder below --out that is to be served"}
		}
		m.Policy, err = e.reach(c, m.From, "")
		return m, listDigests(digests), err
	}
	client, err := e.client(c)
	if err != nil {
		return nil, nil, err
	}
	if m.Vendor == "" {
		var me api.Person
		if err := client.Get(c.Context, "/v1/whoami", &me); err != nil {
			return nil, nil, err
		}
		if m.Vendor = me.Vendor; m.Vendor == "" {
			return nil, nil, &usageError{text: "--vendor is missing", hint: "you are no vendor; name the one whose repository you want"}
		}
	}
	if m.From == "" {
		m.From = client.URL() + "/att/" + m.Vendor
	}
	if m.Policy, err = e.reach(c, m.From, client.URL()); err != nil {
		return nil, nil, err
	}
	if len(digests) > 0 {
		return m, listDigests(digests), nil
	}
	return m, func(yield func(mirror.Artifact, error) bool) {
		for a, err := range listAttested(c, client, "") {
			if !yield(mirror.Artifact{SHA256: a.SHA256, Bytes: a.Bytes}, err) {
				return
			}
		}
	}, nil
}

func listDigests(digests []string) iter.Seq2[mirror.Artifact, error] {
	return func(yield func(mirror.Artifact, error) bool) {
		for _, d := range digests {
			if !yield(mirror.Artifact{SHA256: d}, nil) {
				return
			}
		}
	}
}

func (e *env) printReport(c *cli.Context, m *mirror.Mirror, r mirror.Report) error {
	lines := []string{fmt.Sprintf("%s: %d artifact(s), %d unchanged, %d fetched, %d new line(s)", m.From, r.Artifacts, r.Same, r.Fetched, r.Added)}
	for _, n := range []struct {
		count int
		what  string
	}{
		{r.Kept, "line(s) here are not there any more, and stay"},
		{r.Refused, "line(s) are no envelope about their artifact, and were left out"},
		{r.Missing, "artifact(s) are not there"},
		{r.Failed, "artifact(s) could not be copied"},
	} {
		if n.count > 0 {
			lines = append(lines, fmt.Sprintf("  %d %s", n.count, n.what))
		}
	}
	for _, p := range r.Problems {
		lines = append(lines, "  sha256:"+p.SHA256+": "+p.Detail)
	}
	return e.printDone(c, r, lines...)
}
