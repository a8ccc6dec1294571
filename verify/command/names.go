package command

import (
	"io"
	"slices"

	"github.com/urfave/cli/v2"
)

// Names returns every command of hallmark-verify as a person types it, sorted, such as
// "policy check"; one that only has others below it is not a command. Judging files is
// none: it needs no name.
func Names() []string {
	c := console{stdout: io.Discard, stderr: io.Discard, name: "hallmark-verify"}
	out := names("", c.commands())
	slices.Sort(out)
	return out
}

func names(above string, list []*cli.Command) []string {
	var out []string
	for _, c := range list {
		name := above + c.Name
		if len(c.Subcommands) == 0 || c.Action != nil {
			out = append(out, name)
		}
		out = append(out, names(name+" ", c.Subcommands)...)
	}
	return out
}
