package scan

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"runtime"
	"strings"

	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/installed"
)

// maxWorkers bounds how many signatures are judged at once. A guess: it is arithmetic.
const maxWorkers = 16

// Judge is what is needed of a *verify.Verifier.
type Judge interface {
	SignatureOf(ctx context.Context, name string, is format.Package, digest [32]byte, signature []byte) verify.Verdict
}

// Config says what is scanned, and by which judgement.
type Config struct {
	Packages []installed.Package // of installed.Packages, which sorts them
	Records  fs.FS               // the folder of records
	Judge    Judge
	// Archive is a folder in which apt keeps packages, or "": with File, a verdict about a
	// file that names its package, packages without a record are looked for there.
	Archive string
	File    func(ctx context.Context, path string) verify.Verdict
}

// Packages judges each package and yields the answers in the order of the list, each as
// soon as it and those before it are there.
func Packages(ctx context.Context, c Config) iter.Seq[Item] {
	return ordered(len(c.Packages), func(i int) Item { return c.item(ctx, c.Packages[i]) })
}

func (c Config) item(ctx context.Context, p installed.Package) Item {
	history, err := installed.Read(c.Records, p)
	if errors.Is(err, fs.ErrNotExist) {
		if item, ok := c.archived(ctx, p); ok {
			return item
		}
		return c.unrecorded(ctx, p, NoRecord, "")
	}
	if err != nil {
		return c.unrecorded(ctx, p, CouldNotTell, err.Error())
	}
	r, ok := history.Of(p.Version)
	if !ok {
		if item, ok := c.archived(ctx, p); ok {
			return item
		}
		return c.unrecorded(ctx, p, OtherVersion, "recorded: "+versions(history))
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

// unrecorded asks the policy about a package of which no signature is known: by its name,
// its mode may be warn. Nothing makes such a package valid.
func (c Config) unrecorded(ctx context.Context, p installed.Package, state State, detail string) Item {
	v := judge(ctx, c.Judge, installed.Record{Package: p})
	return Item{Package: p, State: state, Detail: detail, Verdict: verify.Verdict{Warn: v.Warn}}
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
	is := format.Package{}
	if r.Manager == installed.Dpkg {
		// Only Debian packages tell their names before they are installed; a rule that counted
		// here alone would make this answer another one than the hooks'.
		is = format.Package{Name: r.Name, Version: r.Version, Architecture: r.Architecture}
	}
	v = j.SignatureOf(ctx, r.Package.String(), is, r.Digest, r.Signature)
	// Nobody needs the signature of thousands of packages again, or their names twice.
	v.Signature, v.Package = nil, format.Package{}
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
