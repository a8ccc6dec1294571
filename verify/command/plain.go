package command

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// line is a command line that has been understood.
type line struct {
	policy, trust, status, at, asOf, fetchProgram string
	json                                          bool
	files                                         []string
}

// flagLine is what the flag library has read.
func flagLine(ctx *cli.Context) line {
	return line{
		policy: ctx.String("policy"), trust: ctx.String("trust"), status: ctx.String("status"), at: ctx.String("at"), asOf: ctx.String("as-of"),
		fetchProgram: ctx.String("fetch-program"), json: ctx.Bool("json"), files: ctx.Args().Slice(),
	}
}

// plainLine reads the command line that a hook writes: options with values of their own,
// then files. It says no to everything else, and the flag library reads that: help,
// commands, abbreviations and mistakes. Setting that library up takes as long as two
// signatures, and a hook runs this program once for each package.
//
// A test holds it against the library: what it takes means the same there.
func plainLine(args []string) (line, bool) {
	var l line
	values := map[string]*string{
		"--policy": &l.policy, "--trust": &l.trust, "--status": &l.status, "--at": &l.at, "--fetch-program": &l.fetchProgram,
	}
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		name, value, joined := strings.Cut(args[0], "=")
		into := values[name]
		switch {
		case args[0] == "--json":
			l.json, args = true, args[1:]
			continue
		case into == nil || *into != "":
			return line{}, false
		case joined:
			args = args[1:]
		case len(args) > 1:
			value, args = args[1], args[2:]
		}
		if value == "" || value[0] == '-' {
			return line{}, false
		}
		*into = value
	}
	for _, f := range args {
		// A word without these may be the name of a command.
		if f == "" || f[0] == '-' || !strings.ContainsAny(f, "/.") {
			return line{}, false
		}
	}
	l.files = args
	return l, len(args) > 0
}
