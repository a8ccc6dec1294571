package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/urfave/cli/v2"
)

func (e *env) rolloverCommand() *cli.Command {
	flags := []cli.Flag{jsonFlag, dirFlag, pinFlag, keyPlaceFlag}
	return group("rollover", "new keys for the CA's issuing CAs, root, timestamps, status and updates; what was signed stays good",
		command(cli.Command{
			Name: "tier", Usage: "next generation of a tier's issuing CA", ArgsUsage: "TIER", Flags: flags,
			Description: `The new CA issues from the next start of the server on; the one before signs revocation
lists and OCSP responses alone. Where the root is offline this leaves an order for
it. --key NAME=URI, with the new CA's name (standard-2), makes the key on a token.

EXAMPLE: hallmark rollover tier --dir ca standard`,
		}, 1, 1, func(c *cli.Context) error {
			return e.change(c, func(s *ca.Site, ctx context.Context) (ca.Change, error) { return s.RolloverTier(ctx, c.Args().First()) })
		}),
		command(cli.Command{
			Name: "root", Usage: "new root, with cross-certificates to and from the one before", Flags: flags,
			Description: `Both roots are in the trust bundle until 'hallmark rollover retire'. Where the root is
offline this leaves an order.

EXAMPLE: hallmark rollover root --dir ca`,
		}, 0, 0, func(c *cli.Context) error { return e.change(c, (*ca.Site).RolloverRoot) }),
		e.rolloverStatusCommand(flags), e.rolloverDistributionCommand(flags), e.rolloverTSACommand(flags), e.rolloverTimestampingCommand(flags),
		command(cli.Command{
			Name: "retire", Usage: "take an old root out of the trust bundle", ArgsUsage: "ROOT", Flags: []cli.Flag{jsonFlag, dirFlag, pinFlag},
			Description: `Signatures made before the new root carry nothing that leads to it: verifiers that drop
the old root refuse them unless they are given the cross-certificate, which stays
in hierarchy/certs.

EXAMPLE: hallmark rollover retire --dir ca root`,
		}, 1, 1, func(c *cli.Context) error {
			return e.change(c, func(s *ca.Site, ctx context.Context) (ca.Change, error) {
				return ca.Change{Made: []string{}}, s.RetireRoot(ctx, c.Args().First())
			})
		}),
	)
}

func (e *env) openSite(c *cli.Context) (*ca.Site, error) {
	dir := c.String("dir")
	places, err := keyPlaces(c)
	if err != nil {
		return nil, err
	}
	catalogue, err := readCatalogue(filepath.Join(dir, instanceFrameworks))
	if err != nil {
		return nil, err
	}
	secrets, err := e.secrets(c, "Passphrase of the CA's keys")
	if err != nil {
		return nil, err
	}
	return ca.OpenSite(ca.SiteConfig{Dir: filepath.Join(dir, instanceHierarchy), Secrets: secrets, Catalogue: catalogue, Keys: places, Now: time.Now})
}

// change opens the hierarchy for one change and says what became of it.
func (e *env) change(c *cli.Context, do func(*ca.Site, context.Context) (ca.Change, error)) error {
	site, err := e.openSite(c)
	if err != nil {
		return err
	}
	change, err := do(site, c.Context)
	return e.printChange(c, change, errors.Join(err, site.Close()))
}

func (e *env) printChange(c *cli.Context, change ca.Change, err error) error {
	if errors.Is(err, ca.ErrOrderPending) {
		return withHint(err, "'hallmark ceremony import' or 'hallmark ceremony cancel'")
	}
	if errors.Is(err, ca.ErrSiteBusy) || errors.Is(err, ca.ErrSiteChanged) {
		return withHint(err, "nothing was changed; ask who else is at it, then look at 'hallmark status' before you try again")
	}
	if err != nil {
		return keyProblem(err)
	}
	if change.Pending {
		return e.printDone(c, change, "the root is to sign "+strings.Join(change.Made, ", "), "order "+change.Order, "  sha256 "+ca.GroupDigest(change.OrderSHA256),
			"the script lies beside it; 'hallmark ceremony import' takes the answer up")
	}
	lines := []string{}
	for _, name := range change.Made {
		lines = append(lines, "made "+name)
	}
	return e.printDone(c, change, append(lines, fmt.Sprintf("done: restart the server on %s", c.String("dir")))...)
}
