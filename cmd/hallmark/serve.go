package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/urfave/cli/v2"
)

// upkeepInterval is how often a server looks whether revocation lists are due.
// They are due a day after they were made, so an hour's delay is harmless.
const upkeepInterval = time.Hour

func (e *env) serveCommand() *cli.Command {
	return command(cli.Command{
		Name: "serve", Usage: "run the CA",
		Flags: []cli.Flag{dirFlag,
			&cli.StringFlag{Name: "log-level", Value: "info", Usage: "debug, info, warn or error"},
		},
		Description: `Serves until SIGINT or SIGTERM, then lets requests under way finish. Logs are JSON
lines on stderr.

EXAMPLE: hallmark serve --dir ca --passphrase-file /run/credentials/hallmark`,
	}, 0, 0, e.serve)
}

func (e *env) serve(c *cli.Context) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.String("log-level"))); err != nil {
		return &usageError{text: "--log-level: " + err.Error(), hint: "debug, info, warn or error"}
	}
	log := slog.New(slog.NewJSONHandler(e.stderr, &slog.HandlerOptions{Level: level}))
	passphrase, err := e.passphrase(c, "Passphrase of the CA's keys")
	if err != nil {
		return err
	}
	ctx := c.Context
	in, err := openInstance(ctx, c.String("dir"), passphrase, log)
	if err != nil {
		return err
	}
	err = in.run(ctx)
	return errors.Join(err, in.Close(context.WithoutCancel(ctx)))
}

// run finishes what a crash interrupted, then serves until ctx ends.
func (in *instance) run(ctx context.Context) error {
	if err := in.reg.Recover(ctx); err != nil {
		return fmt.Errorf("finish interrupted acceptances: %w", err)
	}
	if err := in.ca.PublishCRLs(ctx); err != nil {
		return fmt.Errorf("publish revocation lists: %w", err)
	}
	apiListener, err := net.Listen("tcp", in.config.APIListen)
	if err != nil {
		return withHint(err, "api_listen in "+instanceConfig+" names the address")
	}
	publicListener, err := net.Listen("tcp", in.config.PublicListen)
	if err != nil {
		return errors.Join(withHint(err, "public_listen in "+instanceConfig+" names the address"), apiListener.Close())
	}
	in.log.Info("serving", "api", apiListener.Addr().String(), "public", publicListener.Addr().String(), "version", version)

	upkeep, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); in.upkeep(upkeep) }()
	err = in.server.Serve(ctx, apiListener, publicListener)
	stop()
	<-done
	in.log.Info("stopped")
	return err
}

// upkeep renews what runs out while the server runs.
func (in *instance) upkeep(ctx context.Context) {
	tick := time.NewTicker(upkeepInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := in.ca.PublishCRLs(ctx); err != nil {
				in.log.Error("publish revocation lists", "error", err)
			}
		}
	}
}
