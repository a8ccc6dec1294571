package main

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/hallmark-pki/hallmark/ledger/monitor"
	"github.com/urfave/cli/v2"
)

// exitConflict is 'ledger monitor's answer to a log that contradicts itself.
const exitConflict = 3

// minFollow keeps a mistyped --follow from loading the log's server: a log publishes
// every 0.1 s at most, and assessments are accepted by people.
const minFollow = time.Second

func (e *env) ledgerMonitorCommand() *cli.Command {
	return command(cli.Command{
		Name: "monitor", Usage: "watch a log from outside: is its history the one it had, and what is new",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "url", Usage: "where the log is served: http or https"},
			&cli.StringFlag{Name: "key", Usage: "verifier key, as 'ledger show' prints it; get it from elsewhere than the log"},
			&cli.StringFlag{Name: "state", Usage: "file that keeps the last verified checkpoint; the first run makes it"},
			&cli.StringFlag{Name: "vendor", Usage: "print entries about this vendor (URI)"},
			&cli.StringFlag{Name: "auditor", Usage: "print entries by this auditor (SHA-256 of the public key, hex); with --vendor, those of either"},
			&cli.DurationFlag{Name: "follow", Usage: "go on, with a look after each such time, 1s or more"},
			&cli.BoolFlag{Name: "json", Usage: "print one JSON object a line: entry, verified or conflict"},
		},
		Description: `EXAMPLE: hallmark ledger monitor --url https://ca.example/log --key ca.example/log+1f2e3d4c+AaBb... --state log.state --vendor https://acme.example

It needs no account. Every entry since the last run is verified against the signed
checkpoint, whether it is printed or not, and the checkpoint against the one in the
state file, which moves on only when everything was verified.

EXIT CODE 3: the log contradicts itself: it has fewer entries than it had (an old copy
was restored), or others (a fork). Both signed checkpoints are printed: keep them, and
show them to others. The state file stays as it was. With --follow, this ends it, while
a log that cannot be read or verified is reported and tried again.`,
	}, 0, 0, e.ledgerMonitor)
}

// watching is what a monitor prints, and how.
type watching struct {
	env             *env
	isJSON          bool
	vendor, auditor string
	shown           int
}

func (e *env) ledgerMonitor(c *cli.Context) error {
	if err := need(c, "url", "key", "state"); err != nil {
		return err
	}
	w := &watching{env: e, isJSON: c.Bool("json"), vendor: c.String("vendor"), auditor: strings.ToLower(c.String("auditor"))}
	if err := w.check(); err != nil {
		return err
	}
	every := c.Duration("follow")
	if c.IsSet("follow") && every < minFollow {
		return &usageError{text: fmt.Sprintf("--follow %s is less than %s", every, minFollow), hint: "for example --follow 10m"}
	}
	f, err := monitor.New(monitor.Options{URL: c.String("url"), Key: c.String("key"), State: c.String("state")})
	if err != nil {
		return &usageError{text: err.Error(), hint: "'hallmark ledger show' prints the key; the log is at /log on the CA's public address"}
	}
	if every == 0 {
		return w.look(c.Context, f)
	}
	return w.follow(c.Context, f, every)
}

// follow looks again and again. The person who ends it learns with which outcome the
// last whole look ended.
func (w *watching) follow(ctx context.Context, f *monitor.Follower, every time.Duration) error {
	var last error
	for {
		err := w.look(ctx, f)
		if errors.Is(err, context.Canceled) {
			return last
		}
		if ends(err) {
			return err
		}
		if last = err; err != nil {
			w.env.report(err)
		}
		select {
		case <-ctx.Done():
			return last
		case <-time.After(every):
		}
	}
}

// ends says whether looking again makes no sense.
func ends(err error) bool {
	return err != nil && !errors.Is(err, monitor.ErrUnreachable) && !errors.Is(err, monitor.ErrForeign) && !errors.Is(err, monitor.ErrUnproven)
}

func (w *watching) check() error {
	if u, err := url.Parse(w.vendor); w.vendor != "" && (err != nil || u.Scheme == "") {
		return &usageError{text: fmt.Sprintf("--vendor %q is not a URI", w.vendor), hint: "the log names vendors by URI, e.g. https://acme.example"}
	}
	if raw, err := hex.DecodeString(w.auditor); w.auditor != "" && (err != nil || len(raw) != 32) {
		return &usageError{text: fmt.Sprintf("--auditor %q is not a SHA-256 in hex", w.auditor), hint: "entries and receipts name it auditor_spki_sha256"}
	}
	return nil
}

