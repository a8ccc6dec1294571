package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// progressEvery is how often a line of progress changes.
const progressEvery = 200 * time.Millisecond

// progress shows on a terminal how far a transfer is; elsewhere it is silent.
type progress struct {
	out   io.Writer // nil: silent
	what  string
	whole int64
	done  int64
	shown time.Time
}

func (e *env) newProgress(what string, whole int64) *progress {
	p := &progress{what: printable(what), whole: whole}
	if f, ok := e.stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.out = f
	}
	return p
}

// reader counts what is read through it.
func (p *progress) reader(from io.Reader) io.Reader { return progressReader{from, p} }

type progressReader struct {
	from io.Reader
	p    *progress
}

// Read reads and shows how far it is.
func (r progressReader) Read(b []byte) (int, error) {
	n, err := r.from.Read(b)
	r.p.add(int64(n))
	return n, err
}

func (p *progress) add(n int64) {
	p.done += n
	if now := time.Now(); p.out != nil && now.Sub(p.shown) >= progressEvery {
		p.shown = now
		fmt.Fprintf(p.out, "\r\x1b[K%s  %s of %s (%d %%)", p.what, size(p.done), size(p.whole), p.done*100/max(p.whole, 1))
	}
}

// end takes the line away.
func (p *progress) end() {
	if p.out != nil {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

// size renders a number of bytes for people.
func size(n int64) string {
	const unit = 1000
	switch {
	case n < unit:
		return fmt.Sprintf("%d B", n)
	case n < unit*unit:
		return fmt.Sprintf("%.1f kB", float64(n)/unit)
	case n < unit*unit*unit:
		return fmt.Sprintf("%.1f MB", float64(n)/unit/unit)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/unit/unit/unit)
}

// certificates shows how many of them are done.
func (p *progress) certificates(done, whole int) {
	if p.out != nil {
		fmt.Fprintf(p.out, "\r\x1b[K%s  %d of %d certificates (%d %%)", p.what, done, whole, done*100/max(whole, 1))
	}
}
