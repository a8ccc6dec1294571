package main

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

// completionEnv is the variable with which a shell says that it completes. Without it the
// question that it asks would make every command exit 0: "hallmark verify *" in a folder
// with a file of that name.
const completionEnv = "HALLMARK_COMPLETION"

// The scripts ask the program itself for what may come next (urfave/cli's
// --generate-bash-completion), so they never go stale.
var completionScripts = map[string]string{
	"bash": `_hallmark() {
  local cur="${COMP_WORDS[COMP_CWORD]}"
  local words=("${COMP_WORDS[@]:0:$COMP_CWORD}")
  [[ "$cur" == -* ]] && words+=("$cur")
  COMPREPLY=($(compgen -W "$(HALLMARK_COMPLETION=1 "${words[@]}" --generate-bash-completion 2>/dev/null)" -- "$cur"))
}
complete -o bashdefault -o default -F _hallmark hallmark
`,
	"zsh": `#compdef hallmark
_hallmark() {
  local -a words_so_far opts
  words_so_far=("${words[@]:0:$((CURRENT-1))}")
  opts=("${(@f)$(HALLMARK_COMPLETION=1 "${words_so_far[@]}" --generate-bash-completion 2>/dev/null)}")
  _describe 'values' opts || _files
}
compdef _hallmark hallmark
`,
	"fish": `function __hallmark_complete
  set -l tokens (commandline -opc)
  env HALLMARK_COMPLETION=1 $tokens --generate-bash-completion 2>/dev/null
end
complete -c hallmark -a '(__hallmark_complete)'
`,
}

func (e *env) completionCommand() *cli.Command {
	return command(cli.Command{
		Name: "completion", Usage: "print a completion script for a shell", ArgsUsage: "bash|zsh|fish",
		Description: "EXAMPLE: hallmark completion bash > /etc/bash_completion.d/hallmark",
	}, 1, 1, func(c *cli.Context) error {
		script, ok := completionScripts[c.Args().First()]
		if !ok {
			return &usageError{text: "unknown shell " + c.Args().First(), hint: "bash, zsh or fish"}
		}
		_, err := fmt.Fprint(e.stdout, script)
		return err
	})
}
