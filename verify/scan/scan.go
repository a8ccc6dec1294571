package scan

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"runtime"
	"strings"

	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/installed"
)

// maxWorkers bounds how many signatures are judged at once. A guess: it is arithmetic.
const maxWorkers = 16

// Judge is what is needed of a *verify.Verifier.
type Judge interface {
	Signature(ctx context.Context, name string, digest [32]byte, signature []byte) verify.Verdict
}

// Config says what is scanned, and by which judgement.
type Config struct {
	Packages []installed.Package // of installed.Packages, which sorts them
	Records  fs.FS               // the folder of records
	Judge    Judge
}

// Packages judges each package and yields the answers in the order of the list, each as
// soon as it and those before it are there.
func Packages(ctx context.Context, c Config) iter.Seq[Item] {
	return ordered(len(c.Packages), func(i int) Item { return c.item(ctx, c.Packages[i]) })
}

func (c Config) item(ctx context.Context, p installed.Package) Item {
	history, err := installed.Read(c.Records, p)
	if errors.Is(err, fs.ErrNotExist) {
		return Item{Package: p, State: NoRecord}
	}
	if err != nil {
		return Item{Package: p, State: CouldNotTell, Detail: err.Error()}
	}
	r, ok := history.Of(p.Version)
	if !ok {
		return Item{Package: p, State: OtherVersion, Detail: "recorded: " + versions(history)}
	}
	item := Item{Package: p, Verdict: judge(ctx, c.Judge, r), Judged: true, Recorded: r.At}
	switch item.Verdict.Outcome {
	case verify.Valid:
		item.State = Valid
	case verify.NotValid:
		item.State = NotValid
		if item.Verdict.Has(verify.Unsigned) {
			item.State = Unsigned
		}
	default:
		item.State = CouldNotTell
	}
	return item
}

func versions(h installed.History) string {
	var list []string
	for _, r := range h.Records {
		list = append(list, r.Version)
	}
	return strings.Join(list, ", ")
}

// judge judges a recorded signature. A panic is a verdict about this package alone.
func judge(ctx context.Context, j Judge, r installed.Record) (v verify.Verdict) {
	defer func() {
		if p := recover(); p != nil {
			v = verify.Verdict{
				File: r.Package.String(), Outcome: verify.InternalError.Outcome(),
				Reasons: []verify.Reason{{Code: verify.InternalError, Detail: fmt.Sprint(p)}},
			}
		}
	}()
	v = j.Signature(ctx, r.Package.String(), r.Digest, r.Signature)
	v.Signature = nil // of thousands of packages nobody needs it again
	return v
}

// ordered runs f for 0 to n-1, several at once, and yields the results in order. No more
// are worked out ahead than there are places for them.
func ordered[T any](n int, f func(int) T) iter.Seq[T] {
	return func(yield func(T) bool) {
		workers := min(runtime.GOMAXPROCS(0), maxWorkers)
		queue := make(chan chan T, 4*workers)
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			defer close(queue)
			free := make(chan struct{}, workers)
			for i := range n {
				result := make(chan T, 1)
				select {
				case queue <- result:
				case <-stop:
					return
				}
				free <- struct{}{}
				go func() {
					result <- f(i)
					<-free
				}()
			}
		}()
		for result := range queue {
			if !yield(<-result) {
				return
			}
		}
	}
}
