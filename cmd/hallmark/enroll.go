package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/durable"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/urfave/cli/v2"
	"go.step.sm/crypto/pemutil"
)

func (e *env) enrollCommand() *cli.Command {
	enroll := command(cli.Command{
		Name: "enroll", Usage: "become known to a server with a one-time token", ArgsUsage: "TOKEN",
		Flags: []cli.Flag{jsonFlag,
			&cli.BoolFlag{Name: "auditor", Usage: "also make and register a key that signs assessments"},
			&cli.StringFlag{Name: "key", Usage: "with --auditor: register this key instead of making one: " + keyForms}},
		Description: `Makes a key, has the server certify it, and keeps both in the home folder. The
token names the server and the digest of its CA, so nothing else has to be
trusted. Keys are encrypted when --passphrase-file is given. An auditor's key may be
in a token or an ssh-agent (--key; docs/keys.md): it stays there.

EXAMPLE: hallmark enroll hallmark1.eyJ1Ijoi...
         hallmark enroll --auditor --key ssh-agent:quill@audits.example hallmark1.eyJ1Ijoi...`,
	}, 1, 1, e.enroll)
	enroll.Subcommands = []*cli.Command{e.inviteCommand(), e.consentCommand(), e.peopleCommand(), e.signOutCommand(), e.disableCommand()}
	return enroll
}

func (e *env) enroll(c *cli.Context) error {
	token, err := api.ParseToken(c.Args().First())
	if err != nil {
		return &usageError{text: err.Error()}
	}
	if c.IsSet("key") && !c.Bool("auditor") {
		return &usageError{text: "--key is for auditors", hint: "add --auditor, or leave --key out"}
	}
	dir, err := homeDir(c)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, homeServer)); !errors.Is(err, fs.ErrNotExist) {
		return withHint(fmt.Errorf("%s holds an identity already", dir), "name another folder with --home")
	}
	client, err := api.NewPinnedClient(token)
	if err != nil {
		return err
	}
	clientKey, clientCSR, err := newKey()
	if err != nil {
		return err
	}
	request := api.EnrollRequest{Token: token.Secret, CSR: clientCSR}
	keys := map[string]crypto.Signer{homeClientKey: clientKey}
	switch {
	case c.IsSet("key"):
		if request.SigningCSR, err = e.ownKey(c, c.String("key")); err != nil {
			return err
		}
	case c.Bool("auditor"):
		if keys[homeAssessKey], request.SigningCSR, err = newKey(); err != nil {
			return err
		}
	}
	// The keys are on disk before the token is spent.
	if err := e.writeKeys(c, dir, keys); err != nil {
		return err
	}
	var answer api.EnrollResponse
	if err := client.Post(c.Context, "/v1/enroll", request, &answer); err != nil {
		return err
	}
	if err := writeHome(dir, token.Server, answer); err != nil {
		return err
	}
	return e.printDone(c, answer.Person, fmt.Sprintf("enrolled as %s (%s) at %s; identity in %s", answer.Person.ID, answer.Person.Role, token.Server, dir))
}

// newKey returns a P-256 key and a request that proves its possession.
func newKey() (crypto.Signer, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	csr, err := newCSR(key)
	return key, csr, err
}

// newCSR proves possession of a key.
func newCSR(key crypto.Signer) ([]byte, error) {
	return x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "hallmark"}}, key)
}

// ownKey is newKey for a key that exists and stays where it is.
func (e *env) ownKey(c *cli.Context, uri string) ([]byte, error) {
	key, err := e.readKey(c, uri)
	if err != nil {
		return nil, err
	}
	defer key.Close()
	if _, err := attest.KeyID(key.Public()); err != nil {
		return nil, err // no assessment signed with it would be accepted
	}
	return newCSR(key)
}

func (e *env) writeKeys(c *cli.Context, dir string, keys map[string]crypto.Signer) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	var options []pemutil.Options
	if setAnywhere(c, "passphrase-file") != "" {
		pass, err := e.passphrase(c, "")
		if err != nil {
			return err
		}
		options = append(options, pemutil.WithPassword(pass))
	}
	for name, key := range keys {
		block, err := pemutil.Serialize(key, append(options, pemutil.WithPKCS8(true))...)
		if err != nil {
			return fmt.Errorf("encode key: %w", err)
		}
		if err := durable.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func writeHome(dir, server string, answer api.EnrollResponse) error {
	certificate := func(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}) }
	for name, content := range map[string][]byte{
		homeClientCert: certificate(answer.Certificate),
		homeCA:         certificate(answer.CA),
	} {
		if err := durable.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return err
		}
	}
	// Last, because its presence says that the folder is complete.
	return durable.WriteFile(filepath.Join(dir, homeServer), []byte(server+"\n"), 0o644)
}

func (e *env) inviteCommand() *cli.Command {
	return command(cli.Command{
		Name: "invite", Usage: "officers: invite an officer, a reader, or one more person of a vendor", ArgsUsage: "NAME",
		Flags: []cli.Flag{jsonFlag,
			&cli.StringFlag{Name: "role", Usage: "officer, reader or vendor"},
			&cli.StringFlag{Name: "vendor", Usage: "role vendor: which vendor"},
			&cli.StringFlag{Name: "organization", Usage: "whom they work for"},
			&cli.BoolFlag{Name: "again", Usage: "a new token for somebody who is known already"},
		},
		Description: "EXAMPLE: hallmark enroll invite --role reader --organization \"Example\" rita",
	}, 1, 1, func(c *cli.Context) error {
		client, err := e.client(c)
		if err != nil {
			return err
		}
		var invitation api.Invitation
		if c.Bool("again") {
			err = client.Post(c.Context, "/v1/people/"+url.PathEscape(c.Args().First())+"/invite", nil, &invitation)
		} else {
			err = client.Post(c.Context, "/v1/people", api.NewPerson{
				ID: c.Args().First(), Role: c.String("role"), Vendor: c.String("vendor"), Organization: c.String("organization"),
			}, &invitation)
		}
		if err != nil {
			return err
		}
		return e.printInvitation(c, invitation, invitation)
	})
}

