package main

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/truststore"
	"github.com/hallmark-pki/hallmark/verify"
	"github.com/urfave/cli/v2"
)

// Forms of `trust export`.
const (
	formatBundle = "bundle" // JSON, for hallmark-verify
	formatPEM    = "pem"    // one tier's anchor
	formatJKS    = "jks"    // a Java truststore with that anchor
	formatP12    = "p12"    // a PKCS #12 truststore with it
	// formatNotation is a folder: the configuration of the Notary Project's tools.
	formatNotation = "notation"

	trustFormats = formatBundle + ", " + formatPEM + ", " + formatJKS + ", " + formatP12 + " or " + formatNotation
)

// otherFormats are forms that people ask for and do not get, and what serves them.
var otherFormats = map[string]*usageError{
	"debsig": {text: "there is no export for debsig-verify: its keyrings hold OpenPGP keys, and this CA signs with X.509 certificates and has none",
		hint: "dpkg installs packages signed here as they are; let 'hallmark-verify FILE.deb' judge them first, with the trust bundle of --format bundle"},
}

func (e *env) trustCommand() *cli.Command {
	out := &cli.StringFlag{Name: "out", Usage: "write to this file (default: print)"}
	return group("trust", "what verifiers need: trust bundle, status bundle, anchors", append([]*cli.Command{
		command(cli.Command{
			Name: "export", Usage: "trust bundle for hallmark-verify, or one tier's anchor for other tools",
			Flags: []cli.Flag{out,
				&cli.StringFlag{Name: "tier", Usage: "trust this tier and no other: the anchor is the self-signed twin of its CA"},
				&cli.StringFlag{Name: "format", Usage: trustFormats + " (default: pem with --tier, otherwise bundle)"},
				&cli.StringFlag{Name: "store-password-file", Usage: "jks, p12: file with the store's password (default: " + truststore.DefaultPassword + ")"}},
			Description: `bundle: JSON for hallmark-verify, with --tier one that trusts only that tier. pem: the
anchor of a tier, for openssl and others. jks, p12: a truststore for Java and
others, with that anchor, the tier's CA as it stands in signatures, and the CA of
timestamps; nothing in it is secret, its password only shows that it was not damaged.
notation: a folder to be notation's configuration, with trust stores and a policy that
checks OCI signatures and their timestamps; a policy that is there stays.

EXAMPLE: hallmark trust export --out trust.json
         hallmark trust export --tier elevated --out elevated.pem
         hallmark trust export --tier elevated --format jks --out elevated.jks
         hallmark trust export --tier elevated --format notation --out ~/.config/notation`,
		}, 0, 0, e.trustExport),
		command(cli.Command{
			Name: "status", Usage: "status bundle for hallmark-verify: revocations and what became of assessments, signed", Flags: []cli.Flag{out},
			Description: "EXAMPLE: hallmark trust status --out status.json",
		}, 0, 0, func(c *cli.Context) error { return e.export(c, "/v1/trust/status") }),
	}, e.repositoryCommands()...)...)
}

// trustExport judges the flags before the server is asked.
func (e *env) trustExport(c *cli.Context) error {
	format := c.String("format")
	switch {
	case format == "" && c.IsSet("tier"):
		format = formatPEM
	case format == "":
		format = formatBundle
	}
	if refused, ok := otherFormats[format]; ok {
		return refused
	}
	if c.IsSet("store-password-file") && format != formatJKS && format != formatP12 {
		return &usageError{text: "--store-password-file goes with --format jks or p12 only", hint: "the other forms have no password"}
	}
	switch format {
	case formatBundle:
		return e.exportBundle(c)
	case formatPEM:
		if err := need(c, "tier"); err != nil {
			return err
		}
		return e.export(c, tierPath(c))
	case formatJKS, formatP12:
		if err := need(c, "tier", "out"); err != nil {
			return err
		}
		return e.exportStore(c, format)
	}
	if format == formatNotation {
		if err := need(c, "out"); err != nil {
			return err
		}
		return e.exportNotation(c)
	}
	return &usageError{text: fmt.Sprintf("unknown format %q", format), hint: trustFormats}
}

func tierPath(c *cli.Context) string { return "/v1/trust/tiers/" + url.PathEscape(c.String("tier")) }

