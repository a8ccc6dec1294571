// Package timesource asks others for the time: may this machine's clock date a
// timestamp?
//
// A Monitor asks its sources at the start and then regularly, and holds their answers
// against the local clock. A source agrees when the clock is off by MaxOffset at most,
// disagrees when it is off by more even if the source is as wrong as it says it may be,
// and counts for nothing when it is silent or not sure enough. More than half of all
// sources are a quorum, whether they answer or not:
//
//   - a quorum agrees: the clock is right;
//   - a quorum disagrees: the clock is wrong, until a quorum agrees again;
//   - neither: nothing new is known, and what was known stays.
//
// So one liar among three does nothing, and silence neither stops a clock nor clears
// one. NTP answers are not authenticated: whoever controls the network between here
// and a quorum of the sources can have a good clock refused, and hide that a wrong one
// is wrong; they cannot set it.
package timesource

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// State is what is known about the clock.
type State string

// The states.
const (
	Unknown State = "unknown" // no quorum has ever said anything
	Right   State = "right"
	Wrong   State = "wrong"
)

// Source tells the time.
type Source interface {
	// Name is what a person calls it: its URI.
	Name() string
	// Ask compares the clock that now reads with the source's.
	Ask(ctx context.Context, now func() time.Time) (Answer, error)
}

// Answer is what a source says about a clock.
type Answer struct {
	Offset time.Duration // to be added to the clock to have the source's time
	Error  time.Duration // by how much the source may be wrong, as it says and by the way to it
}

// Asked is a source and what came of asking it.
type Asked struct {
	Source  string
	Answer  Answer
	Verdict string // agrees, disagrees, unsure, silent
	Err     error  // of a silent one
}

// What a source comes to.
const (
	agrees    = "agrees"
	disagrees = "disagrees"
	unsure    = "unsure"
	silent    = "silent"
)

// Verdict is what the sources said, all together.
type Verdict struct {
	State   State
	Quorum  bool      // of the last round; without one, State is older
	At      time.Time // of the last round; zero before the first
	Sources []Asked
}

// Count returns how many sources agreed or disagreed, say.
func (v Verdict) Count(verdict string) (n int) {
	for _, s := range v.Sources {
		if s.Verdict == verdict {
			n++
		}
	}
	return n
}

// Agreeing is how many sources agreed.
func (v Verdict) Agreeing() int { return v.Count(agrees) }

// String says it in a line.
func (v Verdict) String() string {
	return fmt.Sprintf("%d of %d time sources agree with the clock to %s, %d disagree, %d do not say",
		v.Count(agrees), len(v.Sources), MaxOffset, v.Count(disagrees), v.Count(unsure)+v.Count(silent))
}

// Monitor compares the clock with its sources. Use New; safe for concurrent use.
type Monitor struct {
	sources []Source
	now     func() time.Time
	log     *slog.Logger

	mu      sync.Mutex
	verdict Verdict
}

// New makes a monitor of the clock now, with the sources that URIs name (see Parse). It
// has asked nobody yet.
func New(now func() time.Time, log *slog.Logger, uris ...string) (*Monitor, error) {
	if len(uris) == 0 || len(uris) > maxSources {
		return nil, fmt.Errorf("time sources: %d, want 1 to %d", len(uris), maxSources)
	}
	m := &Monitor{now: now, log: log, verdict: Verdict{State: Unknown}}
	named := map[string]bool{}
	for _, uri := range uris {
		source, err := Parse(uri)
		if err != nil {
			return nil, err
		}
		if named[source.Name()] {
			return nil, fmt.Errorf("time source %s is named twice", uri)
		}
		named[source.Name()] = true
		m.sources = append(m.sources, source)
	}
	return m, nil
}

// Verdict returns what is known.
func (m *Monitor) Verdict() Verdict {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.verdict
}

// Trusted returns an error when the clock is wrong.
func (m *Monitor) Trusted() error {
	if v := m.Verdict(); v.State == Wrong {
		return fmt.Errorf("the clock is wrong: at %s, %s", v.At.UTC().Format(time.RFC3339), v)
	}
	return nil
}

// Check asks all sources, at once, and takes askTimeout at most.
func (m *Monitor) Check(ctx context.Context) Verdict {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	asked := make([]Asked, len(m.sources))
	var wg sync.WaitGroup
	for i, s := range m.sources {
		wg.Go(func() { asked[i] = judge(ctx, s, m.now) })
	}
	wg.Wait()
	if ctx.Err() != nil && context.Cause(ctx) == context.Canceled {
		return m.Verdict() // the server stops; what was not said means nothing
	}
	m.mu.Lock()
	before := m.verdict
	m.verdict = before.next(m.now(), asked)
	now := m.verdict
	m.mu.Unlock()
	m.report(ctx, before, now)
	return now
}

func judge(ctx context.Context, s Source, now func() time.Time) Asked {
	answer, err := s.Ask(ctx, now)
	a := Asked{Source: s.Name(), Answer: answer}
	switch off := answer.Offset.Abs(); {
	case err != nil:
		a.Verdict, a.Err = silent, err
	case answer.Error < 0 || answer.Error > MaxOffset:
		a.Verdict = unsure
	case off <= MaxOffset:
		a.Verdict = agrees
	case off-answer.Error > MaxOffset:
		a.Verdict = disagrees
	default:
		a.Verdict = unsure
	}
	return a
}

// next is the verdict after another round.
func (v Verdict) next(at time.Time, asked []Asked) Verdict {
	next := Verdict{State: v.State, At: at, Sources: asked}
	quorum := len(asked)/2 + 1
	switch {
	case next.Count(agrees) >= quorum:
		next.State, next.Quorum = Right, true
	case next.Count(disagrees) >= quorum:
		next.State, next.Quorum = Wrong, true
	}
	return next
}

func (m *Monitor) report(ctx context.Context, before, now Verdict) {
	for _, s := range now.Sources {
		m.log.DebugContext(ctx, "time source", "source", s.Source, "verdict", s.Verdict, "offset_ms", s.Answer.Offset.Milliseconds(), "error", s.Err)
	}
	switch {
	case now.State == Wrong:
		m.log.ErrorContext(ctx, "the clock is wrong, nothing is timestamped", "verdict", now.String())
	case !now.Quorum:
		m.log.WarnContext(ctx, "no quorum of time sources", "verdict", now.String())
	case before.State == Wrong:
		m.log.InfoContext(ctx, "the clock is right again", "verdict", now.String())
	}
}

// Run checks regularly until ctx ends: more often while no quorum agrees.
func (m *Monitor) Run(ctx context.Context) {
	for {
		wait := checkInterval
		if v := m.Verdict(); v.State != Right || !v.Quorum {
			wait = retryInterval
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
			m.Check(ctx)
		}
	}
}
