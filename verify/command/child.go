package command

import (
	"errors"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/hallmark-pki/hallmark/verify/child"
)

// installFetch is the hint where the child is missing.
const installFetch = "install " + child.Name + ", which opens the connections that this program cannot, beside it or as " + child.LibraryPath +
	", or name it with --fetch-program"

// fetching are the commands of hallmark-fetch that a person finds under this
// program's name too. What follows the name goes to the child as it stands.
func (c console) fetching() []*cli.Command {
	return []*cli.Command{
		c.passed("update", "get a newer status and trust bundle (runs "+child.Name+")"),
		c.passed("trust", "begin to trust a CA, or show whom this machine trusts (runs "+child.Name+")"),
		c.passed("mirror", "copy a CA's update repository into a folder, for a web server or a USB stick (runs "+child.Name+")"),
	}
}

func (c console) passed(name, usage string) *cli.Command {
	return &cli.Command{Name: name, Usage: usage, SkipFlagParsing: true, HideHelp: true, Action: func(ctx *cli.Context) error {
		for _, flag := range []string{"policy", "trust", "status", "at", "as-of", "json"} {
			if ctx.IsSet(flag) {
				c.complain("--"+flag+" comes before "+name, "options of "+name+" go after it: "+c.name+" "+name+" --help")
				return Exit(WrongUsage)
			}
		}
		args := append([]string{name}, ctx.Args().Slice()...)
		code, err := child.Pass(ctx.Context, ctx.String("fetch-program"), args, os.Stdin, c.stdout, c.stderr)
		if err != nil {
			hint := ""
			if errors.Is(err, child.ErrMissing) {
				hint = installFetch
			}
			c.complain(err.Error(), hint)
			return Exit(SomeUnknown)
		}
		return Exit(code)
	}}
}