// exportBundle also says what to compare before the bundle is believed.
func (e *env) exportBundle(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var raw []byte
	if err := client.Get(c.Context, "/v1/trust", &raw); err != nil {
		return err
	}
	trust, err := verify.ParseTrust(raw)
	if err != nil {
		return err
	}
	if c.IsSet("tier") {
		anchor, err := tierAnchor(c, client)
		if err != nil {
			return err
		}
		trust.Roots = []*x509.Certificate{anchor}
		if raw, err = trust.Marshal(); err != nil {
			return err
		}
	}
	if err := e.writeOut(c, raw); err != nil {
		return err
	}
	for _, root := range trust.Roots {
		fmt.Fprintf(e.stderr, "root %s\n  sha256 %s: compare it with what the CA's administrator tells you\n", root.Subject, ca.Fingerprint(root))
	}
	return nil
}

// exportStore reads the password first: a bad one must not cost a request.
func (e *env) exportStore(c *cli.Context, format string) error {
	password, told := truststore.DefaultPassword, fmt.Sprintf("password %s (nothing in a truststore is secret)", truststore.DefaultPassword)
	if path := c.String("store-password-file"); path != "" {
		var err error
		if password, err = e.storePassword(path); err != nil {
			return err
		}
		told = "password: the one in " + path
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	anchor, err := tierAnchor(c, client)
	if err != nil {
		return err
	}
	entries, err := storeEntries(c, client, anchor)
	if err != nil {
		return err
	}
	marshal := truststore.MarshalJKS
	if format == formatP12 {
		marshal = truststore.MarshalP12
	}
	raw, err := marshal(password, entries...)
	if err != nil {
		return err
	}
	if err := e.writeOut(c, raw); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "alias %s, with %s and %s; %s\n", entries[0].Alias, entries[1].Alias, entries[2].Alias, told)
	return err
}

// storeEntries are what Java needs to judge signatures of one tier, and no others: the
// tier's twin; its CA as it stands in signatures, since 'jarsigner -strict' looks for a
// certificate of the chain itself; and the CA of timestamps, since Java judges those by
// the same store, and the root there would make it trust every tier.
func storeEntries(c *cli.Context, client *api.Client, twin *x509.Certificate) ([]truststore.Entry, error) {
	tier := c.String("tier")
	issuing, err := caCertificate(c, client, tier)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(issuing.RawSubject, twin.RawSubject) || !bytes.Equal(issuing.RawSubjectPublicKeyInfo, twin.RawSubjectPublicKeyInfo) {
		return nil, fmt.Errorf("CA of tier %s: not the name and key of its twin", tier)
	}
	stamps, err := caCertificate(c, client, "timestamping")
	if err != nil {
		return nil, err
	}
	if len(stamps.ExtKeyUsage) != 1 || stamps.ExtKeyUsage[0] != x509.ExtKeyUsageTimeStamping {
		return nil, errors.New("CA of timestamps: may certify more than those")
	}
	return []truststore.Entry{
		{Alias: truststore.Alias(tier), Certificate: twin},
		{Alias: truststore.Alias(tier + "-ca"), Certificate: issuing},
		{Alias: truststore.Alias("timestamping"), Certificate: stamps},
	}, nil
}

// caCertificate fetches one that certificates point to.
func caCertificate(c *cli.Context, client *api.Client, name string) (*x509.Certificate, error) {
	var raw []byte
	if err := client.Get(c.Context, "/ca/"+url.PathEscape(name)+".cer", &raw); err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, fmt.Errorf("certificate of %s: %w", name, err)
	}
	if !cert.BasicConstraintsValid || !cert.IsCA {
		return nil, fmt.Errorf("certificate of %s: not a CA's", name)
	}
	return cert, nil
}

func tierAnchor(c *cli.Context, client *api.Client) (*x509.Certificate, error) {
	var raw []byte
	if err := client.Get(c.Context, tierPath(c), &raw); err != nil {
		return nil, err
	}
	return parseAnchor(raw)
}

// export writes an answer byte for byte.
func (e *env) export(c *cli.Context, path string) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var raw []byte
	if err := client.Get(c.Context, path, &raw); err != nil {
		return err
	}
	return e.writeOut(c, raw)
}

// writeOut writes to the file that --out names, or prints.
func (e *env) writeOut(c *cli.Context, raw []byte) error {
	if out := c.String("out"); out != "" {
		if err := os.WriteFile(out, raw, 0o644); err != nil {
			return err
		}
		_, err := fmt.Fprintln(e.stdout, "wrote", out)
		return err
	}
	_, err := e.stdout.Write(raw)
	return err
}
