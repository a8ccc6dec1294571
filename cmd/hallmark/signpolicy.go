package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
	"go.yaml.in/yaml/v3"
)

// vendorFlag names a vendor where an officer acts for one.
var vendorFlag = &cli.StringFlag{Name: "vendor", Usage: "officers: of this vendor (default: your own)"}

func (e *env) signPolicyCommand() *cli.Command {
	return group("policy", "who may have a product signed, when, and who must agree",
		command(cli.Command{
			Name: "set", Usage: "set a product's first policy, or propose another", ArgsUsage: "PRODUCT FILE",
			Flags: []cli.Flag{jsonFlag, vendorFlag},
			Description: `FILE is YAML: roles, approvals, windows, freezes, limits and rules, as docs/vendor.md has
them. Another policy is in force once as many admins and approvers have agreed as the
present one wants approvals.

EXAMPLE: hallmark sign policy set hello hello-policy.yaml`,
		}, 2, 2, e.policySet),
		command(cli.Command{
			Name: "list", Usage: "the policies in force", Flags: []cli.Flag{jsonFlag, formatFlag, vendorFlag},
			Description: "EXAMPLE: hallmark sign policy list",
		}, 0, 0, e.policyList),
		command(cli.Command{
			Name: "show", Usage: "one policy, as YAML", ArgsUsage: "PRODUCT", Flags: []cli.Flag{jsonFlag, vendorFlag},
			Description: "EXAMPLE: hallmark sign policy show hello",
		}, 1, 1, e.policyShow),
		command(cli.Command{
			Name: "changes", Usage: "what was proposed, and who agreed", Flags: []cli.Flag{jsonFlag, formatFlag, vendorFlag},
			Description: "EXAMPLE: hallmark sign policy changes",
		}, 0, 0, e.policyChanges),
		command(cli.Command{
			Name: "agree", Usage: "agree to a proposal", ArgsUsage: "CHANGE", Flags: []cli.Flag{jsonFlag, vendorFlag, factorFlag},
			Description: "Shows what you agree to.\n\nEXAMPLE: hallmark sign policy agree 20261123T101500.000000000Z-5f0c1d2e3a4b5c6d",
		}, 1, 1, e.policyAgree),
		command(cli.Command{
			Name: "reject", Usage: "end a proposal", ArgsUsage: "CHANGE", Flags: []cli.Flag{jsonFlag},
			Description: "EXAMPLE: hallmark sign policy reject 20261123T101500.000000000Z-5f0c1d2e3a4b5c6d",
		}, 1, 1, e.policyReject),
	)
}

// policyVendor is whose policies are meant: the caller's own vendor unless one is named.
func (e *env) policyVendor(c *cli.Context, client *api.Client) (string, error) {
	if v := c.String("vendor"); v != "" {
		return v, nil
	}
	var me api.Person
	if err := client.Get(c.Context, "/v1/whoami", &me); err != nil {
		return "", err
	}
	if me.Vendor == "" {
		return "", need(c, "vendor")
	}
	return me.Vendor, nil
}

func ofVendor(vendor string, parts ...string) string {
	return "/v1/vendors/" + url.PathEscape(vendor) + "/" + strings.Join(parts, "/")
}

func (e *env) policySet(c *cli.Context) error {
	raw, err := e.readBounded(c.Args().Get(1), maxConfigBytes)
	if err != nil {
		return err
	}
	policy, err := parsePolicy(raw)
	if err != nil {
		return withHint(fmt.Errorf("%s: %w", c.Args().Get(1), err), "'hallmark sign policy show PRODUCT' prints one in the right form")
	}
	policy.Product = c.Args().First()
	client, err := e.client(c)
	if err != nil {
		return err
	}
	vendor, err := e.policyVendor(c, client)
	if err != nil {
		return err
	}
	var change api.PolicyChange
	if err := client.Post(c.Context, ofVendor(vendor, "signing-policies"), policy, &change); err != nil {
		return err
	}
	return e.printChanged(c, change)
}

// parsePolicy reads a policy and refuses what it does not know: a misspelt limit would be
// no limit.
func parsePolicy(raw []byte) (api.SigningPolicy, error) {
	var policy api.SigningPolicy
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	if err := dec.Decode(&policy); err != nil && !errors.Is(err, io.EOF) {
		return policy, err
	}
	if err := dec.Decode(new(any)); !errors.Is(err, io.EOF) {
		return policy, errors.New("more than one YAML document")
	}
	return policy, nil
}

