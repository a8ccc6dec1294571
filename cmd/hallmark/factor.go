package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/sign/release"
	"github.com/urfave/cli/v2"
)

func (e *env) factorCommand() *cli.Command {
	return group("factor", "second factors: what people show beside their client certificate",
		command(cli.Command{
			Name: "add", Usage: "vendors: register an OpenSSH key of yours", ArgsUsage: "KEY",
			Flags: []cli.Flag{jsonFlag, &cli.StringFlag{Name: "label", Usage: "for people (default: the key's file name)"}},
			Description: `KEY is the key's file, or its .pub file where an agent or a security key has it. It counts
once an officer has confirmed that it is yours: tell them its id in person. A security
key ('ssh-keygen -t ed25519-sk') is best: it wants to be touched for each signature.

EXAMPLE: hallmark factor add ~/.ssh/id_ed25519_sk`,
		}, 1, 1, e.factorAdd),
		command(cli.Command{
			Name: "list", Usage: "your second factors; officers: everybody's", Flags: []cli.Flag{jsonFlag, formatFlag, &cli.StringFlag{Name: "person", Usage: "officers: of this person"}},
			Description: "EXAMPLE: hallmark factor list",
		}, 0, 0, e.factorList),
		command(cli.Command{
			Name: "confirm", Usage: "officers: vouch that a second factor is its person's", ArgsUsage: "ID", Flags: []cli.Flag{jsonFlag, formatFlag},
			Description: "Ask the person, by another way than the one the request came on.\n\nEXAMPLE: hallmark factor confirm 9f86d081884c7d65...",
		}, 1, 1, e.factorChange("confirm")),
		command(cli.Command{
			Name: "revoke", Usage: "take a second factor out of use, for good", ArgsUsage: "ID", Flags: []cli.Flag{jsonFlag, formatFlag},
			Description: "What was agreed to with it and is not used yet counts no longer.\n\nEXAMPLE: hallmark factor revoke 9f86d081884c7d65...",
		}, 1, 1, e.factorChange("revoke")),
	)
}

func (e *env) factorAdd(c *cli.Context) error {
	key := c.Args().First()
	public, err := e.readBounded(strings.TrimSuffix(key, ".pub")+".pub", maxKeyFileBytes)
	if err != nil {
		return withHint(err, "the public half is read from the .pub file beside the key")
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var me api.Person
	if err := client.Get(c.Context, "/v1/whoami", &me); err != nil {
		return err
	}
	in := api.NewFactor{Kind: "ssh", Label: c.String("label"), PublicKey: public}
	if in.Label == "" {
		in.Label = key[strings.LastIndexByte(key, '/')+1:]
	}
	if in.Proof, err = e.sshSign(c.Context, key, string(release.FactorChallenge(me.ID))); err != nil {
		return err
	}
	var f api.Factor
	if err := client.Post(c.Context, "/v1/factors", in, &f); err != nil {
		return err
	}
	return e.printDone(c, f, "added "+f.ID, fmt.Sprintf("an officer confirms it: hallmark factor confirm %s", f.ID))
}

func (e *env) factorList(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	query := url.Values{}
	if person := c.String("person"); person != "" {
		query.Set("person", person)
	}
	list, err := api.List[api.Factor](c.Context, client, "/v1/factors", query)
	if err != nil {
		return err
	}
	return e.printFactors(c, list, list)
}

func (e *env) factorChange(action string) func(*cli.Context) error {
	return func(c *cli.Context) error {
		client, err := e.client(c)
		if err != nil {
			return err
		}
		var f api.Factor
		if err := client.Post(c.Context, "/v1/factors/"+url.PathEscape(c.Args().First())+"/"+action, nil, &f); err != nil {
			return err
		}
		return e.printFactors(c, f, []api.Factor{f})
	}
}

func (e *env) printFactors(c *cli.Context, records any, list []api.Factor) error {
	t := table{header: []string{"id", "person", "kind", "label", "added", "confirmed", "by", "revoked"}, records: records}
	for _, f := range list {
		t.rows = append(t.rows, []string{f.ID, f.Person, f.Kind, f.Label, day(f.AddedAt), day(f.ConfirmedAt), f.ConfirmedBy, day(f.RevokedAt)})
	}
	return e.printTable(c, t)
}