// look is one round. What it finds it prints, a conflict included.
func (w *watching) look(ctx context.Context, f *monitor.Follower) error {
	w.shown = 0
	r, err := f.Check(ctx, w.entry)
	var c *monitor.Conflict
	switch {
	case errors.As(err, &c):
		return w.conflict(c)
	case errors.Is(err, monitor.ErrForeign):
		return withHint(err, "compare --key with what the CA publishes; no one else's checkpoint says anything about this log")
	case errors.Is(err, monitor.ErrUnproven):
		return withHint(err, "try again, from another network too; if it lasts, the log cannot prove what it signed")
	case errors.Is(err, monitor.ErrState):
		return withHint(err, "the state is the log's last checkpoint, as it was signed; without a file, everything is verified from the first entry on")
	case err != nil:
		return err
	}
	if w.isJSON {
		return w.line(map[string]any{"event": "verified", "origin": r.Origin, "size": r.Size, "new": r.Size - r.Before, "shown": w.shown, "checkpoint": string(r.Checkpoint)})
	}
	_, err = fmt.Fprintf(w.env.stdout, "verified: %s has %d entries, %d new, %d shown\n", r.Origin, r.Size, r.Size-r.Before, w.shown)
	return err
}

// concerns takes entries that cannot be read as well: they may be about anybody.
func (w *watching) concerns(e monitor.Entry) bool {
	return w.vendor == "" && w.auditor == "" || e.Unread != nil ||
		w.vendor != "" && e.Entry.Vendor == w.vendor || w.auditor != "" && e.Entry.AuditorSPKI == w.auditor
}

func (w *watching) entry(e monitor.Entry) error {
	if !w.concerns(e) {
		return nil
	}
	w.shown++
	switch {
	case w.isJSON && e.Unread != nil:
		return w.line(map[string]any{"event": "entry", "index": e.Index, "unread": e.Unread.Error(), "raw": e.Raw})
	case w.isJSON:
		return w.line(map[string]any{"event": "entry", "index": e.Index, "entry": json.RawMessage(e.Raw)})
	case e.Unread != nil:
		_, err := fmt.Fprintf(w.env.stdout, "%6d  cannot be read by this release: %s\n", e.Index, printable(e.Unread.Error()))
		return err
	}
	a := e.Entry
	text := fmt.Sprintf("%6d  %s  %-21s  %s %s level %d  %s  by auditor %s", e.Index, moment(a.At), a.Type, a.Framework, a.Track, a.Level, a.Vendor, short(a.AuditorSPKI))
	if !a.Effective.IsZero() {
		text += fmt.Sprintf("  since %s: %q", moment(a.Effective), a.Reason)
	}
	_, err := fmt.Fprintln(w.env.stdout, printable(text))
	return err
}

// printable keeps what somebody had logged from steering the reader's terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

func (w *watching) conflict(c *monitor.Conflict) error {
	proof := []string{}
	for _, h := range c.Proof {
		proof = append(proof, base64.StdEncoding.EncodeToString(h))
	}
	if w.isJSON {
		err := w.line(map[string]any{"event": "conflict", "kind": c.Kind, "seen": string(c.Seen), "served": string(c.Served), "proof": proof})
		return errors.Join(err, exitWith(exitConflict))
	}
	fmt.Fprintln(w.env.stderr, "hallmark: error:", c)
	text := fmt.Sprintf("--- signed before\n%s--- signed now\n%s", c.Seen, c.Served)
	if len(proof) > 0 {
		text += fmt.Sprintf("--- hashes of the subtrees behind what is signed now: of its first %d entries, then the rest\n%s\n", c.SeenSize, strings.Join(proof, "\n"))
	}
	_, err := fmt.Fprint(w.env.stdout, text)
	fmt.Fprintln(w.env.stderr, "hallmark: hint: keep this output and show it to others who watch the log; both checkpoints are signed by it")
	return errors.Join(err, exitWith(exitConflict))
}

// line prints v as one line, so that a program can read on while the command follows.
func (w *watching) line(v any) error {
	enc := json.NewEncoder(w.env.stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
