package command

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/hallmark-pki/hallmark/durable"
	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/proof"
)

const explainDescription = `Judges FILE as always and says, step by step, what was asked, what came of it and why.
With --proof everything that the verdict rests on is written to OUT: the signature with its
certificates, timestamp, summary and log receipts, the trust bundle, the status bundle, the
policy and the time; and what the certificate stands on: the assessments that it names, and
what rebuilders said about the file. These are taken from --evidence (which must be about this
file), from the folder of --evidence-dir, and with --fetch, or where the policy says
"attestations: fetch", from the addresses in the certificate. What is missing is
said here and in the proof. Somebody else's program can come to its own verdict from that
file alone; test/second-opinion in hallmark's source is one.

EXAMPLES:
   hallmark-verify explain tool.deb
   hallmark-verify explain --proof tool.proof.json --fetch tool.deb
   hallmark-verify explain --at 2026-03-01T12:00:00Z --proof tool.proof.json tool.deb

EXIT CODES: those of the verdict, also where evidence is missing, of which stderr warns;
   1 if an assessment is not what the certificate says of it, whatever the verdict; 64 wrong
   usage, or the proof could not be written`

func (c console) explaining() *cli.Command {
	return &cli.Command{
		Name: "explain", Usage: "say why a file is valid or not, and write a proof for others", ArgsUsage: "FILE",
		Description: explainDescription, OnUsageError: c.usage,
		Flags:  append(append(flags(), &cli.StringFlag{Name: "proof", Usage: "write a proof to `OUT`"}), groundFlags()...),
		Action: c.explain,
	}
}

func (c console) explain(ctx *cli.Context) error {
	if ctx.NArg() != 1 {
		c.complain(fmt.Sprintf("%d files named, want one", ctx.NArg()), "hallmark-verify explain [--proof OUT] FILE")
		return Exit(WrongUsage)
	}
	if ctx.IsSet("proof") && ctx.String("proof") == "" {
		c.complain("--proof is empty", "name the file to write")
		return Exit(WrongUsage)
	}
	for _, flag := range []string{"evidence", "evidence-dir", "fetch"} {
		if ctx.IsSet(flag) && !ctx.IsSet("proof") {
			c.complain("--"+flag+" without --proof", "evidence is added to a proof; it changes no verdict")
			return Exit(WrongUsage)
		}
	}
	o, err := c.options(ctx)
	if err != nil {
		return err
	}
	if ctx.IsSet("proof") && !o.AsOf.IsZero() {
		c.complain("--proof and --as-of", "a proof is about the clock; --at sets it")
		return Exit(WrongUsage)
	}
	at := o.Now().UTC()
	o.Now = func() time.Time { return at }
	path := ctx.Args().First()
	v, policy, problem := o.load()
	var verdict verify.Verdict
	if problem != nil {
		c.complain(problem.reason.String(), problem.hint)
		verdict = verify.Verdict{File: path, Outcome: problem.reason.Code.Outcome(), Reasons: []verify.Reason{problem.reason}}
	} else {
		verdict = v.File(ctx.Context, path)
	}
	if err := c.tellSteps(verdict, o.JSON); err != nil {
		return c.failed(err)
	}
	if out := ctx.String("proof"); out != "" {
		p, err := c.prove(ctx, out, path, o, at, verdict, policy)
		if err != nil {
			c.complain(err.Error(), "")
			return Exit(WrongUsage)
		}
		if !c.tellGrounds(p, o.JSON) {
			return Exit(SomeNotValid)
		}
	}
	return Exit(c.exitOf(verdict, problem == nil))
}

// exitOf is the exit code of one verdict.
func (c console) exitOf(v verify.Verdict, judged bool) int {
	switch {
	case v.Outcome == verify.Valid:
		return c.exitCode(0, 0, 0)
	case judged && v.Warn:
		return c.exitCode(0, 0, 1)
	case v.Outcome == verify.NotValid:
		return c.exitCode(1, 0, 0)
	}
	return c.exitCode(0, 1, 0)
}

func (c console) failed(err error) error {
	c.complain(err.Error(), "")
	return Exit(SomeUnknown)
}

