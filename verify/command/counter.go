package command

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// counter tells a person at a terminal how far a long command is. Elsewhere it is silent.
type counter struct {
	w           io.Writer // nil: nobody looks
	what        string
	done, total int
	next        time.Time
}

// progressAfter is how long a command may take before it says how far it is, and how
// often it does.
const progressAfter, progressEvery = time.Second / 2, time.Second / 10

func (c console) counter(what string, total int) *counter {
	p := &counter{what: what, total: total, next: time.Now().Add(progressAfter)}
	if f, ok := c.stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.w = f
	}
	return p
}

func (p *counter) step() {
	p.done++
	if now := time.Now(); p.w != nil && !now.Before(p.next) {
		fmt.Fprintf(p.w, "\r%s: %d of %d packages", p.what, p.done, p.total)
		p.next = now.Add(progressEvery)
	}
}

// end takes the line away again.
func (p *counter) end() {
	if p.w != nil {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
