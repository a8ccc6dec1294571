package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

func printTable(w io.Writer, results []result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "row\tours\tpeer\tvalue\tgoal\t\tnote")
	for _, r := range results {
		verdict := ""
		if r.Goal != (goal{}) {
			verdict = "met"
			if !r.Goal.met(r.Value) {
				verdict = "MISSED"
			}
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%.2f %s\t%s\t%s\t%s\n", r.Name, r.Ours, r.Peer, r.Value, r.Unit, r.Goal, verdict, r.Note)
	}
	return t.Flush()
}

func printJSON(w io.Writer, results []result) error {
	enc := json.NewEncoder(w)
	for _, r := range results {
		line := struct {
			result
			Met bool `json:"met"`
		}{r, r.Goal.met(r.Value)}
		if err := enc.Encode(line); err != nil {
			return err
		}
	}
	return nil
}