func (e *env) consentCommand() *cli.Command {
	return command(cli.Command{
		Name: "consent", Usage: "officers: agree to another officer's invitation of an officer", ArgsUsage: "NAME",
		Flags: []cli.Flag{jsonFlag, formatFlag, &cli.StringFlag{Name: "invited-by", Usage: "who invited them, and has the token"}},
		Description: `Whoever invites somebody has the token and could use it. So once there are two
officers, an officer's token is good for nothing until another officer agrees: that
NAME exists, is to be an officer, and is not the one who invited them. Ask NAME, on
another way than through who invited them.

An invitation by an officer who was the only one can be agreed to afterwards, by a third.

EXAMPLE: hallmark enroll consent --invited-by olga otto`,
	}, 1, 1, func(c *cli.Context) error {
		if c.String("invited-by") == "" {
			return &usageError{text: "consent needs --invited-by", hint: "name the officer whose invitation you agree to"}
		}
		client, err := e.client(c)
		if err != nil {
			return err
		}
		var p api.Person
		if err := client.Post(c.Context, "/v1/people/"+url.PathEscape(c.Args().First())+"/consent", api.Consent{InvitedBy: c.String("invited-by")}, &p); err != nil {
			return err
		}
		return e.printPeople(c, p, []api.Person{p})
	})
}

func (e *env) peopleCommand() *cli.Command {
	return command(cli.Command{
		Name: "people", Usage: "officers, readers: who is known", Flags: []cli.Flag{jsonFlag, formatFlag},
		Description: "EXAMPLE: hallmark enroll people",
	}, 0, 0, func(c *cli.Context) error {
		client, err := e.client(c)
		if err != nil {
			return err
		}
		people, err := api.List[api.Person](c.Context, client, "/v1/people", url.Values{})
		if err != nil {
			return err
		}
		return e.printPeople(c, people, people)
	})
}

func (e *env) signOutCommand() *cli.Command {
	return command(cli.Command{
		Name: "sign-out", Usage: "officers: a person's device was lost or stolen: revoke their client certificates and open invitations", ArgsUsage: "NAME", Flags: []cli.Flag{jsonFlag},
		Description: "They come back with 'hallmark enroll invite --again NAME'. What they added, such as build systems and keys of ACME accounts, stays: 'hallmark ci list' and 'hallmark acme list' show it. An auditor's signing key is another one: 'hallmark auditor revoke'.\n\nEXAMPLE: hallmark enroll sign-out rita",
	}, 1, 1, func(c *cli.Context) error {
		client, err := e.client(c)
		if err != nil {
			return err
		}
		var out api.SignedOut
		if err := client.Post(c.Context, "/v1/people/"+url.PathEscape(c.Args().First())+"/sign-out", nil, &out); err != nil {
			return err
		}
		return e.printDone(c, out, fmt.Sprintf("%s is signed out: %d client certificates revoked, %d invitations ended", out.Person.ID, out.Certificates, out.Invitations))
	})
}

func (e *env) disableCommand() *cli.Command {
	return command(cli.Command{
		Name: "disable", Usage: "officers: lock a person out, at once", ArgsUsage: "NAME", Flags: []cli.Flag{jsonFlag, formatFlag},
		Description: "EXAMPLE: hallmark enroll disable rita",
	}, 1, 1, func(c *cli.Context) error {
		client, err := e.client(c)
		if err != nil {
			return err
		}
		var p api.Person
		if err := client.Post(c.Context, "/v1/people/"+url.PathEscape(c.Args().First())+"/disable", nil, &p); err != nil {
			return err
		}
		return e.printPeople(c, p, []api.Person{p})
	})
}

func (e *env) printPeople(c *cli.Context, records any, people []api.Person) error {
	t := table{header: []string{"name", "role", "vendor", "organization", "since", "disabled"}, records: records}
	for _, p := range people {
		t.rows = append(t.rows, []string{p.ID, p.Role, p.Vendor, p.Organization, day(p.CreatedAt), day(p.DisabledAt)})
	}
	return e.printTable(c, t)
}

func (e *env) printInvitation(c *cli.Context, all any, i api.Invitation) error {
	enroll := "hallmark enroll "
	if i.Person.Role == api.RoleAuditor {
		enroll += "--auditor "
	}
	lines := []string{fmt.Sprintf("%s (%s) can enrol once until %s:", i.Person.ID, i.Person.Role, moment(i.ExpiresAt)), "  " + enroll + i.Token}
	switch i.Consent {
	case store.ConsentAsked:
		lines = append(lines, fmt.Sprintf("but not before another officer has run 'hallmark enroll consent --invited-by YOU %s'", i.Person.ID))
	case store.ConsentAlone:
		lines = append(lines, "There is no other officer who could agree to that; it stands in the log.")
	}
	return e.printDone(c, all, lines...)
}
