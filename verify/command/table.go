package command

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"golang.org/x/term"

	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/install"
)

// table is a transaction for people: one line for each package, and below it the reasons
// of those that are not valid. Names and versions have come through the parser, which lets
// no control character pass; what a certificate says is made printable.
func table(r install.Report) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PACKAGE\tARCHITECTURE\tFROM\tTO\tVERDICT\tVENDOR")
	for _, j := range r.Packages {
		from := j.Old.Version
		if from == "" {
			from = "-"
		}
		to := j.New.Version
		if j.Direction == install.Downgrade {
			to += " (downgrade)"
		}
		vendor := j.Verdict.Vendor
		if vendor == "" {
			vendor = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", j.Package, j.New.Architecture, from, to, j.Verdict.Outcome, printable(vendor))
	}
	_ = w.Flush() // into memory
	for _, j := range r.Packages {
		if j.Verdict.Outcome != verify.Valid {
			b.WriteString("\n" + text(j.Verdict))
		}
	}
	return b.String()
}

// barWidth is how many characters of a line the bar itself takes.
const barWidth = 30

// bar shows on a terminal how far a transaction is; elsewhere it does nothing.
type bar struct {
	w     io.Writer // nil: not a terminal
	total int
	shown int // what stands there, in marks of the bar
}

// progress makes the bar for so many packages.
func (c console) progress(total int) *bar {
	f, ok := c.stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return &bar{}
	}
	b := &bar{w: f, total: total, shown: -1}
	b.step(0)
	return b
}

// step draws only what would look different: a line for each of a thousand packages is
// more work for the terminal than judging them.
func (b *bar) step(done int) {
	if b.w == nil || b.total == 0 {
		return
	}
	full := barWidth * done / b.total
	if full == b.shown && done != b.total {
		return
	}
	b.shown = full
	fmt.Fprintf(b.w, "\rhallmark-verify [%s%s] %d/%d", strings.Repeat("#", full), strings.Repeat("-", barWidth-full), done, b.total)
}

// clear takes the bar away.
func (b *bar) clear() {
	if b.w != nil {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
}
