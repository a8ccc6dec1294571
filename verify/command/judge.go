package command

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/child"
)

// maxWorkers bounds how many files are read at once: each costs a read buffer, and
// disks do not get faster beyond this. A guess.
const maxWorkers = 16

// judge judges the files at once and prints their verdicts in order. It returns the
// exit code.
func (c console) judge(ctx context.Context, o Options, files []string) int {
	v, _, problem := o.load()
	if problem != nil && problem.hint != "" {
		c.complain(problem.reason.String(), problem.hint)
	}
	one := func(path string) verify.Verdict {
		if problem != nil {
			return verify.Verdict{File: path, Outcome: problem.reason.Code.Outcome(), Reasons: []verify.Reason{problem.reason}}
		}
		return v.File(ctx, path)
	}
	out := bufio.NewWriter(c.stdout)
	notValid, unknown, warned, noEvidence := 0, 0, 0, false
	for verdict := range inOrder(files, one) {
		switch {
		case verdict.Outcome == verify.Valid:
		case verdict.Warn:
			warned++
		case verdict.Outcome == verify.NotValid:
			notValid++
		default:
			unknown++
		}
		noEvidence = noEvidence || verdict.Has(verify.EvidenceUnavailable)
		if err := write(out, verdict, o.JSON); err != nil {
			// Nobody has seen the verdicts: whatever they are, do not say "all valid".
			c.complain(err.Error(), "")
			return SomeUnknown
		}
	}
	if err := out.Flush(); err != nil {
		c.complain(err.Error(), "")
		return SomeUnknown
	}
	if noEvidence && child.Usable(o.FetchProgram) != nil {
		c.complain("evidence was to be fetched", installFetch)
	}
	return c.exitCode(notValid, unknown, warned)
}

// exitCode counts files that are refused, and those that are not because the policy's mode
// for them is warn.
func (c console) exitCode(notValid, unknown, warned int) int {
	if warned > 0 {
		c.complain(fmt.Sprintf("the policy's mode is warn: %d file(s) would have been refused", warned), "")
	}
	switch {
	case notValid > 0:
		return SomeNotValid
	case unknown > 0:
		return SomeUnknown
	}
	return AllValid
}

// inOrder runs f over the files, several at once, and yields the results in the
// order of the files, each as soon as it and those before it are there.
func inOrder[T any](files []string, f func(string) T) func(func(T) bool) {
	return func(yield func(T) bool) {
		if len(files) == 1 { // the common case needs no goroutine
			yield(f(files[0]))
			return
		}
		results := make([]chan T, len(files))
		for i := range results {
			results[i] = make(chan T, 1)
		}
		next := make(chan int, len(files))
		for i := range files {
			next <- i
		}
		close(next)
		for range min(runtime.GOMAXPROCS(0), maxWorkers, len(files)) {
			go func() {
				for i := range next {
					results[i] <- f(files[i])
				}
			}()
		}
		for _, r := range results {
			if !yield(<-r) {
				return
			}
		}
	}
}

func write(w io.Writer, v verify.Verdict, asJSON bool) error {
	if asJSON {
		raw, err := json.Marshal(v)
		if err != nil {
			return err
		}
		_, err = w.Write(append(raw, '\n'))
		return err
	}
	_, err := io.WriteString(w, text(v))
	return err
}

// text is a verdict for people.
func text(v verify.Verdict) string {
	var b strings.Builder
	line := func(indent, format string, args ...any) {
		b.WriteString(indent + printable(fmt.Sprintf(format, args...)) + "\n")
	}
	line("", "%s: %s", v.File, v.Outcome)
	for _, r := range v.Reasons {
		line("  ", "%s", r)
	}
	if v.Vendor != "" {
		line("  ", "vendor: %s, certificate %s", v.Vendor, v.Serial)
	}
	if !v.SignedAt.IsZero() {
		line("  ", "signed: %s", v.SignedAt.Format(time.RFC3339))
	}
	for _, c := range v.Claims {
		line("  ", "claims: %s track %s level %d %s", c.Framework, c.Track, c.Level, c.LevelID)
	}
	if v.Package.Name != "" {
		line("  ", "package: %s %s %s", v.Package.Name, v.Package.Version, v.Package.Architecture)
	}
	if v.Rule > 0 {
		line("  ", "judged by rule %d of the policy", v.Rule)
	}
	for _, n := range v.Notes {
		line("  ", "note: %s", n)
	}
	return b.String()
}

// printable escapes what is not a printable character, so that outside text stays
// on its line and cannot move the cursor or reverse the reading direction.
func printable(s string) string {
	if strings.IndexFunc(s, unprintable) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if !unprintable(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

func unprintable(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }
