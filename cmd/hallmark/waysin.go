package main

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"

	"github.com/hallmark-pki/hallmark/ca/stepca"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
)

// oidcConfig is an OpenID Connect issuer whose tokens are taken.
type oidcConfig struct {
	Name      string `yaml:"name"`                 // the provisioner's, for step's --provisioner
	Issuer    string `yaml:"issuer"`               // https URL, the tokens' iss
	ClientID  string `yaml:"client_id"`            // the tokens' aud
	RootsFile string `yaml:"roots_file,omitempty"` // PEM: certificate authorities of the issuer instead of the system's
}

// acmeConfig says whose hardware is believed.
type acmeConfig struct {
	AttestationRootsFile string   `yaml:"attestation_roots_file"` // PEM; ACME is off without
	Formats              []string `yaml:"formats,omitempty"`      // step (YubiKey PIV), apple; step if there is none
}

// issuers reads the configured OpenID Connect issuers. dir is the CA's folder.
func (c config) issuers(dir string) ([]stepca.Issuer, error) {
	var list []stepca.Issuer
	for i, o := range c.OIDC {
		issuer := stepca.Issuer{Name: o.Name, Issuer: o.Issuer, ClientID: o.ClientID}
		if o.RootsFile != "" {
			raw, err := os.ReadFile(inFolder(dir, o.RootsFile))
			if err != nil {
				return nil, fmt.Errorf("oidc[%d]: %w", i, err)
			}
			issuer.Roots = x509.NewCertPool()
			if !issuer.Roots.AppendCertsFromPEM(raw) {
				return nil, fmt.Errorf("oidc[%d]: %s holds no certificate", i, o.RootsFile)
			}
		}
		list = append(list, issuer)
	}
	return list, nil
}

// attested reads the attestation roots; nil without.
func (c config) attested(dir string) (*stepca.ACME, error) {
	if c.ACME.AttestationRootsFile == "" {
		if len(c.ACME.Formats) > 0 {
			return nil, errors.New("acme: attestation_roots_file is missing")
		}
		return nil, nil
	}
	roots, err := os.ReadFile(inFolder(dir, c.ACME.AttestationRootsFile))
	if err != nil {
		return nil, fmt.Errorf("acme: %w", err)
	}
	return &stepca.ACME{AttestationRoots: roots, Formats: c.ACME.Formats}, nil
}

// openStep opens the step-compatible ways in, and returns the URL of the ACME
// directory, "" without.
func (in *instance) openStep(dir string) (acmeDirectory string, err error) {
	c := stepca.Config{CA: in.ca, Store: in.store, DNSNames: in.config.hosts(), Log: in.log}
	if c.OIDC, err = in.config.issuers(dir); err != nil {
		return "", err
	}
	if c.ACME, err = in.config.attested(dir); err != nil {
		return "", err
	}
	if c.ACME != nil {
		if acmeDirectory, err = url.JoinPath(in.config.APIURL, stepca.ACMEDirectory); err != nil {
			return "", err
		}
	}
	in.step, err = stepca.New(c)
	return acmeDirectory, err
}

func (e *env) identityCommand() *cli.Command {
	return group("identity", "keys and OpenID Connect subjects that may ask for a vendor's certificates",
		command(cli.Command{
			Name: "add", Usage: "officers: register a key or a subject", ArgsUsage: "VENDOR",
			Flags: []cli.Flag{jsonFlag, formatFlag,
				&cli.StringFlag{Name: "jwk", Usage: "file with a public JSON Web Key"},
				&cli.StringFlag{Name: "oidc-issuer", Usage: "issuer, exactly as in the tokens' iss"},
				&cli.StringFlag{Name: "subject", Usage: "subject, exactly as in the tokens' sub"},
			},
			Description: `Whoever signs tokens with the key, or is named so by the issuer, asks for the vendor's
certificates through the step client, and meets the same gate as everybody. The issuer
must be in the administrator's config.yaml. Find out by another way than the one the key
came on that it is the vendor's.

EXAMPLE: hallmark vendor identity add --jwk build.pub.json acme
EXAMPLE: hallmark vendor identity add --oidc-issuer https://ci.example.com --subject repo:acme/tool acme`,
		}, 1, 1, e.identityAdd),
		command(cli.Command{Name: "list", Usage: "a vendor's identities", ArgsUsage: "VENDOR", Flags: []cli.Flag{jsonFlag, formatFlag},
			Description: "EXAMPLE: hallmark vendor identity list acme"}, 1, 1, e.identityList),
		command(cli.Command{Name: "remove", Usage: "take an identity away; acts at once", ArgsUsage: "VENDOR IDENTITY", Flags: []cli.Flag{jsonFlag, formatFlag},
			Description: "EXAMPLE: hallmark vendor identity remove acme jwk-NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"}, 2, 2, e.identityRemove),
	)
}

