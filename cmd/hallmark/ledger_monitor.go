package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/ledger/monitor"
	"github.com/urfave/cli/v2"
)

const (
	// exitConflict is 'ledger monitor's answer to a log that contradicts itself.
	exitConflict = 3
	// exitFinding is its answer to a certificate that the log does not justify.
	exitFinding = 4
)

// minFollow keeps a mistyped --follow from loading the log's server: a log publishes
// every 0.1 s at most, and assessments are accepted by people.
const minFollow = time.Second

func (e *env) ledgerMonitorCommand() *cli.Command {
	return command(cli.Command{
		Name: "monitor", Usage: "watch a log from outside: is its history the one it had, and what is new",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "url", Usage: "where the log is served: http or https"},
			&cli.StringFlag{Name: "key", Usage: "verifier key, as 'ledger show' prints it; get it from elsewhere than the log"},
			&cli.StringFlag{Name: "state", Usage: "file that keeps the last verified checkpoint; the first run makes it"},
			&cli.StringFlag{Name: "vendor", Usage: "print entries about this vendor (URI)"},
			&cli.StringFlag{Name: "auditor", Usage: "print entries about this auditor (SHA-256 of a public key, or the log's name for the auditor, hex); with --vendor, those of either"},
			&cli.DurationFlag{Name: "follow", Usage: "go on, with a look after each such time, 1s or more"},
			&cli.BoolFlag{Name: "json", Usage: "print one JSON object a line: entry, finding, verified or conflict"},
		}, witnessFlags()...),
		Description: `EXAMPLE: hallmark ledger monitor --url https://ca.example/log --key ca.example/log+1f2e3d4c+AaBb... --state log.state --vendor https://acme.example

It needs no account. Every entry since the last run is verified against the signed
checkpoint, whether it is printed or not, and the checkpoint against the one in the
state file, which moves on only when everything was verified. A second file, with
".assessments" behind the name, keeps what is in force; if it is lost, the log is read
from its first entry again.

A certificate that was issued on an assessment which was not in force at that place of
the log is a FINDING, printed whomever it is about: never accepted before, ended, in
review, or another vendor's. Keep the output; the CA owes an explanation.

EXIT CODES beside the usual ones: 4 there was a finding in what is new; the next run
goes on behind it. 3 the log contradicts itself: it has fewer entries than it had (an
old copy was restored), or others (a fork). Both signed checkpoints are printed: keep
them, and show them to others. The state file stays as it was. With --follow, this ends
it, while a finding does not, nor does a log that cannot be read or verified.`,
	}, 0, 0, e.ledgerMonitor)
}

// watching is what a monitor prints, and how.
type watching struct {
	env             *env
	isJSON          bool
	vendor, auditor string
	shown           int
	findings        int // in this look
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
	witnesses, err := readWitnesses(c)
	if err != nil {
		return err
	}
	f, err := monitor.New(monitor.Options{URL: c.String("url"), Key: c.String("key"), State: c.String("state"), Witnesses: witnesses, Quorum: c.Int("quorum")})
	if err != nil {
		return &usageError{text: err.Error(), hint: "'hallmark ledger show' prints the key; the log is at /log on the CA's public address"}
	}
	if every == 0 {
		return w.look(c.Context, f)
	}
	return w.follow(c.Context, f, every)
}

// follow looks again and again. The person who ends it learns whether anything was
// found, and else with which outcome the last whole look ended.
func (w *watching) follow(ctx context.Context, f *monitor.Follower, every time.Duration) error {
	var last, found error
	for {
		err := w.look(ctx, f)
		switch {
		case errors.Is(err, context.Canceled):
			return cmp.Or(found, last)
		case errors.Is(err, exitWith(exitFinding)):
			found, err = err, nil
		case ends(err):
			return err
		}
		if last = err; err != nil {
			w.env.report(err)
		}
		select {
		case <-ctx.Done():
			return cmp.Or(found, last)
		case <-time.After(every):
		}
	}
}

// ends says whether looking again makes no sense.
func ends(err error) bool {
	passing := []error{monitor.ErrUnreachable, monitor.ErrForeign, monitor.ErrNotCosigned, monitor.ErrUnproven}
	return err != nil && !slices.ContainsFunc(passing, func(p error) bool { return errors.Is(err, p) })
}

