package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/urfave/cli/v2"
)

// defaultOverlap is how long a new status key stands in the trust bundle before it signs:
// machines that were off for a week have it by then.
const defaultOverlap = 14 * 24 * time.Hour

func (e *env) rolloverStatusCommand(flags []cli.Flag) *cli.Command {
	return command(cli.Command{
		Name: "status", Usage: "next key for status bundles and for what changes daily in the update repository",
		Flags: append([]cli.Flag{
			&cli.DurationFlag{Name: "overlap", Value: defaultOverlap, Usage: "how long the new key is in the trust bundle before it signs"},
			&cli.BoolFlag{Name: "compromised", Usage: "the new key signs at once, and the one before is taken out of the trust bundle"}}, flags...),
		Description: `The new key is in the trust bundle from the next start of the server on, and machines
learn it with their next update. It signs when the overlap is over, without a restart; the one
before counts for a week longer, as long as what it has signed. Then keys/status.pem can be
destroyed. A machine that was off for all that time updates as always.

Where operators hold the root of the update repository, they list both keys before:
'hallmark trust root next --online hierarchy/certs/status-2.pub --online ...'.

EXAMPLE: hallmark rollover status --dir ca`,
	}, 0, 0, e.rolloverStatus)
}

func (e *env) rolloverStatus(c *cli.Context) error {
	if c.Bool("compromised") && c.IsSet("overlap") {
		return withHint(errors.New("--compromised and --overlap contradict each other"), "a key that somebody else has does not go on for a while")
	}
	site, err := e.openSite(c)
	if err != nil {
		return err
	}
	change, err := site.RolloverStatus(c.Context, c.Duration("overlap"), c.Bool("compromised"))
	if err = errors.Join(err, site.Close()); err != nil {
		if errors.Is(err, ca.ErrOverlap) {
			return withHint(err, "where the key is in wrong hands: --compromised")
		}
		return keyProblem(err)
	}
	lines := []string{"made " + change.Made[0], "  its public half is in " + change.PublicKey}
	if change.Until.IsZero() {
		lines = append(lines, "it signs at once; the one before is in the trust bundle no more")
	} else {
		lines = append(lines, "it signs from "+change.From.Format(time.RFC3339)+" on; the one before counts until "+change.Until.Format(time.RFC3339))
	}
	return e.printDone(c, change, append(lines, fmt.Sprintf("done: restart the server on %s", c.String("dir")))...)
}

func (e *env) rolloverDistributionCommand(flags []cli.Flag) *cli.Command {
	return command(cli.Command{
		Name: "distribution", Usage: "next key for root and targets of the update repository", Flags: flags,
		Description: `When the server starts again it publishes a root that hands over, signed by both keys;
machines follow it with their next update. Then keys/distribution.pem can be destroyed. Publish
the new fingerprint ('hallmark trust fingerprint'); the one before goes on to be taken.

EXAMPLE: hallmark rollover distribution --dir ca`,
	}, 0, 0, func(c *cli.Context) error { return e.change(c, (*ca.Site).RolloverDistribution) })
}

func (e *env) rolloverTSACommand(flags []cli.Flag) *cli.Command {
	return command(cli.Command{
		Name: "tsa", Usage: "next key of the timestamping authority", Flags: flags,
		Description: `What was stamped before stays valid, also after that certificate has ended; the key
before is of no more use. Where the timestamping CA is offline this leaves an order.

EXAMPLE: hallmark rollover tsa --dir ca`,
	}, 0, 0, func(c *cli.Context) error {
		return e.change(c, func(s *ca.Site, ctx context.Context) (ca.Change, error) { return s.RolloverTSA(ctx) })
	})
}

func (e *env) rolloverTimestampingCommand(flags []cli.Flag) *cli.Command {
	return command(cli.Command{
		Name: "timestamping", Usage: "next timestamping CA, and the next authority under it", Flags: flags,
		Description: `The CA before goes on with its revocation list ('hallmark ceremony lists'); what was
stamped under it stays valid. Where the root is offline this leaves an order.

EXAMPLE: hallmark rollover timestamping --dir ca`,
	}, 0, 0, func(c *cli.Context) error {
		return e.change(c, func(s *ca.Site, ctx context.Context) (ca.Change, error) { return s.RolloverTimestamping(ctx) })
	})
}
