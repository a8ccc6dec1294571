package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// row is one line (or a few that belong together) of the table.
type row struct {
	name    string
	measure func(context.Context, *lab) ([]measurement, error)
}

// measurement is one number with what it is a number of.
type measurement struct {
	Ours  string  `json:"ours"`  // what was measured of ours, with its value
	Peer  string  `json:"peer"`  // what it is compared with, with its value; empty for a plain number
	Value float64 `json:"value"` // the ratio, or the plain number in Unit
	Unit  string  `json:"unit"`  // "x" for a ratio
	Goal  goal    `json:"goal"`
	Note  string  `json:"note,omitempty"` // what to know when reading it
}

type result struct {
	Name string `json:"name"`
	measurement
}

// goal is a bound; the zero goal is met by anything.
type goal struct {
	AtMost  float64 `json:"at_most,omitempty"`
	AtLeast float64 `json:"at_least,omitempty"`
}

func atMost(v float64) goal  { return goal{AtMost: v} }
func atLeast(v float64) goal { return goal{AtLeast: v} }

func (g goal) met(v float64) bool {
	return (g.AtMost == 0 || v <= g.AtMost) && (g.AtLeast == 0 || v >= g.AtLeast)
}

func (g goal) String() string {
	switch {
	case g.AtMost != 0:
		return fmt.Sprintf("<= %g", g.AtMost)
	case g.AtLeast != 0:
		return fmt.Sprintf(">= %g", g.AtLeast)
	}
	return ""
}

// side is one of the things that take turns. It returns how long the part that
// counts took, so that what comes before and after does not.
type side struct {
	name string
	run  func(context.Context) (time.Duration, error)
}

// warmups fill the page cache and let caches of ours settle; not counted.
const warmups = 3

// takeTurns runs all sides the same number of times and returns their medians. The
// order changes from round to round: who runs second finds the processor's clock
// raised by who ran first.
func takeTurns(ctx context.Context, rounds int, sides ...side) ([]time.Duration, error) {
	taken := make([][]time.Duration, len(sides))
	for round := -warmups; round < rounds; round++ {
		for i := range sides {
			n := (i + round + warmups) % len(sides)
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			d, err := sides[n].run(ctx)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", sides[n].name, err)
			}
			if round >= 0 {
				taken[n] = append(taken[n], d)
			}
		}
	}
	medians := make([]time.Duration, len(sides))
	for i, all := range taken {
		medians[i] = median(all)
	}
	return medians, nil
}

func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

// slower says how many times as long as the peer ours took.
func slower(ours side, took time.Duration, peer side, peerTook time.Duration, g goal) measurement {
	return measurement{
		Ours: ours.name + " " + show(took), Peer: peer.name + " " + show(peerTook),
		Value: float64(took) / float64(peerTook), Unit: "x", Goal: g,
	}
}

// show rounds to three digits that mean something.
func show(d time.Duration) string {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(100 * time.Nanosecond).String()
}

// rate measures how many calls of op in a second some goroutines get done together,
// over about span. Each goroutine gets its number.
func rate(ctx context.Context, goroutines int, span time.Duration, op func(ctx context.Context, worker, n int) error) (float64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type outcome struct {
		done int
		err  error
	}
	outcomes := make(chan outcome)
	start := time.Now()
	for worker := range goroutines {
		go func() {
			var o outcome
			for time.Since(start) < span && ctx.Err() == nil && o.err == nil {
				if o.err = op(ctx, worker, o.done); o.err == nil {
					o.done++
				}
			}
			outcomes <- o
		}()
	}
	total := 0
	var err error
	for range goroutines {
		o := <-outcomes
		total += o.done
		if o.err != nil && err == nil {
			err = o.err
			cancel()
		}
	}
	if err != nil {
		return 0, err
	}
	return float64(total) / time.Since(start).Seconds(), nil
}

// rates lets sides that measure a rate take turns and returns the median of each. The
// first round is a warm-up and does not count.
func rates(rounds int, sides ...func() (float64, error)) ([]float64, error) {
	all := make([][]float64, len(sides))
	for round := -1; round < rounds; round++ {
		for i := range sides {
			n := (i + round + 1) % len(sides)
			r, err := sides[n]()
			if err != nil {
				return nil, err
			}
			if round >= 0 {
				all[n] = append(all[n], r)
			}
		}
	}
	medians := make([]float64, len(sides))
	for i := range all {
		slices.Sort(all[i])
		medians[i] = all[i][len(all[i])/2]
	}
	return medians, nil
}