func (w *watching) check() error {
	if u, err := url.Parse(w.vendor); w.vendor != "" && (err != nil || u.Scheme == "") {
		return &usageError{text: fmt.Sprintf("--vendor %q is not a URI", w.vendor), hint: "the log names vendors by URI, e.g. https://acme.example"}
	}
	if raw, err := hex.DecodeString(w.auditor); w.auditor != "" && (err != nil || len(raw) != 32) {
		return &usageError{text: fmt.Sprintf("--auditor %q is not a SHA-256 in hex", w.auditor), hint: "entries name keys auditor_spki_sha256, and auditors by a commitment, auditor"}
	}
	return nil
}

// look is one round. What it finds it prints, a conflict included.
func (w *watching) look(ctx context.Context, f *monitor.Follower) error {
	w.shown, w.findings = 0, 0
	r, err := f.Check(ctx, w.entry)
	var c *monitor.Conflict
	switch {
	case errors.As(err, &c):
		return w.conflict(c)
	case errors.Is(err, monitor.ErrForeign):
		return withHint(err, "compare --key with what the CA publishes; no one else's checkpoint says anything about this log")
	case errors.Is(err, monitor.ErrNotCosigned):
		return withHint(err, "the log must have these witnesses; if it has, it may be showing you what it does not show them")
	case errors.Is(err, monitor.ErrUnproven):
		return withHint(err, "try again, from another network too; if it lasts, the log cannot prove what it signed")
	case errors.Is(err, monitor.ErrState):
		return withHint(err, "the state is the log's last checkpoint, as it was signed; without a file, everything is verified from the first entry on")
	case err != nil:
		return err
	}
	if err := w.verified(r); err != nil || w.findings == 0 {
		return err
	}
	return exitWith(exitFinding)
}

func (w *watching) verified(r monitor.Round) error {
	if w.isJSON {
		return w.line(map[string]any{"event": "verified", "origin": r.Origin, "size": r.Size, "new": r.Size - r.Before, "shown": w.shown, "findings": w.findings, "checkpoint": string(r.Checkpoint)})
	}
	text := fmt.Sprintf("verified: %s has %d entries, %d new, %d shown", r.Origin, r.Size, r.Size-r.Before, w.shown)
	if w.findings > 0 {
		text += fmt.Sprintf(", %d FINDINGS", w.findings)
	}
	_, err := fmt.Fprintln(w.env.stdout, text)
	return err
}

// concerns takes entries that cannot be read as well: they may be about anybody.
func (w *watching) concerns(e monitor.Entry) bool {
	return w.vendor == "" && w.auditor == "" || e.Unread != nil ||
		w.vendor != "" && e.Entry.Vendor == w.vendor || w.auditor != "" && slices.Contains(e.Auditors(), w.auditor)
}

func (w *watching) entry(e monitor.Entry) error {
	if w.concerns(e) && !e.IsOld {
		w.shown++
		if err := w.show(e); err != nil {
			return err
		}
	}
	for _, f := range e.Findings {
		w.findings++
		if err := w.finding(e, f); err != nil {
			return err
		}
	}
	return nil
}

func (w *watching) show(e monitor.Entry) error {
	switch {
	case w.isJSON && e.Unread != nil:
		return w.line(map[string]any{"event": "entry", "index": e.Index, "unread": e.Unread.Error(), "raw": e.Raw})
	case w.isJSON:
		return w.line(map[string]any{"event": "entry", "index": e.Index, "entry": json.RawMessage(e.Raw)})
	case e.Unread != nil:
		_, err := fmt.Fprintf(w.env.stdout, "%6d  cannot be read by this release: %s\n", e.Index, printable(e.Unread.Error()))
		return err
	}
	_, err := fmt.Fprintf(w.env.stdout, "%6d  %s\n", e.Index, entryText(e.Entry))
	return err
}

func (w *watching) finding(e monitor.Entry, f monitor.Finding) error {
	if w.isJSON {
		line := map[string]any{"event": "finding", "index": e.Index, "problem": f.Problem, "assessment": f.Assessment, "entry": json.RawMessage(e.Raw)}
		if f.By != "" {
			line["by"], line["by_index"] = f.By, f.At
		}
		return w.line(line)
	}
	_, err := fmt.Fprintln(w.env.stdout, printable(fmt.Sprintf("FINDING in entry %d: certificate %s of %s %s", e.Index, e.Entry.Serial, e.Entry.Vendor, f)))
	return err
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
