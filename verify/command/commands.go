package command

import "github.com/urfave/cli/v2"

// commands are what hallmark-verify does besides judging the files it is given. A file
// with the name of one of them is judged as ./NAME.
func (c console) commands() []*cli.Command {
	return append(c.fetching(), c.explaining(), c.install(), c.uninstall(), c.hook(), c.scanCommand(), c.blastCommand(), c.policy(), c.explainCode(), c.completion())
}
