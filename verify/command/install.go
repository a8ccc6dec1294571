package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/hallmark-pki/hallmark/verify/install"
)

// placedProgram is where hallmark-verify is looked for in another root.
const placedProgram = "/usr/bin/hallmark-verify"

const installDescription = `Makes the package manager ask hallmark-verify before it unpacks anything.

   dpkg  asks about each package, right before it is unpacked, whoever runs dpkg: the name
         debsig-verify is diverted to us, and no-debsig in dpkg's configuration commented out
   apt   asks about a whole transaction, before anything of it is unpacked: a file in
         /etc/apt/apt.conf.d
   pacman, dnf
         ask about a whole transaction once its packages are downloaded; what goes round
         that is in docs/package-managers.md

apt shows everything that is wrong at once; dpkg cannot be gone round by using another
front end. Have both. What is installed already is not looked at.

EXAMPLES:
   hallmark-verify install dpkg --dry-run
   hallmark-verify install dpkg && hallmark-verify install apt
   hallmark-verify install apt --report /var/log/hallmark-verify.json
   hallmark-verify install status --json

EXIT CODES: 0 done, or (status) both ask and nothing is wrong · 1 it could not be done, or
   (status) something is · 64 wrong usage`

func systemFlags(more ...cli.Flag) []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "root", Value: "/", Usage: "change the system in this `DIR`"},
		&cli.BoolFlag{Name: "dry-run", Usage: "only say what would be done"},
	}, more...)
}

func programFlag() cli.Flag {
	return &cli.StringFlag{Name: "program", Usage: "what they run, seen from inside the root (default: this program; with --root " + placedProgram + ")"}
}

// install and uninstall are the commands of those names.
func (c console) install() *cli.Command {
	return &cli.Command{
		Name: "install", Usage: "make package managers ask this program before they unpack", Description: installDescription,
		HideHelpCommand: true, OnUsageError: c.usage, Action: c.which("install dpkg, install apt, install pacman, install dnf or install status"),
		Subcommands: []*cli.Command{
			{
				Name: "dpkg", Usage: "dpkg asks about each package", OnUsageError: c.usage, Flags: systemFlags(programFlag(), openPGPFlag()),
				Action: c.change(func(ctx *cli.Context, s install.System) ([]install.Step, error) {
					return s.ForDpkg(ctx.Context, ctx.String("openpgp"))
				}),
			},
			{
				Name: "apt", Usage: "apt asks about each transaction", OnUsageError: c.usage,
				Flags: systemFlags(programFlag(), openPGPFlag(), &cli.StringFlag{Name: "report", Usage: "after each transaction leave the verdicts in `FILE`, JSON"}),
				Action: c.change(func(ctx *cli.Context, s install.System) ([]install.Step, error) {
					return s.ForApt(install.AptOptions{OpenPGP: ctx.String("openpgp"), Report: ctx.String("report")})
				}),
			},
			c.installPacman(), c.installDNF(),
			{
				Name: "status", Usage: "whether dpkg and apt ask, and what keeps them from it", OnUsageError: c.usage, Action: c.installStatus,
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "root", Value: "/", Usage: "look at the system in this `DIR`"},
					&cli.BoolFlag{Name: "json", Usage: "one JSON object"},
				},
			},
		},
	}
}

func (c console) uninstall() *cli.Command {
	return &cli.Command{
		Name: "uninstall", Usage: "take back what install did", Description: "EXAMPLE:\n   hallmark-verify uninstall apt && hallmark-verify uninstall dpkg",
		HideHelpCommand: true, OnUsageError: c.usage, Action: c.which("uninstall dpkg, uninstall apt, uninstall pacman or uninstall dnf"),
		Subcommands: []*cli.Command{
			{
				Name: "dpkg", Usage: "dpkg does what it did before", OnUsageError: c.usage, Flags: systemFlags(),
				Action: c.change(func(ctx *cli.Context, s install.System) ([]install.Step, error) { return s.FromDpkg(ctx.Context) }),
			},
			{
				Name: "apt", Usage: "apt does what it did before", OnUsageError: c.usage, Flags: systemFlags(),
				Action: c.change(func(_ *cli.Context, s install.System) ([]install.Step, error) { return s.FromApt() }),
			},
			c.uninstallPacman(), c.uninstallDNF(),
		},
	}
}

