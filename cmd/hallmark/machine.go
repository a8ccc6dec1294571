package main

import (
	"crypto/x509"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/outbound"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/sign/workload"
	"github.com/urfave/cli/v2"
)

// tokenFlags let a build system without a client certificate say who it is.
var tokenFlags = []cli.Flag{
	&cli.StringFlag{Name: "oidc-token-file", EnvVars: []string{"HALLMARK_OIDC_TOKEN_FILE"}, Usage: "build systems: file with an OpenID Connect token, instead of a client certificate; $HALLMARK_OIDC_TOKEN may hold the token itself"},
	&cli.StringFlag{Name: "server", EnvVars: []string{"HALLMARK_SERVER"}, Usage: "with a token: https URL of the API (default: that of the home folder)"},
	&cli.StringFlag{Name: "server-ca", EnvVars: []string{"HALLMARK_SERVER_CA"}, Usage: "with a token: PEM file with the CA of the API's certificate (default: ca.pem in the home folder)"},
}

// tokenEnv may hold the token itself.
const tokenEnv = "HALLMARK_OIDC_TOKEN"

// oidcToken is the token that a build system was given; "" without.
func (e *env) oidcToken(c *cli.Context) (string, error) {
	if !slices.ContainsFunc(c.Command.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), "oidc-token-file") }) {
		return "", nil // not a command for build systems
	}
	path := c.String("oidc-token-file")
	if path == "" {
		return strings.TrimSpace(os.Getenv(tokenEnv)), nil
	}
	raw, err := e.readBounded(path, maxKeyFileBytes)
	if err != nil {
		return "", err
	}
	if token := strings.TrimSpace(string(raw)); token != "" {
		return token, nil
	}
	return "", fmt.Errorf("%s is empty", path)
}

// tokenClient is a client that shows a token.
func (e *env) tokenClient(c *cli.Context, token string) (*api.Client, error) {
	server, roots := c.String("server"), c.String("server-ca")
	dir, err := homeDir(c)
	if err != nil && (server == "" || roots == "") {
		return nil, err
	}
	if server == "" {
		raw, err := e.readBounded(filepath.Join(dir, homeServer), maxKeyFileBytes)
		if err != nil {
			return nil, withHint(err, "name the API with --server, and the file with its CA with --server-ca")
		}
		server = strings.TrimSpace(string(raw))
	}
	if roots == "" {
		roots = filepath.Join(dir, homeCA)
	}
	pool, err := readPool(roots)
	if err != nil {
		return nil, withHint(err, "name the file with the CA of the API's certificate with --server-ca")
	}
	client, err := api.NewClient(server, pool, nil)
	if err != nil {
		return nil, err
	}
	return client.WithToken(token), nil
}

// ciConfig says how the issuers of build systems' tokens are reached.
type ciConfig = probesConfig

// machines makes what knows build systems by their tokens. dir is the CA's folder.
func (in *instance) machines(dir string) (*workload.Verifier, error) {
	policy := outbound.Policy{Allow: in.config.CI.AllowNetworks, UserAgent: "hallmark-ci"}
	if name := in.config.CI.RootsFile; name != "" {
		raw, err := os.ReadFile(inFolder(dir, name))
		if err != nil {
			return nil, fmt.Errorf("ci: %w", err)
		}
		policy.RootCAs = x509.NewCertPool()
		if !policy.RootCAs.AppendCertsFromPEM(raw) {
			return nil, fmt.Errorf("ci: %s holds no certificate", name)
		}
	}
	return workload.New(workload.Config{Store: in.store, Outbound: policy, Now: time.Now, Log: in.log})
}

