package main

import (
	"net/url"
	"strings"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
)

func (e *env) vendorCommand() *cli.Command {
	return group("vendor", "officers: register, list, suspend vendors",
		command(cli.Command{
			Name: "add", Usage: "register a vendor and invite its first person", ArgsUsage: "ID",
			Flags: []cli.Flag{jsonFlag,
				&cli.StringFlag{Name: "uri", Usage: "https URI that names the vendor in certificates"},
				&cli.StringFlag{Name: "organization", Usage: "legal name, the subject O of certificates"},
				&cli.StringFlag{Name: "country", Usage: "two-letter code, the subject C"},
				ownerFlag(),
			},
			Description: "EXAMPLE: hallmark vendor add --uri https://acme.example --organization \"Acme\" --country US acme",
		}, 1, 1, e.vendorAdd),
		command(cli.Command{Name: "list", Usage: "list vendors", Flags: []cli.Flag{jsonFlag, formatFlag}, Description: "EXAMPLE: hallmark vendor list --json"}, 0, 0, e.vendorList),
		command(cli.Command{Name: "show", Usage: "one vendor", ArgsUsage: "ID", Flags: []cli.Flag{jsonFlag, formatFlag}, Description: "EXAMPLE: hallmark vendor show acme"}, 1, 1, e.vendorShow),
		command(cli.Command{
			Name: "owners", Usage: "say which organisations own a vendor, in place of what was said before", ArgsUsage: "ID",
			Flags: []cli.Flag{jsonFlag, formatFlag, ownerFlag(), &cli.BoolFlag{Name: "none", Usage: "nobody owns it"}},
			Description: `People of an owner may neither assess the vendor nor decide on its assessments. What has
been accepted stays; take it back with 'hallmark audit withdraw'.

EXAMPLE: hallmark vendor owners --owner "Quill Holding" acme`,
		}, 1, 1, e.vendorOwners),
		e.identityCommand(),
		command(cli.Command{Name: "suspend", Usage: "issue and sign nothing more for a vendor", ArgsUsage: "ID", Flags: []cli.Flag{jsonFlag, formatFlag}, Description: "EXAMPLE: hallmark vendor suspend acme"}, 1, 1, e.vendorChange("suspend")),
		command(cli.Command{Name: "resume", Usage: "end a suspension", ArgsUsage: "ID", Flags: []cli.Flag{jsonFlag, formatFlag}, Description: "EXAMPLE: hallmark vendor resume acme"}, 1, 1, e.vendorChange("resume")),
	)
}

func (e *env) vendorAdd(c *cli.Context) error {
	if err := need(c, "uri", "organization", "country"); err != nil {
		return err
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var added api.VendorInvitation
	err = client.Post(c.Context, "/v1/vendors", api.NewVendor{
		ID: c.Args().First(), URI: c.String("uri"), Organization: c.String("organization"), Country: c.String("country"), Owners: owners(c),
	}, &added)
	if err != nil {
		return err
	}
	return e.printInvitation(c, added, added.Invitation)
}

// texts is what a flag collects that may be repeated. (The library's own cuts a text at
// its commas, and names of organisations have them.)
type texts []string

// Set adds one.
func (t *texts) Set(s string) error { *t = append(*t, s); return nil }

// String implements flag.Value.
func (t *texts) String() string { return strings.Join(*t, "; ") }

func ownerFlag() cli.Flag {
	return &cli.GenericFlag{Name: "owner", Value: &texts{}, Usage: "organisation that owns the vendor, in part or whole (repeatable)"}
}

func owners(c *cli.Context) []string {
	if t, ok := c.Generic("owner").(*texts); ok {
		return *t
	}
	return nil
}

func (e *env) vendorOwners(c *cli.Context) error {
	in := api.Owners{Owners: owners(c)}
	switch {
	case c.Bool("none") && len(in.Owners) > 0:
		return &usageError{text: "--none and --owner contradict each other"}
	case c.Bool("none"):
		in.Owners = []string{}
	case len(in.Owners) == 0:
		return need(c, "owner")
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var v api.Vendor
	if err := client.Post(c.Context, "/v1/vendors/"+url.PathEscape(c.Args().First())+"/owners", in, &v); err != nil {
		return err
	}
	return e.printVendors(c, v, []api.Vendor{v})
}

func (e *env) vendorList(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	vendors, err := api.List[api.Vendor](c.Context, client, "/v1/vendors", url.Values{})
	if err != nil {
		return err
	}
	return e.printVendors(c, vendors, vendors)
}

func (e *env) vendorShow(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var v api.Vendor
	if err := client.Get(c.Context, "/v1/vendors/"+url.PathEscape(c.Args().First()), &v); err != nil {
		return err
	}
	return e.printVendors(c, v, []api.Vendor{v})
}

func (e *env) vendorChange(action string) func(*cli.Context) error {
	return func(c *cli.Context) error {
		client, err := e.client(c)
		if err != nil {
			return err
		}
		var v api.Vendor
		if err := client.Post(c.Context, "/v1/vendors/"+url.PathEscape(c.Args().First())+"/"+action, nil, &v); err != nil {
			return err
		}
		return e.printVendors(c, v, []api.Vendor{v})
	}
}

func (e *env) printVendors(c *cli.Context, records any, vendors []api.Vendor) error {
	t := table{header: []string{"id", "organization", "country", "uri", "since", "suspended", "owners"}, records: records}
	for _, v := range vendors {
		t.rows = append(t.rows, []string{v.ID, v.Organization, v.Country, v.URI, day(v.CreatedAt), day(v.SuspendedAt), strings.Join(v.Owners, "; ")})
	}
	return e.printTable(c, t)
}
