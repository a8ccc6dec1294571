package mirror

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/hallmark-pki/hallmark/attest/repository"
	"github.com/hallmark-pki/hallmark/outbound"
)

// Mirror copies a vendor's repository. All fields are required.
type Mirror struct {
	From   string          // https URL of the repository, as in certificates
	Policy outbound.Policy // what may be reached
	Into   *repository.Repository
	Vendor string // under which folder of Into
}

// Report is what a run did.
type Report struct {
	Artifacts int `json:"artifacts"` // that were named
	Same      int `json:"same"`      // not fetched: there is nothing new, by the list
	Fetched   int `json:"fetched"`
	Added     int `json:"added"`   // lines that were new here
	Kept      int `json:"kept"`    // lines that are here and not there any more
	Refused   int `json:"refused"` // lines that are no envelope about their artifact
	Missing   int `json:"missing"` // artifacts that were named and are not there
	Failed    int `json:"failed"`  // artifacts that could not be copied; run again
	// Problems says what was refused, missing or failed, the first hundred.
	Problems []Problem `json:"problems,omitempty"`
}

// Problem is about one artifact.
type Problem struct {
	SHA256 string `json:"sha256"`
	Detail string `json:"detail"`
}

// Artifact is one to copy. Bytes is the size of its file there, if that is known: when
// the file here has as many, it is not fetched. 0 fetches it.
type Artifact struct {
	SHA256 string
	Bytes  int64
}

// Run copies the artifacts of a list, until it ends, ctx ends or the list fails. What
// one artifact suffers does not stop the others: it is in the report. The report is
// good also beside an error.
func (m *Mirror) Run(ctx context.Context, list iter.Seq2[Artifact, error]) (Report, error) {
	if m.Into == nil {
		return Report{}, errNoWriter
	}
	p := m.Policy
	p.KeepAlive = true
	from, err := newSource(p, m.From)
	if err != nil {
		return Report{}, err
	}
	defer from.http.CloseIdleConnections()
	run := &run{Mirror: m, from: from}
	work := make(chan Artifact)
	var busy sync.WaitGroup
	for range workers {
		busy.Go(func() {
			for a := range work {
				run.copy(ctx, a)
			}
		})
	}
	err = feed(ctx, list, work)
	close(work)
	busy.Wait()
	return run.report, err
}

func feed(ctx context.Context, list iter.Seq2[Artifact, error], work chan<- Artifact) error {
	for a, err := range list {
		if err != nil {
			return fmt.Errorf("list of artifacts: %w", err)
		}
		select {
		case work <- a:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return ctx.Err()
}

// run is one Run.
type run struct {
	*Mirror
	from *source

	mu     sync.Mutex
	report Report
}

// copy brings one artifact up to date.
func (r *run) copy(ctx context.Context, a Artifact) {
	size, err := r.Into.Size(r.Vendor, a.SHA256)
	if err == nil && a.Bytes > 0 && size == a.Bytes {
		r.note(func(sum *Report) { sum.Artifacts++; sum.Same++ })
		return
	}
	there, bad, err := r.from.fetch(ctx, a.SHA256)
	if err != nil {
		r.fail(a, err)
		return
	}
	added, err := r.Into.Copy(ctx, r.Vendor, a.SHA256, there)
	if err != nil {
		r.fail(a, err)
		return
	}
	here, err := r.Into.Get(ctx, r.Vendor, a.SHA256)
	if err != nil {
		r.fail(a, err)
		return
	}
	r.note(func(sum *Report) {
		sum.Artifacts++
		sum.Added += added
		sum.Kept += kept(here, there)
		sum.Refused += bad
		switch {
		case len(there) == 0 && bad == 0:
			sum.Missing++
			sum.tell(a, "not there")
		default:
			sum.Fetched++
		}
		if bad > 0 {
			sum.tell(a, fmt.Sprintf("%d line(s) are no envelope about it", bad))
		}
	})
}

// kept counts the lines here that are not there.
func kept(here, there [][]byte) int {
	known := make(map[string]bool, len(there))
	for _, l := range there {
		known[string(l)] = true
	}
	n := 0
	for _, l := range here {
		if !known[string(l)] {
			n++
		}
	}
	return n
}

func (r *run) fail(a Artifact, err error) {
	r.note(func(sum *Report) { sum.Artifacts++; sum.Failed++; sum.tell(a, err.Error()) })
}

func (r *run) note(change func(*Report)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.report)
}

func (r *Report) tell(a Artifact, detail string) {
	if len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, Problem{a.SHA256, detail})
	}
}