func (c console) which(names string) cli.ActionFunc {
	return func(ctx *cli.Context) error {
		c.complain("what is missing, or unknown: "+strings.Join(ctx.Args().Slice(), " "), c.name+" "+names)
		return Exit(WrongUsage)
	}
}

// change plans, for dpkg and apt with their lock held, says what it does, and does it.
func (c console) change(plan func(*cli.Context, install.System) ([]install.Step, error)) cli.ActionFunc {
	return func(ctx *cli.Context) error {
		s, err := c.system(ctx)
		if err != nil {
			return err
		}
		if err := c.apply(ctx, s, plan); err != nil {
			var p *install.Problem
			hint := ""
			if errors.As(err, &p) {
				hint = p.Hint
			} else if errors.Is(err, os.ErrPermission) {
				hint = "run it as root"
			}
			c.complain(err.Error(), hint)
			return Exit(SomeNotValid)
		}
		return Exit(AllValid)
	}
}

func (c console) apply(ctx *cli.Context, s install.System, plan func(*cli.Context, install.System) ([]install.Step, error)) error {
	dry := ctx.Bool("dry-run")
	if name := ctx.Command.Name; !dry && (name == "dpkg" || name == "apt") {
		release, err := s.Lock()
		if err != nil {
			return err
		}
		defer release()
	}
	steps, err := plan(ctx, s)
	if err != nil {
		return err
	}
	if len(steps) == 0 {
		fmt.Fprintln(c.stdout, "nothing to do")
	}
	say := func(s install.Step) { fmt.Fprintln(c.stdout, printable(s.Text)) }
	if dry {
		for _, s := range steps {
			say(s)
		}
		return nil
	}
	return install.Apply(ctx.Context, steps, say)
}

// system is the one that the flags name.
func (c console) system(ctx *cli.Context) (install.System, error) {
	s := install.System{Root: ctx.String("root"), Program: ctx.String("program"), Run: install.RunCommand}
	if ctx.Args().Len() > 0 {
		c.complain(fmt.Sprintf("%q is one word too many", ctx.Args().First()), c.name+" install --help")
		return s, Exit(WrongUsage)
	}
	switch ctx.String("openpgp") {
	case "", install.RefuseOpenPGP, install.DebsigVerify:
	default:
		c.complain(fmt.Sprintf("--openpgp %q", ctx.String("openpgp")), install.RefuseOpenPGP+" or "+install.DebsigVerify)
		return s, Exit(WrongUsage)
	}
	if s.Root == "" {
		c.complain("--root is empty", "leave the option out for this machine")
		return s, Exit(WrongUsage)
	}
	if s.Program != "" {
		return s, nil
	}
	s.Program = placedProgram
	if s.Root == "/" {
		var err error
		if s.Program, err = os.Executable(); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (c console) installStatus(ctx *cli.Context) error {
	s, err := c.system(ctx)
	if err != nil {
		return err
	}
	status, err := s.Status(ctx.Context, install.Files{Policy: DefaultPolicy, Trust: DefaultTrust, Status: DefaultStatus})
	if err != nil {
		c.complain(err.Error(), "")
		return Exit(SomeNotValid)
	}
	if ctx.Bool("json") {
		err = json.NewEncoder(c.stdout).Encode(status)
	} else {
		_, err = fmt.Fprint(c.stdout, statusText(status))
	}
	if err != nil {
		return err
	}
	if !status.Effective() {
		return Exit(SomeNotValid)
	}
	return Exit(AllValid)
}

func statusText(s install.Status) string {
	var b strings.Builder
	for _, h := range []struct {
		name string
		install.Hook
	}{{"dpkg", s.Dpkg}, {"apt", s.Apt}} {
		state := "does not ask"
		switch {
		case h.Effective:
			state = "asks"
		case h.Installed:
			state = "is set up to ask, but"
		}
		fmt.Fprintf(&b, "%s %s\n", h.name, state)
		for _, p := range h.Problems {
			fmt.Fprintf(&b, "  %s\n", printable(p))
		}
	}
	for _, p := range s.Problems {
		fmt.Fprintf(&b, "%s\n", printable(p))
	}
	return b.String()
}