func vendorPath(c *cli.Context, parts ...string) string {
	path := "/v1/vendors/" + url.PathEscape(c.Args().First())
	for _, part := range parts {
		path += "/" + url.PathEscape(part)
	}
	return path
}

func (e *env) identityAdd(c *cli.Context) error {
	in := api.NewIdentity{Issuer: c.String("oidc-issuer"), Subject: c.String("subject")}
	if path := c.String("jwk"); path != "" {
		raw, err := e.readBounded(path, maxCSRBytes)
		if err != nil {
			return err
		}
		if !json.Valid(raw) {
			return &usageError{text: path + " is not JSON", hint: "'step crypto jwk create build.pub.json build.json' makes a key; give the public file"}
		}
		in.JWK = raw
	} else if err := need(c, "oidc-issuer", "subject"); err != nil {
		return err
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var added api.Identity
	if err := client.Post(c.Context, vendorPath(c, "identities"), in, &added); err != nil {
		return err
	}
	return e.printIdentities(c, added, []api.Identity{added})
}

func (e *env) identityList(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	list, err := api.List[api.Identity](c.Context, client, vendorPath(c, "identities"), url.Values{})
	if err != nil {
		return err
	}
	return e.printIdentities(c, list, list)
}

func (e *env) identityRemove(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var gone api.Identity
	if err := client.Post(c.Context, vendorPath(c, "identities", c.Args().Get(1), "remove"), nil, &gone); err != nil {
		return err
	}
	return e.printIdentities(c, gone, []api.Identity{gone})
}

func (e *env) printIdentities(c *cli.Context, records any, list []api.Identity) error {
	t := table{header: []string{"id", "vendor", "kind", "issuer", "subject", "since", "by"}, records: records}
	for _, i := range list {
		t.rows = append(t.rows, []string{i.ID, i.Vendor, i.Kind, i.Issuer, i.Subject, day(i.AddedAt), i.AddedBy})
	}
	return e.printTable(c, t)
}

func (e *env) acmeCommand() *cli.Command {
	return group("acme", "keys that bind ACME accounts to a vendor",
		command(cli.Command{
			Name: "key", Usage: "officers, vendors: make a key for one account; its secret is shown once", ArgsUsage: "VENDOR", Flags: []cli.Flag{jsonFlag},
			Description: `Give both to the ACME client as key identifier and HMAC key of the external account
binding. The account then asks for the vendor's certificates for keys that a hardware
token attests to (device-attest-01). A key that a person of the vendor made counts as
long as that person may ask.

EXAMPLE: hallmark acme key acme`,
		}, 1, 1, e.acmeKey),
		command(cli.Command{Name: "list", Usage: "a vendor's keys and accounts", ArgsUsage: "VENDOR", Flags: []cli.Flag{jsonFlag, formatFlag},
			Description: "EXAMPLE: hallmark acme list acme"}, 1, 1, e.acmeList),
		command(cli.Command{Name: "remove", Usage: "take a key away, and its account with it; acts at once", ArgsUsage: "VENDOR KEY", Flags: []cli.Flag{jsonFlag, formatFlag},
			Description: "EXAMPLE: hallmark acme remove acme 3q2-7wABAgMEBQYH"}, 2, 2, e.acmeRemove),
	)
}

func (e *env) acmeKey(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var key api.ACMEKey
	if err := client.Post(c.Context, vendorPath(c, "acme-keys"), nil, &key); err != nil {
		return err
	}
	return e.printDone(c, key, "directory  "+key.Directory, "key id     "+key.ID, "HMAC key   "+key.Secret, "bind by    "+moment(key.ExpiresAt))
}

func (e *env) acmeList(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	list, err := api.List[api.ACMEKey](c.Context, client, vendorPath(c, "acme-keys"), url.Values{})
	if err != nil {
		return err
	}
	return e.printACMEKeys(c, list, list)
}

func (e *env) acmeRemove(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var gone api.ACMEKey
	if err := client.Post(c.Context, vendorPath(c, "acme-keys", c.Args().Get(1), "remove"), nil, &gone); err != nil {
		return err
	}
	return e.printACMEKeys(c, gone, []api.ACMEKey{gone})
}

func (e *env) printACMEKeys(c *cli.Context, records any, list []api.ACMEKey) error {
	t := table{header: []string{"key", "vendor", "by", "bind_by", "account", "bound"}, records: records}
	for _, k := range list {
		t.rows = append(t.rows, []string{k.ID, k.Vendor, k.CreatedBy, day(k.ExpiresAt), k.Account, day(k.BoundAt)})
	}
	return e.printTable(c, t)
}
