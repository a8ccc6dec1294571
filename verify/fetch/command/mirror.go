package command

import (
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/hallmark-pki/hallmark/verify/update"
)

func (p program) mirrorCommand() *cli.Command {
	return &cli.Command{
		Name: "mirror", Usage: "copy a CA's update repository into a folder", ArgsUsage: "FOLDER",
		Flags: append(append(placeFlags(), sourceFlags()...),
			&cli.StringFlag{Name: "from", Usage: "https `URL` or folder (default: what 'trust add' was told)"}),
		Description: `Makes or renews a copy that any web server can serve as files, or a USB stick carry to
a machine without a network. Only what verifies under the root that this machine
trusts is copied; timestamp.json is written last, so the folder can be served
meanwhile. A copy counts for three days.

` + exitCodes + `

EXAMPLE: hallmark-verify mirror /srv/www/hallmark
         hallmark-verify mirror /media/usb/hallmark`,
		OnUsageError: func(_ *cli.Context, err error, _ bool) error { return p.usage(err.Error()) },
		Action:       p.mirror,
	}
}

func (p program) mirror(c *cli.Context) error {
	if c.NArg() != 1 {
		return p.usage("mirror takes one folder, after its options")
	}
	u := p.updater(c)
	src, err := p.source(c, u, c.String("from"))
	if err != nil {
		return err
	}
	root, err := u.Root()
	if errors.Is(err, os.ErrNotExist) {
		p.complain("this machine trusts no CA yet", hints[update.NoTrust])
		return exit(failed)
	}
	if err != nil {
		return err
	}
	n, err := update.Mirror(c.Context, src, root, c.Args().First(), p.now())
	if err != nil {
		return p.refused(err)
	}
	if c.Bool("json") {
		return p.printJSON(struct {
			Folder string `json:"folder"`
			Files  int    `json:"files"`
		}{c.Args().First(), n})
	}
	_, err = fmt.Fprintf(p.stdout, "%s: %d files\n", c.Args().First(), n)
	return err
}
