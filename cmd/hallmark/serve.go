package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/urfave/cli/v2"
)

const (
	// upkeepInterval is how often a server looks whether revocation lists are due,
	// assessments end and probes are to be run. All of it is counted in days, so an
	// hour's delay is harmless.
	upkeepInterval = time.Hour
	// queueInterval is how often what waits for the log or for a webhook is looked at,
	// beside whenever something is put there.
	queueInterval = time.Second
	// gcPercent lets the heap grow to five times what is alive before it is collected,
	// unless $GOGC says otherwise, and gcFloor counts as alive: 32 MB that nobody touches,
	// so that the system never provides them. What is alive are some ten megabytes; at Go's
	// own 100 a server that issues spends a third of its time collecting (docs/performance.md).
	gcPercent = 400
	gcFloor   = 32 << 20
	// extraThreads run Go code beside one for each processor, unless $GOMAXPROCS says
	// otherwise: one nearly always waits for the disk, and the runtime takes a moment to see it.
	extraThreads = 1
	// revokeInterval is how soon a mass revocation that failed is tried again.
	revokeInterval = time.Minute
)

func (e *env) serveCommand() *cli.Command {
	return command(cli.Command{
		Name: "serve", Usage: "run the CA",
		Flags: []cli.Flag{dirFlag, pinFlag,
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
	secrets, err := e.secrets(c, "Passphrase of the CA's keys")
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
		defer runtime.KeepAlive(make([]byte, gcFloor))
	}
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + extraThreads)
	}
	runtime.MemProfileRate = 0 // a profile that nobody can read costs a walk over the stack for every 512 KB
	ctx := c.Context
	in, err := openInstance(ctx, c.String("dir"), secrets, log)
	if err != nil {
		return err
	}
	err = in.run(ctx)
	return errors.Join(err, in.Close(context.WithoutCancel(ctx)))
}

// run finishes what a crash interrupted, then serves until ctx ends.
func (in *instance) run(ctx context.Context) error {
	if err := in.reg.Keep(ctx); err != nil {
		return err
	}
	if err := in.reg.Recover(ctx); err != nil {
		return fmt.Errorf("finish interrupted acceptances: %w", err)
	}
	if err := in.ca.PublishCRLs(ctx); err != nil {
		return fmt.Errorf("publish revocation lists: %w", err)
	}
	in.askTime(ctx)
	in.settleFirst(ctx)
	apiListener, err := net.Listen("tcp", in.config.APIListen)
	if err != nil {
		return withHint(err, "api_listen in "+instanceConfig+" names the address")
	}
	publicListener, err := net.Listen("tcp", in.config.PublicListen)
	if err != nil {
		return errors.Join(withHint(err, "public_listen in "+instanceConfig+" names the address"), apiListener.Close())
	}
	in.log.Info("serving", "api", apiListener.Addr().String(), "public", publicListener.Addr().String(), "version", version)

	background, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	for _, work := range []func(context.Context){in.upkeep, in.keepLogging, in.keepTelling, in.keepRevoking, in.keepTime, in.keepSettling} {
		running.Go(func() { work(background) })
	}
	err = in.server.Serve(ctx, apiListener, publicListener)
	stop()
	running.Wait()
	in.log.Info("stopped")
	return err
}

// upkeep does what time brings about, at the start and every hour.
func (in *instance) upkeep(ctx context.Context) {
	tick := time.NewTicker(upkeepInterval)
	defer tick.Stop()
	for {
		for _, work := range []struct {
			what string
			do   func(context.Context) error
		}{
			{"publish revocation lists", in.ca.PublishCRLs},
			{"sign OCSP answers ahead", in.ca.PresignOCSP},
			{"bring the update repository up to date", in.server.Distribute},
			{"end assessments", func(ctx context.Context) error { _, err := in.reg.Sweep(ctx); return err }},
			{"run probes", in.reg.ProbeAll},
			{"give up old rebuild jobs", in.rebuilds.Sweep},
			{"count for the metrics", in.server.Gauge},
		} {
			if err := work.do(ctx); err != nil && ctx.Err() == nil {
				in.log.Error("upkeep: "+work.what, "error", err)
			}
		}
		in.sender.Poke()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// keepLogging moves to the ledger what transactions left for it.
func (in *instance) keepLogging(ctx context.Context) {
	in.queue.Run(ctx, queueInterval, func(err error) { in.log.Error("log what waits", "error", err) })
}

// keepRevoking works off mass revocations, first of all what a crash interrupted.
func (in *instance) keepRevoking(ctx context.Context) { in.ca.KeepRevoking(ctx, revokeInterval) }

// keepTelling delivers notices.
func (in *instance) keepTelling(ctx context.Context) {
	if err := in.sender.Run(ctx, queueInterval); err != nil && ctx.Err() == nil {
		in.log.Error("deliver notices", "error", err)
	}
}