// prove writes the proof. The bundles and the policy are read again as they are: what
// could not be used belongs into the proof like everything else.
func (c console) prove(ctx *cli.Context, out, path string, o Options, at time.Time, verdict verify.Verdict, policy verify.Policy) (proof.Proof, error) {
	in := proof.Input{At: at, Verdict: verdict, Demands: &policy}
	if verdict.Has(verify.PolicyUnusable) {
		in.Demands = nil
	}
	for _, f := range []struct {
		to              *[]byte
		path, byDefault string
	}{{&in.Trust, o.Trust, DefaultTrust}, {&in.Status, o.Status, DefaultStatus}, {&in.Policy, o.Policy, DefaultPolicy}} {
		raw, err := read(f.path, f.byDefault)
		if err != nil {
			return proof.Proof{}, fmt.Errorf("proof: %w", err)
		}
		*f.to = raw
	}
	for _, path := range ctx.StringSlice("evidence") {
		raw, err := read(path, "")
		if err != nil {
			return proof.Proof{}, fmt.Errorf("proof: %w", err)
		}
		in.Evidence = append(in.Evidence, envelopes(raw)...)
	}
	var err error
	if in.AtHand, err = c.atHand(ctx, o, verdict, policy); err != nil {
		return proof.Proof{}, fmt.Errorf("proof: %w", err)
	}
	p, err := proof.Gather(ctx.Context, path, in)
	if err != nil {
		return proof.Proof{}, fmt.Errorf("proof of %s: %w", path, err)
	}
	raw, err := p.Marshal()
	if err != nil {
		return proof.Proof{}, err
	}
	if err := durable.WriteFile(out, raw, 0o644); err != nil {
		return proof.Proof{}, fmt.Errorf("write proof: %w", err)
	}
	return p, nil
}

// tellSteps writes the steps for people, or the verdict as always.
func (c console) tellSteps(v verify.Verdict, asJSON bool) error {
	out := bufio.NewWriter(c.stdout)
	err := write(out, v, asJSON)
	if err == nil && !asJSON {
		_, err = io.WriteString(out, "\n"+steps(v))
	}
	if err != nil {
		return err
	}
	return out.Flush()
}

func steps(v verify.Verdict) string {
	var b strings.Builder
	for i, s := range proof.Steps(v) {
		fmt.Fprintf(&b, "%d. %s: %s\n   asked: %s\n", i+1, s.Name, s.Outcome, s.About)
		for _, r := range s.Reasons {
			b.WriteString("   " + printable("because "+r.String()) + "\n")
		}
		for _, n := range s.Notes {
			b.WriteString("   " + printable("note: "+n.String()) + "\n")
		}
		for _, line := range found(s.Name, v) {
			b.WriteString("   " + printable("found: "+line) + "\n")
		}
	}
	return b.String()
}

// found is what a step brought to light.
func found(step string, v verify.Verdict) []string {
	var out []string
	add := func(ok bool, format string, args ...any) {
		if ok {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	switch step {
	case "file":
		add(v.Digest != "", "SHA-256 %s", v.Digest)
		add(v.Signed != "", "signed is %s", v.Signed)
	case "timestamp":
		add(!v.SignedAt.IsZero(), "signed by %s at the latest", v.SignedAt.UTC().Format(time.RFC3339))
	case "chain":
		add(v.Vendor != "", "vendor %s, certificate %s", v.Vendor, v.Serial)
	case "mark":
		for _, c := range v.Claims {
			a := c.Assessment
			add(true, "%s track %s level %d %s", c.Framework, c.Track, c.Level, c.LevelID)
			add(true, "  assessment %x, in force %s to %s, log %s entry %d", a.Payload,
				a.AssessedAt.Format(time.DateOnly), a.ValidUntil.Format(time.DateOnly), a.LogOrigin, a.LogIndex)
		}
	case "evidence":
		add(!v.ConfirmBy.IsZero(), "provisional, to be confirmed by %s", v.ConfirmBy.UTC().Format(time.RFC3339))
		add(v.Confirmed, "a summary of the CA verifies every level")
	}
	return out
}
