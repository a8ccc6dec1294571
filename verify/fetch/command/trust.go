package command

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/hallmark-pki/hallmark/verify/update"
)

func (p program) trustCommand() *cli.Command {
	usage := func(_ *cli.Context, err error, _ bool) error { return p.usage(err.Error()) }
	return &cli.Command{
		Name: "trust", Usage: "whom this machine trusts", OnUsageError: usage,
		Action: func(c *cli.Context) error {
			return p.usage(fmt.Sprintf("trust has no command %.40q: add, show", c.Args().First()))
		},
		Subcommands: []*cli.Command{{
			Name: "add", Usage: "begin to trust the CA behind an update repository", ArgsUsage: "URL|FOLDER",
			Flags: append(append(placeFlags(), sourceFlags()...),
				&cli.StringFlag{Name: "fingerprint", Usage: "what the administrator's 'hallmark trust fingerprint' prints, `HEX`; without it you are asked"},
				&cli.BoolFlag{Name: "replace", Usage: "in place of the CA that is trusted now"}),
			Description: `Shows the SHA-256 fingerprint of the repository's root. Compare it with what the CA's
administrator tells you over another way than this network: by 'hallmark trust
fingerprint'. Unless they are the same, nothing is written. Afterwards 'update' needs
no argument.

` + exitCodes + `

EXAMPLE: hallmark-verify trust add https://ca.example.com/tuf
         hallmark-verify trust add --fingerprint 9f86d081884c7d65… /media/usb/hallmark`,
			OnUsageError: usage, Action: p.trustAdd,
		}, {
			Name: "show", Usage: "whom this machine trusts, and how fresh its status bundle is",
			Flags: append(placeFlags(), &cli.BoolFlag{Name: "json", Usage: "print JSON"}),
			Description: `Opens no connection.

EXAMPLE: hallmark-verify trust show`,
			OnUsageError: usage, Action: p.trustShow,
		}},
	}
}

func (p program) trustAdd(c *cli.Context) error {
	if c.NArg() != 1 {
		return p.usage("trust add takes one URL or folder, after its options")
	}
	u := p.updater(c)
	src, err := p.source(c, u, c.Args().First())
	if err != nil {
		return err
	}
	confirm := func(found update.Candidate) error {
		return p.confirm(found, src, c.String("fingerprint"), c.IsSet("fingerprint"))
	}
	result, err := u.Add(c.Context, src, c.Bool("replace"), confirm)
	if err != nil {
		return p.refused(err)
	}
	if !c.Bool("json") {
		fmt.Fprintf(p.stdout, "trusting %s, root %d\n", src, result.RootVersion)
	}
	return p.printResult(c, result)
}

// confirm holds a root against what its owner says.
func (p program) confirm(found update.Candidate, src update.Source, want string, named bool) error {
	fmt.Fprintf(p.stderr, "%s\nroot %d, sha256 %s\n", src, found.Version, found.Fingerprint)
	if named {
		if !found.Matches(want) {
			return fmt.Errorf("the fingerprint is not %.100q", want)
		}
		return nil
	}
	if !p.asks {
		return errors.New("nobody is here to compare it: name it with --fingerprint")
	}
	fmt.Fprint(p.stderr, "Is this what the CA's administrator told you ('hallmark trust fingerprint')? Type yes: ")
	line, err := bufio.NewReader(p.stdin).ReadString('\n')
	if err != nil && line == "" {
		return errors.New("no answer")
	}
	if strings.TrimSpace(line) != "yes" {
		return errors.New("the answer was not yes")
	}
	return nil
}

func (p program) trustShow(c *cli.Context) error {
	if c.NArg() != 0 {
		return p.usage("trust show takes no argument")
	}
	s, err := p.updater(c).Show()
	if err != nil {
		return p.refused(err)
	}
	if c.Bool("json") {
		return p.printJSON(s)
	}
	fmt.Fprintf(p.stdout, "%s, updates from %s\nroot %d, sha256 %s, until %s\n", s.Name, s.Source, s.RootVersion, s.RootFingerprint, s.RootExpires.UTC().Format(time.DateOnly))
	for _, a := range s.Anchors {
		fmt.Fprintf(p.stdout, "anchor %s\n  sha256 %s\n", a.Subject, a.SHA256)
	}
	over := ""
	if s.Over {
		over = ": OVER, run 'hallmark-verify update'"
	}
	_, err = fmt.Fprintf(p.stdout, "status bundle %d of %s, holds until %s%s\n", s.StatusNumber, s.IssuedAt.UTC().Format(time.RFC3339), s.NextUpdate.UTC().Format(time.RFC3339), over)
	return err
}

// isTerminal reports whether a person may be at the other end.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
