package main

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/urfave/cli/v2"
)

// Exit codes of 'hallmark sign --wait' besides the general ones.
const (
	exitRevoked = 3 // a signature was revoked: the build is not what its source builds to, or nobody confirmed it
	exitPending = 4 // at the end of the wait a signature was neither confirmed nor revoked
)

const (
	// waitInterval is how often the service is asked how a signature stands.
	waitInterval = 2 * time.Second
	// defaultWait is how long that is done unless --wait-timeout says otherwise.
	defaultWait = 30 * time.Minute
)

// settleFlags are the flags of sign for provisional signatures.
var settleFlags = []cli.Flag{
	&cli.StringFlag{Name: "mode", Value: "strict", Usage: "strict: sign once all is proved; provisional: sign at once, with a certificate for this build alone, confirmed or revoked later"},
	&cli.BoolFlag{Name: "wait", Usage: "with --mode provisional: wait until it is confirmed, and put the confirmed signature into the file"},
	&cli.DurationFlag{Name: "wait-timeout", Value: defaultWait, Usage: "with --wait: for how long"},
}

// signSettleCommands are about signatures that were made.
func (e *env) signSettleCommands() []*cli.Command {
	return []*cli.Command{
		command(cli.Command{
			Name: "list", Usage: "the signing record: a vendor's own, or all",
			Flags:       []cli.Flag{jsonFlag, formatFlag, &cli.StringFlag{Name: "vendor", Usage: "officers: vendor id"}, &cli.StringFlag{Name: "state", Usage: "provisional, held, confirmed or revoked"}},
			Description: "EXAMPLE: hallmark sign list --state provisional",
		}, 0, 0, e.signList),
		command(cli.Command{
			Name: "refresh", Usage: "put today's staple into a signed file: the summary that confirmed it, and the newest revocation list", ArgsUsage: "FILE",
			Flags: []cli.Flag{jsonFlag, &cli.StringFlag{Name: "signature", Usage: "id of the signature, as sign printed it"},
				&cli.StringFlag{Name: "format", Usage: "how the signature is carried: " + kinds() + " (default: what the file's content is)"}},
			Description: `Nothing under the signature or its timestamp changes. A revoked one is refused.

EXAMPLE: hallmark sign refresh --signature 20261123T022500.000000000Z-00112233aabbccdd hello_1.0_amd64.deb`,
		}, 1, 1, e.signRefresh),
	}
}

// checkSettleFlags refuses what contradicts itself.
func checkSettleFlags(c *cli.Context) error {
	mode := c.String("mode")
	switch {
	case mode != "strict" && mode != "provisional":
		return &usageError{text: fmt.Sprintf("--mode %q", mode), hint: "strict or provisional"}
	case mode == "strict" && c.Bool("wait"):
		return &usageError{text: "--wait without --mode provisional", hint: "a strict signature is final when it is there"}
	case mode == "provisional" && c.String("cert") != "":
		return &usageError{text: "--mode provisional and --cert contradict each other", hint: "a provisional signature has a certificate of its own"}
	case mode == "provisional" && c.Bool("upload"):
		return &usageError{text: "--mode provisional and --upload do not go together", hint: "have the evidence state both digests (hallmark digest prints them)"}
	case c.Bool("wait") && c.Duration("wait-timeout") <= 0:
		return &usageError{text: "--wait-timeout must be positive", hint: "like 30m"}
	}
	return nil
}

// settle waits for provisional signatures and refreshes those that are confirmed. It
// returns the command's exit code.
func (e *env) settle(ctx context.Context, client *api.Client, all []signed, timeout time.Duration) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	code := exitOK
	for i := range all {
		one := &all[i]
		if one.ID == "" || one.State != store.SignatureProvisional {
			continue
		}
		if err := waitSettled(ctx, client, one); err != nil {
			return 0, fmt.Errorf("%s: %w", one.File, err)
		}
		switch one.State {
		case store.SignatureConfirmed:
			// The time for waiting may be used up; what is confirmed is put into the file.
			if err := refreshFile(context.WithoutCancel(ctx), client, one.File, one.Format, one.ID); err != nil {
				return 0, fmt.Errorf("%s: %w", one.File, err)
			}
		case store.SignatureRevoked:
			code = exitRevoked
		default:
			if code == exitOK {
				code = exitPending
			}
		}
	}
	return code, nil
}

// waitSettled asks until a signature is confirmed or revoked, or the time is over.
func waitSettled(ctx context.Context, client *api.Client, s *signed) error {
	tick := time.NewTicker(waitInterval)
	defer tick.Stop()
	for {
		var rec api.SignatureRecord
		// Not under ctx: an answer that was asked for in time is an answer.
		if err := client.Get(context.WithoutCancel(ctx), "/v1/signatures/"+url.PathEscape(s.ID), &rec); err != nil {
			return err
		}
		s.State, s.Incident = rec.State, rec.Incident
		if rec.State != store.SignatureProvisional && rec.State != store.SignatureHeld {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// refreshFile replaces the signature that a file carries by one with today's staple.
func refreshFile(ctx context.Context, client *api.Client, path, kind, id string) error {
	f, err := formatOf(kind, path)
	if err != nil {
		return err
	}
	artifact, err := f.Open(path)
	if err != nil {
		return err
	}
	digests, err := artifact.Digests()
	var cms []byte
	if err == nil {
		cms, err = artifact.Signature()
	}
	if closing := artifact.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return err
	}
	var fresh api.Refreshed
	if err := client.Post(ctx, "/v1/signatures/"+url.PathEscape(id)+"/refresh", api.Refresh{CMS: cms}, &fresh); err != nil {
		return err
	}
	_, err = f.Attach(path, fresh.CMS, format.Options{Replace: true, Digest: digests.Signed})
	return err
}

func (e *env) signRefresh(c *cli.Context) error {
	if err := need(c, "signature"); err != nil {
		return err
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	path := c.Args().First()
	if err := refreshFile(c.Context, client, path, c.String("format"), c.String("signature")); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return e.printDone(c, map[string]string{"file": path, "signature": c.String("signature")}, "refreshed "+path)
}

func (e *env) signList(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	query := filters(c, "vendor", "state")
	all, err := api.List[api.SignatureRecord](c.Context, client, "/v1/signatures", query)
	if err != nil {
		return err
	}
	t := table{header: []string{"id", "vendor", "product", "format", "at", "state", "confirm by", "incident"}, records: all}
	for _, s := range all {
		state, by := s.State, ""
		if state == "" {
			state = "final"
		}
		if !s.ConfirmBy.IsZero() {
			by = moment(s.ConfirmBy)
		}
		t.rows = append(t.rows, []string{s.ID, s.Vendor, s.Product, s.Format, moment(s.At), state, by, s.Incident})
	}
	return e.printTable(c, t)
}