func (e *env) printChanged(c *cli.Context, change api.PolicyChange) error {
	line := fmt.Sprintf("%s: policy of %s is in force", change.ID, change.Product)
	if change.State != "in-force" {
		line = fmt.Sprintf("%s: %s; others agree with 'hallmark sign policy agree %s'", change.Product, change.State, change.ID)
	}
	return e.printDone(c, change, line)
}

func (e *env) policies(c *cli.Context) ([]api.SigningPolicy, error) {
	client, err := e.client(c)
	if err != nil {
		return nil, err
	}
	vendor, err := e.policyVendor(c, client)
	if err != nil {
		return nil, err
	}
	return api.List[api.SigningPolicy](c.Context, client, ofVendor(vendor, "signing-policies"), url.Values{})
}

func (e *env) policyList(c *cli.Context) error {
	list, err := e.policies(c)
	if err != nil {
		return err
	}
	t := table{header: []string{"product", "version", "approvals", "factor", "windows", "per_hour", "per_day", "rules", "since", "by"}, records: list}
	for _, p := range list {
		t.rows = append(t.rows, []string{p.Product, fmt.Sprint(p.Version), fmt.Sprint(p.Approvals), p.SecondFactor, fmt.Sprint(len(p.Windows)),
			fmt.Sprint(p.MaxPerHour), fmt.Sprint(p.MaxPerDay), fmt.Sprint(len(p.Rules)), day(p.ChangedAt), p.ChangedBy})
	}
	return e.printTable(c, t)
}

func (e *env) policyShow(c *cli.Context) error {
	list, err := e.policies(c)
	if err != nil {
		return err
	}
	for _, p := range list {
		if p.Product != c.Args().First() {
			continue
		}
		if c.Bool("json") {
			return e.printJSON(p)
		}
		return e.printPolicy(p)
	}
	return withHint(fmt.Errorf("product %q has no policy", c.Args().First()), "without one, every person of the vendor may have it signed")
}

func (e *env) printPolicy(p api.SigningPolicy) error {
	enc := yaml.NewEncoder(e.stdout)
	enc.SetIndent(2)
	return errors.Join(enc.Encode(p), enc.Close())
}

func (e *env) policyChanges(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	vendor, err := e.policyVendor(c, client)
	if err != nil {
		return err
	}
	list, err := api.List[api.PolicyChange](c.Context, client, ofVendor(vendor, "policy-changes"), url.Values{})
	if err != nil {
		return err
	}
	t := table{header: []string{"change", "product", "replaces", "by", "state", "agreed"}, records: list}
	for _, change := range list {
		var who []string
		for _, v := range change.Votes {
			who = append(who, v.By)
		}
		t.rows = append(t.rows, []string{change.ID, change.Product, fmt.Sprint(change.Replaces), change.By, change.State, strings.Join(who, " ")})
	}
	return e.printTable(c, t)
}

func changePath(c *cli.Context, action string) string {
	return "/v1/policy-changes/" + url.PathEscape(c.Args().First()) + "/" + action
}

func (e *env) policyAgree(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	vendor, err := e.policyVendor(c, client)
	if err != nil {
		return err
	}
	list, err := api.List[api.PolicyChange](c.Context, client, ofVendor(vendor, "policy-changes"), url.Values{})
	if err != nil {
		return err
	}
	for _, change := range list {
		if change.ID != c.Args().First() {
			continue
		}
		if !c.Bool("json") {
			fmt.Fprintf(e.stdout, "# product %s, proposed by %s\n", change.Product, change.By)
			if err := e.printPolicy(change.Policy); err != nil {
				return err
			}
		}
		var vote api.NewVote
		if vote.Proof, err = e.factorProof(c, change.Challenge); err != nil {
			return err
		}
		if err := client.Post(c.Context, changePath(c, "agree"), vote, &change); err != nil {
			return err
		}
		return e.printChanged(c, change)
	}
	return withHint(fmt.Errorf("no proposal %s", c.Args().First()), "'hallmark sign policy changes' lists them")
}

func (e *env) policyReject(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var change api.PolicyChange
	if err := client.Post(c.Context, changePath(c, "reject"), nil, &change); err != nil {
		return err
	}
	return e.printDone(c, change, "rejected "+change.ID)
}
