package command

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// completion prints the words that bash may complete, written out. The flag library's own
// way is to be asked at each key, by an argument at the end that makes any command exit
// with 0: whoever gets a file of that name judged would have it found valid.
func (c console) completion() *cli.Command {
	return &cli.Command{
		Name: "completion", Usage: "print a completion script for bash", ArgsUsage: "bash", HideHelpCommand: true, OnUsageError: c.usage,
		Description: "EXAMPLE:\n   hallmark-verify completion bash > /etc/bash_completion.d/hallmark-verify",
		Action: func(ctx *cli.Context) error {
			if ctx.Args().Len() != 1 || ctx.Args().First() != "bash" {
				c.complain("which shell?", c.name+" completion bash")
				return Exit(WrongUsage)
			}
			if _, err := fmt.Fprint(c.stdout, completionScript(ctx.App)); err != nil {
				return err
			}
			return Exit(AllValid)
		},
	}
}

// completionScript is a function with one line for each command: its own commands and its
// flags. File names are always offered too.
func completionScript(app *cli.App) string {
	var b strings.Builder
	b.WriteString(`# Completion of hallmark-verify for bash.
_hallmark_verify() {
	local cur=${COMP_WORDS[COMP_CWORD]} at= word words
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case $word in -*) ;; *) at="$at $word" ;; esac
	done
	case ${at# } in
`)
	writeWords(&b, "", app.VisibleCommands(), app.VisibleFlags())
	b.WriteString(`	*) words= ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -o default -F _hallmark_verify hallmark-verify
`)
	return b.String()
}

func writeWords(b *strings.Builder, path string, commands []*cli.Command, flags []cli.Flag) {
	var words []string
	for _, sub := range commands {
		words = append(words, sub.Name)
	}
	for _, f := range flags {
		for _, name := range f.Names() {
			if len(name) > 1 {
				words = append(words, "--"+name)
			}
		}
	}
	fmt.Fprintf(b, "\t%q) words=%q ;;\n", path, strings.Join(words, " "))
	for _, sub := range commands {
		writeWords(b, strings.TrimPrefix(path+" "+sub.Name, " "), sub.Subcommands, sub.Flags)
	}
}
