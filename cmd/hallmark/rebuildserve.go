package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/outbound"
	"github.com/hallmark-pki/hallmark/rebuild/worker"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"
)

// claimWait is how long one question for work waits: less than what proxies cut off.
const claimWait = 25 * time.Second

// builderFlags are those of whatever builds: serve and try.
func builderFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "work", Usage: "folder to build in; run as root, other users have to get there"},
		&cli.StringSliceFlag{Name: "mirror", Usage: "URL-PREFIX=FOLDER: take sources and inputs that begin so from this machine (repeatable)"},
		&cli.StringSliceFlag{Name: "tools", Usage: "folder beside /usr that builds may use, such as a compiler's; its bin is on their PATH (repeatable)"},
		&cli.StringFlag{Name: "go-proxy", Usage: "where Go modules come from, one https or file URL", Value: "https://proxy.golang.org"},
		&cli.StringFlag{Name: "ca", Usage: "PEM file: CAs of the https hosts that sources and files come from, in place of the system's"},
		&cli.BoolFlag{Name: "allow-private", Usage: "fetch from addresses that are not on the public internet too"},
	}
}

func (e *env) rebuildServeCommand() *cli.Command {
	return command(cli.Command{
		Name: "serve", Usage: "rebuilders: take jobs from the CA, build, sign what came of it",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "id", Usage: "https URL: this rebuilder's id in audited scopes"},
			&cli.StringFlag{Name: "key", Usage: "its key in audited scopes: " + keyForms},
			&cli.IntFlag{Name: "jobs", Value: 1, Usage: "how many at a time"},
			&cli.BoolFlag{Name: "once", Usage: "do the jobs that there are, and end"},
			&cli.StringFlag{Name: "log-level", Value: "info", Usage: "debug, info, warn or error"},
		}, builderFlags()...),
		Description: `Opens no port: it asks the CA for jobs, fetches the source at the commit that a job
names, runs the recipe of the audited scope twice in a sandbox without network, and
files a signed outcome. docs/rebuilding.md says what the sandbox holds back. Needs
bubblewrap and git, and 'hallmark enroll TOKEN' with a token from 'hallmark rebuilder
add'. Run it as a user of its own, on a machine of another operator than the vendor.

SIGTERM breaks off what is being built; the CA gives it out again.

EXAMPLE: hallmark rebuild serve --id https://rebuild.example.org/ --key rebuild.key --work /var/lib/rebuild`,
	}, 0, 0, e.rebuildServe)
}

func (e *env) rebuildServe(c *cli.Context) error {
	if err := need(c, "id", "key", "work"); err != nil {
		return err
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.String("log-level"))); err != nil {
		return &usageError{text: "--log-level: " + err.Error(), hint: "debug, info, warn or error"}
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	key, err := e.readKey(c, c.String("key"))
	if err != nil {
		return err
	}
	defer key.Close()
	config, err := builderConfig(c)
	if err != nil {
		return err
	}
	config.ID, config.Key, config.Folder = c.String("id"), key, c.String("work")
	config.Log = slog.New(slog.NewJSONHandler(e.stderr, &slog.HandlerOptions{Level: level}))
	w, err := startWorker(c.Context, config)
	if err != nil {
		return err
	}
	defer w.Close()
	config.Log.Info("rebuilding", "id", config.ID, "work", config.Folder, "version", version)
	s := jobServer{client: client, wait: claimWait}
	if c.Bool("once") {
		s.wait = 0
	}
	err = w.Serve(c.Context, s, worker.Options{Once: c.Bool("once"), Jobs: c.Int("jobs")})
	config.Log.Info("stopped")
	return err
}

// builderConfig reads builderFlags.
func builderConfig(c *cli.Context) (worker.Config, error) {
	config := worker.Config{
		Tools: c.StringSlice("tools"), GoProxy: c.String("go-proxy"), Now: time.Now,
		Outbound: outbound.Policy{AllowPrivate: c.Bool("allow-private"), UserAgent: "hallmark-rebuild"},
	}
	if file := c.String("ca"); file != "" {
		var err error
		if config.CAs, err = os.ReadFile(file); err != nil {
			return worker.Config{}, err
		}
		if len(config.CAs) == 0 {
			return worker.Config{}, &usageError{text: "--ca " + file + " is empty", hint: "certificates in PEM, one behind the other"}
		}
	}
	for _, text := range c.StringSlice("mirror") {
		// The folder comes last: a URL may have an equals sign in it.
		i := strings.LastIndexByte(text, '=')
		if i < 0 || !strings.HasPrefix(text, "https://") || !strings.HasPrefix(text[i+1:], "/") {
			return worker.Config{}, &usageError{text: fmt.Sprintf("--mirror %s is not URL-PREFIX=FOLDER", text), hint: "--mirror https://git.example.com/=/srv/git/"}
		}
		config.Mirrors = append(config.Mirrors, worker.Mirror{Prefix: text[:i], Folder: text[i+1:]})
	}
	for _, folder := range config.Tools {
		if !strings.HasPrefix(folder, "/") {
			return worker.Config{}, &usageError{text: "--tools " + folder + " is not an absolute path", hint: "builds see it under the same name"}
		}
	}
	return config, nil
}

// startWorker takes the folder and tries the sandbox. Files that are made for commands of
// another user have to be readable, whatever umask an operator's shell has.
func startWorker(ctx context.Context, config worker.Config) (*worker.Worker, error) {
	unix.Umask(0o022)
	w, err := worker.New(config)
	if err != nil {
		return nil, err
	}
	if err := w.Check(ctx); err != nil {
		w.Close()
		return nil, withHint(fmt.Errorf("this machine cannot build: %w", err),
			"install bubblewrap; allow user namespaces; and choose a --work folder that the user who builds can get to")
	}
	return w, nil
}

// jobServer is the CA as a rebuilder sees it.
type jobServer struct {
	client *api.Client
	wait   time.Duration
}

func (s jobServer) Claim(ctx context.Context) (worker.Assignment, bool, error) {
	given, err := s.client.NextRebuild(ctx, s.wait)
	if err != nil || given.Job == nil {
		return worker.Assignment{}, false, err
	}
	j := given.Job
	return worker.Assignment{
		Job: worker.Job{
			ID: j.ID, Product: j.Product, SHA256: j.SHA256, SourceURI: j.Source.URI, Commit: j.Source.Commit,
			Recipe: given.Recipe, RecipeSHA256: j.RecipeSHA256,
		},
		Lease: given.Lease, Heartbeat: time.Duration(given.HeartbeatSeconds) * time.Second,
	}, true, nil
}

func (s jobServer) Heartbeat(ctx context.Context, a worker.Assignment) error {
	_, err := s.client.KeepRebuild(ctx, a.ID, a.Lease)
	return jobError(err)
}

func (s jobServer) Deliver(ctx context.Context, a worker.Assignment, envelopes [][]byte) error {
	_, err := s.client.FinishRebuild(ctx, a.ID, envelopes)
	return jobError(err)
}

// jobError tells answers that are final from those that another try may change.
func jobError(err error) error {
	var p *api.Problem
	switch {
	case !errors.As(err, &p):
		return err
	case p.Code == "lease" || p.Code == "over" || p.Code == "not-given" || p.Status == 404:
		return fmt.Errorf("%w: %w", worker.ErrLost, err)
	case p.Status == 400 || p.Status == 403 || p.Status == 409 || p.Status == 413 || p.Status == 422:
		return fmt.Errorf("%w: %w", worker.ErrRefused, err)
	}
	return err
}
