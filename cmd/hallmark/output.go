package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
)

var (
	jsonFlag   = &cli.BoolFlag{Name: "json", Usage: "print JSON"}
	formatFlag = &cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: "table", Usage: "table, json or csv"}
)

// filters are the flags of these names that were given, as a list's query has them.
func filters(c *cli.Context, names ...string) url.Values {
	query := url.Values{}
	for _, name := range names {
		if v := c.String(name); v != "" {
			query.Set(name, v)
		}
	}
	return query
}

// table is a list for people (aligned columns) and programs (csv); json prints
// the records themselves.
type table struct {
	header  []string
	rows    [][]string
	records any
}

func (e *env) printTable(c *cli.Context, t table) error {
	format := c.String("output")
	if c.Bool("json") {
		format = "json"
	}
	switch format {
	case "json":
		return e.printJSON(t.records)
	case "csv":
		w := csv.NewWriter(e.stdout)
		w.Write(t.header)
		w.WriteAll(t.rows)
		return w.Error()
	case "table", "":
		w := tabwriter.NewWriter(e.stdout, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, strings.ToUpper(strings.Join(t.header, "\t")))
		for _, row := range t.rows {
			fmt.Fprintln(w, strings.Join(row, "\t"))
		}
		return w.Flush()
	}
	return &usageError{text: fmt.Sprintf("unknown output format %q", format), hint: "table, json or csv"}
}

func (e *env) printJSON(v any) error {
	enc := json.NewEncoder(e.stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// printDone prints v as JSON with --json, otherwise the lines for people.
func (e *env) printDone(c *cli.Context, v any, lines ...string) error {
	if c.Bool("json") {
		return e.printJSON(v)
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(e.stdout, line); err != nil {
			return err
		}
	}
	return nil
}

func printRules(w io.Writer, rules []api.Rule) {
	for _, r := range rules {
		fmt.Fprintf(w, "  %-10s %-32s %s\n", r.Outcome, r.Rule, r.Detail)
		if r.Satisfy != "" && r.Outcome != "not-judged" {
			fmt.Fprintf(w, "  %-10s %-32s -> %s\n", "", "", r.Satisfy)
		}
	}
}

// explainRules prints what printRules does and why each rule is asked: the requirements,
// the level from which on they hold, and the evidence that was judged.
func explainRules(w io.Writer, rules []api.Rule) {
	for _, r := range rules {
		printRules(w, []api.Rule{r})
		asks := "every build"
		switch {
		case len(r.Requirements) > 0 && r.Basic:
			asks += ", and " + strings.Join(r.Requirements, ", ")
		case len(r.Requirements) > 0:
			asks = fmt.Sprintf("level %d: %s", r.Level, strings.Join(r.Requirements, ", "))
		case strings.HasPrefix(r.Rule, "rule."):
			asks = "a rule of the product or of the CA"
		}
		fmt.Fprintf(w, "  %-10s %-32s asked by %s\n", "", "", asks)
		for _, digest := range append([]string{r.Evidence}, r.Further...) {
			if digest != "" {
				fmt.Fprintf(w, "  %-10s %-32s evidence %s\n", "", "", digest)
			}
		}
		for _, in := range r.Inputs {
			state := "shown by " + strings.Join(in.Evidence, ", ")
			switch {
			case !in.Shown:
				state = "lacks: " + in.Detail
			case len(in.Evidence) == 0:
				state = "is source"
			}
			fmt.Fprintf(w, "  %-10s %-32s input %s %s\n", "", "", in.Input, state)
		}
	}
}

func day(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.DateOnly)
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

func short(id string) string {
	if len(id) > 16 {
		return id[:16]
	}
	return id
}

func claimsText(claims []api.Claim) string {
	var parts []string
	for _, c := range claims {
		name := c.LevelID
		if name == "" {
			name = fmt.Sprintf("%s %s %d", c.Framework, c.Track, c.Level)
		}
		parts = append(parts, name)
	}
	return strings.Join(parts, " ")
}
