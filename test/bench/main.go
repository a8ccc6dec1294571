// Command bench answers: how fast is hallmark beside the tools that people would
// otherwise use, on this machine, now?
//
//	go run ./test/bench [--json] [--rows TEXT] [--rounds N] [--entries N] [--certificates N] [--artifacts N] [--bin DIR]
//
// Absolute numbers say more about a machine than about a program, so each row is a
// ratio of two things measured in the same run: both are warmed up, then they take
// turns, and their medians are compared. A goal is a bound on that ratio (or, where
// the row says so, on a plain number). Run from the root of the checkout after
// `make build`; `make bench` does both.
//
// It exits 0 whether or not goals are met, since a shared machine misses them at
// times; --strict makes a missed goal exit 1.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

// defaultRounds is how often each side of a row runs; odd, so that the median is a
// measurement. Processes of a few milliseconds vary by a third, which 31 rounds
// bring down to a few percent.
const defaultRounds = 31

type options struct {
	json, strict bool
	rows         string
	rounds       int
	entries      int
	certificates int
	artifacts    int
	bin          string
}

// errMissed is returned with --strict when a goal was missed.
var errMissed = errors.New("a goal was missed")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errMissed):
		os.Exit(1)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 && args[0] == referenceCommand {
		return serveReference(args[1:], os.Stdin, stdout)
	}
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&o.json, "json", false, "print one JSON object for each row")
	flags.BoolVar(&o.strict, "strict", false, "exit 1 if a goal is missed")
	flags.StringVar(&o.rows, "rows", "", "only rows whose name contains this")
	flags.IntVar(&o.rounds, "rounds", defaultRounds, "how often each side runs")
	flags.IntVar(&o.entries, "entries", 0, "also measure a log of so many entries; 1000000 take some minutes and 1 GB")
	flags.IntVar(&o.certificates, "certificates", 0, "also measure a CA with so many certificates on record; 1000000 take some minutes and 4 GB")
	flags.IntVar(&o.artifacts, "artifacts", 10_000, "in the large repository of evidence; 1000000 take some minutes")
	flags.StringVar(&o.bin, "bin", "bin", "folder with the built programs")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.rounds < 1 || o.entries < 0 || o.certificates < 0 || o.artifacts < 0 {
		return errors.New("--rounds must be at least 1, --entries, --certificates and --artifacts not negative")
	}
	bin, err := filepath.Abs(o.bin)
	if err != nil {
		return err
	}
	lab, err := newLab(bin, o.rounds, stderr)
	if err != nil {
		return err
	}
	lab.entries, lab.certificates, lab.artifacts = o.entries, o.certificates, o.artifacts
	results, err := measure(ctx, lab, selectRows(rows(), o.rows), stderr)
	if err := errors.Join(err, lab.close()); err != nil {
		return err
	}
	if o.json {
		err = printJSON(stdout, results)
	} else {
		err = printTable(stdout, results)
	}
	if err == nil && o.strict && missed(results) {
		err = errMissed
	}
	return err
}

func selectRows(all []row, text string) []row {
	var chosen []row
	for _, r := range all {
		if strings.Contains(r.name, text) {
			chosen = append(chosen, r)
		}
	}
	return chosen
}

// measure runs the rows one after the other: two at once would disturb each other.
func measure(ctx context.Context, lab *lab, chosen []row, progress io.Writer) ([]result, error) {
	if len(chosen) == 0 {
		return nil, errors.New("no row has such a name")
	}
	var results []result
	for _, r := range chosen {
		fmt.Fprintf(progress, "bench: %s\n", r.name)
		got, err := r.measure(ctx, lab)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
		for _, m := range got {
			results = append(results, result{Name: r.name, measurement: m})
		}
	}
	return results, nil
}

func missed(results []result) bool {
	for _, r := range results {
		if !r.Goal.met(r.Value) {
			return true
		}
	}
	return false
}
