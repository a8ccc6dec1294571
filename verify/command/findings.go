package command

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/hallmark-pki/hallmark/verify/scan"
)

// findings are what a blast found, for the table.
type findings struct {
	hits, unknown []scan.Trace
	bare          []scan.Trace // nothing is recorded of them
	elsewhere     int
	vendors       []string // of what came from elsewhere
}

func (f *findings) add(t scan.Trace) {
	switch {
	case t.Hit:
		f.hits = append(f.hits, t)
	case t.NoRecord:
		f.bare = append(f.bare, t)
	case t.Unknown:
		f.unknown = append(f.unknown, t)
	default:
		f.elsewhere++
		if !slices.Contains(f.vendors, t.Verdict.Vendor) {
			f.vendors = append(f.vendors, t.Verdict.Vendor)
		}
	}
}

func (f findings) print(w io.Writer, all bool) {
	if len(f.hits) > 0 {
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "PACKAGE\tVERSION\tPRESENCE\tSIGNED\tVENDOR\tCERTIFICATE")
		for _, t := range f.hits {
			signed := "unknown"
			if !t.Verdict.SignedAt.IsZero() {
				signed = t.Verdict.SignedAt.UTC().Format(time.RFC3339)
			}
			p := t.Package
			fmt.Fprintf(table, "%s:%s\t%s\t%s\t%s\t%s\t%s\n", printable(p.Name), printable(p.Architecture), printable(p.Version), t.Presence, signed, printable(t.Verdict.Vendor), t.Verdict.Serial)
		}
		table.Flush() // to a bufio.Writer, which remembers errors
	}
	n := map[scan.Presence]int{}
	for _, t := range f.hits {
		n[t.Presence]++
	}
	fmt.Fprintf(w, "found: %d (%d installed, %d of earlier versions, %d removed since); from elsewhere: %d\n",
		len(f.hits), n[scan.Present], n[scan.Earlier], n[scan.Removed], f.elsewhere)
	if len(f.unknown) > 0 {
		fmt.Fprintf(w, "could not be told: %d\n", len(f.unknown))
	}
	f.list(w, f.unknown)
	if len(f.bare) > 0 {
		more := " (--all lists them)"
		if all {
			more = ""
		}
		fmt.Fprintf(w, "without a record, so that nothing can be said: %d%s\n", len(f.bare), more)
	}
	if all {
		f.list(w, f.bare)
	}
}

func (f findings) list(w io.Writer, traces []scan.Trace) {
	for _, t := range traces {
		fmt.Fprintf(w, "  %s\n", printable(fmt.Sprintf("%s (%s): %s", t.Package, t.Presence, t.Detail)))
	}
}

// wire is the last line of --json.
func (f findings) wire() any {
	type totals struct {
		Found     int `json:"found"`
		Elsewhere int `json:"elsewhere"`
		Unknown   int `json:"unknown"`
		NoRecord  int `json:"no_record"`
	}
	return struct {
		Summary totals `json:"summary"`
	}{totals{len(f.hits), f.elsewhere, len(f.unknown), len(f.bare)}}
}