func (e *env) ciCommand() *cli.Command {
	return group("ci", "a vendor's build systems: they push evidence and ask for signatures, and nothing else",
		command(cli.Command{
			Name: "add", Usage: "register a build system", ArgsUsage: "NAME",
			Flags: []cli.Flag{jsonFlag, vendorFlag,
				&cli.StringSliceFlag{Name: "product", Usage: "product that it may ask signatures for (repeatable)"},
				&cli.StringFlag{Name: "issuer", Usage: "OpenID Connect issuer, exactly as in the tokens' iss"},
				&cli.StringFlag{Name: "subject", Usage: "exactly as in the tokens' sub; there are no patterns"},
				&cli.StringSliceFlag{Name: "claim", Usage: "NAME=VALUE that tokens must have as well (repeatable); with claims, --subject may be left out"},
				&cli.StringFlag{Name: "audience", Usage: "officers: the tokens' aud, where it is not <api url>/ci/<vendor>"},
				&cli.BoolFlag{Name: "mtls", Usage: "no tokens: print an enrolment token for a client certificate"},
				&cli.StringFlag{Name: "role", Value: "signer", Usage: "signer is the only one there is"},
			},
			Description: `The issuer vouches for each run with a token that is good for minutes; the build hands it
over with --oidc-token-file. Where a product has a policy with roles, name the machine
there as a signer too.

EXAMPLE: hallmark ci add --issuer https://token.actions.githubusercontent.com --subject repo:acme/hello:ref:refs/heads/main --product hello hello-ci
EXAMPLE: hallmark ci add --mtls --product hello builder-1`,
		}, 1, 1, e.ciAdd),
		command(cli.Command{Name: "list", Usage: "a vendor's build systems, and how their tokens look", Flags: []cli.Flag{jsonFlag, formatFlag, vendorFlag},
			Description: "EXAMPLE: hallmark ci list"}, 0, 0, e.ciList),
		command(cli.Command{Name: "remove", Usage: "turn a build system away; acts at once", ArgsUsage: "NAME", Flags: []cli.Flag{jsonFlag, formatFlag, vendorFlag},
			Description: "EXAMPLE: hallmark ci remove hello-ci"}, 1, 1, e.ciRemove),
	)
}

func (e *env) ciAdd(c *cli.Context) error {
	in := api.NewMachine{ID: c.Args().First(), Products: c.StringSlice("product"), Issuer: c.String("issuer"), Subject: c.String("subject"), Audience: c.String("audience")}
	switch {
	case len(in.Products) == 0:
		return need(c, "product")
	case c.Bool("mtls") == (in.Issuer != ""):
		return &usageError{text: "want either --issuer or --mtls", hint: "a build system has tokens of its operator, or a client certificate"}
	case c.String("role") != "signer":
		return &usageError{text: fmt.Sprintf("--role %s: a machine is a signer", c.String("role")), hint: "people approve"}
	}
	for _, text := range c.StringSlice("claim") {
		name, value, ok := strings.Cut(text, "=")
		if !ok || in.Claims[name] != "" {
			return &usageError{text: fmt.Sprintf("--claim %q: want NAME=VALUE, each name once", text)}
		}
		if in.Claims == nil {
			in.Claims = map[string]string{}
		}
		in.Claims[name] = value
	}
	client, vendor, err := e.vendorClient(c)
	if err != nil {
		return err
	}
	var added api.Machine
	if err := client.Post(c.Context, ofVendor(vendor, "machines"), in, &added); err != nil {
		return err
	}
	if added.Invitation != nil {
		return e.printInvitation(c, added, *added.Invitation)
	}
	return e.printDone(c, added, "added "+added.ID, "tokens must have the audience "+added.Audience)
}

func (e *env) vendorClient(c *cli.Context) (*api.Client, string, error) {
	client, err := e.client(c)
	if err != nil {
		return nil, "", err
	}
	vendor, err := e.policyVendor(c, client)
	return client, vendor, err
}

func (e *env) ciList(c *cli.Context) error {
	client, vendor, err := e.vendorClient(c)
	if err != nil {
		return err
	}
	list, err := api.List[api.Machine](c.Context, client, ofVendor(vendor, "machines"), url.Values{})
	if err != nil {
		return err
	}
	return e.printMachines(c, list, list)
}

func (e *env) ciRemove(c *cli.Context) error {
	client, vendor, err := e.vendorClient(c)
	if err != nil {
		return err
	}
	var gone api.Machine
	if err := client.Post(c.Context, ofVendor(vendor, "machines", url.PathEscape(c.Args().First()), "remove"), nil, &gone); err != nil {
		return err
	}
	return e.printMachines(c, gone, []api.Machine{gone})
}

func (e *env) printMachines(c *cli.Context, records any, list []api.Machine) error {
	t := table{header: []string{"machine", "products", "kind", "issuer", "audience", "subject", "claims", "since", "by"}, records: records}
	for _, m := range list {
		var claims []string
		for _, name := range slices.Sorted(maps.Keys(m.Claims)) {
			claims = append(claims, name+"="+m.Claims[name])
		}
		t.rows = append(t.rows, []string{m.ID, strings.Join(m.Products, " "), m.Kind, m.Issuer, m.Audience, m.Subject, strings.Join(claims, " "), day(m.AddedAt), m.AddedBy})
	}
	return e.printTable(c, t)
}
