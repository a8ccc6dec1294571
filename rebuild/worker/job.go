package worker

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/rebuild/recipe"
)

// Job is what to find out.
type Job struct {
	ID        string // the server's; empty for a trial
	Product   string
	SHA256    string // of the artifact
	SourceURI string // git+https://…
	Commit    string // 40 hex digits
	Recipe    []byte // the document
	// RecipeSHA256 is what the document is said to be; empty: nothing.
	RecipeSHA256 string
	// Tasks are the names of those to do; nil: all that the recipe has.
	Tasks []string
}

// Assignment is a job that was given to us for a while.
type Assignment struct {
	Job
	Lease     string        // the server's proof of it
	Heartbeat time.Duration // how often to say that we are at it; zero: never
}

// Server is where jobs come from.
type Server interface {
	// Claim waits for a job, for as long as the server likes; false: there was none.
	Claim(context.Context) (Assignment, bool, error)
	// Heartbeat keeps the job; ErrLost: it is somebody else's.
	Heartbeat(context.Context, Assignment) error
	// Deliver hands over the outcome and then the tasks' statements. ErrLost: it is
	// not wanted any more; ErrRefused: it never will be.
	Deliver(context.Context, Assignment, [][]byte) error
}

var (
	// ErrLost says that a job is not ours any more.
	ErrLost = errors.New("the job is not ours any more")
	// ErrRefused says that asking again makes no sense.
	ErrRefused = errors.New("the server refuses the outcome")
	// ErrJob is a job that contradicts itself: nothing is built, nothing is said.
	ErrJob = errors.New("not a sound job")
)

// read checks a job and reads its recipe.
func (j Job) read() (recipe.Recipe, error) {
	if raw, err := hex.DecodeString(j.SHA256); err != nil || len(raw) != 32 || strings.ToLower(j.SHA256) != j.SHA256 {
		return recipe.Recipe{}, fmt.Errorf("%w: the artifact's SHA-256 is %.80q", ErrJob, j.SHA256)
	}
	if raw, err := hex.DecodeString(j.Commit); err != nil || len(raw) != 20 || strings.ToLower(j.Commit) != j.Commit {
		return recipe.Recipe{}, fmt.Errorf("%w: the commit is %.80q", ErrJob, j.Commit)
	}
	if got := recipe.Digest(j.Recipe); j.RecipeSHA256 != "" && got != j.RecipeSHA256 {
		return recipe.Recipe{}, fmt.Errorf("%w: the recipe's SHA-256 is %s, not %.80q", ErrJob, got, j.RecipeSHA256)
	}
	r, err := recipe.Parse(j.Recipe)
	if err != nil {
		return recipe.Recipe{}, fmt.Errorf("%w: %w", ErrJob, err)
	}
	if r.Product != j.Product {
		return recipe.Recipe{}, fmt.Errorf("%w: the recipe is for product %q, the job for %.80q", ErrJob, r.Product, j.Product)
	}
	have, _ := attest.SplitSource(r.Source)
	want, _ := attest.SplitSource(j.SourceURI)
	if have != want {
		return recipe.Recipe{}, fmt.Errorf("%w: the recipe is for source %q, the job for %.80q", ErrJob, have, want)
	}
	for _, name := range j.Tasks {
		if _, ok := r.Task(name); !ok {
			return recipe.Recipe{}, fmt.Errorf("%w: the recipe has no task %.80q", ErrJob, name)
		}
	}
	return r, nil
}
