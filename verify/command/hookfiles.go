package command

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/install"
	"github.com/hallmark-pki/hallmark/verify/installed"
)

// Commands about pacman and dnf, whose packages have their signatures beside them.

func (c console) hookPacman() *cli.Command {
	return &cli.Command{
		Name: "pacman", Usage: "judge the transaction whose packages pacman names on stdin", OnUsageError: c.usage,
		Action: func(ctx *cli.Context) error {
			files, err := pacmanFiles(ctx.Context)
			if err != nil {
				c.complain(err.Error()+": nothing is installed", "pacman runs this command; docs/package-managers.md says what it can be told")
				return Exit(SomeUnknown)
			}
			return c.judgeDetached(ctx.Context, install.KindPacman(), files, func(_ context.Context, path string) (installed.Package, error) {
				return install.PacmanPackage(path)
			})
		},
	}
}

func pacmanFiles(ctx context.Context) ([]string, error) {
	names, err := install.ParsePacmanTargets(os.Stdin)
	if err != nil {
		return nil, err
	}
	p, err := install.FindPacman(ctx)
	if err != nil {
		return nil, err
	}
	return p.Files(names, os.Getppid())
}

func (c console) hookDNF() *cli.Command {
	return &cli.Command{
		Name: "dnf", Usage: "judge the files that dnf's plugin names on stdin, each with a NUL behind it", OnUsageError: c.usage,
		Action: func(ctx *cli.Context) error {
			files, err := install.ParseFiles(os.Stdin)
			if err != nil {
				c.complain(err.Error()+": nothing is installed", "dnf's plugin runs this command")
				return Exit(SomeUnknown)
			}
			return c.judgeDetached(ctx.Context, install.KindRPM(), files, installed.RPMFile)
		},
	}
}

// judgeDetached judges the files of a transaction, prints a line for each and the reasons
// of those that are refused, and records what will be installed.
func (c console) judgeDetached(ctx context.Context, kind install.Kind, files []string, named func(context.Context, string) (installed.Package, error)) error {
	g, err := c.detachedGate()
	if err != nil {
		return err
	}
	var verdicts []verify.Verdict
	bar := c.progress(len(files))
	for v := range inOrder(files, func(path string) verify.Verdict { return g.Detached(ctx, kind, path) }) {
		verdicts = append(verdicts, v)
		bar.step(len(verdicts))
	}
	bar.clear()
	var out strings.Builder
	refused, code := 0, SomeUnknown
	for _, v := range verdicts {
		if v.Outcome == verify.Valid {
			fmt.Fprintf(&out, "%s\n", printable(v.File+": "+v.Outcome.String()+", "+v.Vendor))
			continue
		}
		out.WriteString(text(v))
		if !v.Warn {
			refused++
		}
		if v.Outcome == verify.NotValid {
			code = SomeNotValid
		}
	}
	if _, err := fmt.Fprint(c.stdout, out.String()); err != nil {
		c.complain(err.Error(), "")
		return Exit(SomeUnknown) // nobody has seen why
	}
	if refused > 0 {
		c.complain(fmt.Sprintf("%d of %d packages refused: nothing is installed", refused, len(files)), "hallmark-verify FILE judges one of them again")
		return Exit(code)
	}
	if err := recordFiles(ctx, files, verdicts, named); err != nil {
		c.complain(err.Error()+": nothing is installed", "what is let in is recorded in "+installed.DefaultDir)
		return Exit(SomeUnknown)
	}
	return Exit(AllValid)
}

// recordFiles keeps the signatures of packages that are let in; see record.
func recordFiles(ctx context.Context, files []string, verdicts []verify.Verdict, named func(context.Context, string) (installed.Package, error)) error {
	r, err := recorder()
	if err != nil {
		return err
	}
	for i, v := range verdicts {
		p, err := named(ctx, files[i])
		if err != nil {
			return err
		}
		if err := r.RecordAs(p, v); err != nil {
			return err
		}
	}
	return nil
}

func (c console) detachedGate() (install.Gate, error) {
	g := install.Gate{Owners: install.Owners()}
	v, _, problem := Options{Now: time.Now}.load()
	if problem != nil {
		c.complain(problem.reason.String()+": nothing is installed", problem.hint)
		return g, Exit(SomeUnknown)
	}
	g.Judge = v.File
	return g, nil
}

func (c console) installPacman() *cli.Command {
	return &cli.Command{
		Name: "pacman", Usage: "pacman asks about each transaction", OnUsageError: c.usage, Flags: systemFlags(programFlag()),
		Action: c.change(func(_ *cli.Context, s install.System) ([]install.Step, error) { return s.ForPacman() }),
	}
}

func (c console) uninstallPacman() *cli.Command {
	return &cli.Command{
		Name: "pacman", Usage: "pacman does what it did before", OnUsageError: c.usage, Flags: systemFlags(),
		Action: c.change(func(_ *cli.Context, s install.System) ([]install.Step, error) { return s.FromPacman() }),
	}
}

func (c console) installDNF() *cli.Command {
	return &cli.Command{
		Name: "dnf", Usage: "dnf 4 asks about each transaction", OnUsageError: c.usage, Flags: systemFlags(programFlag()),
		Action: c.change(func(_ *cli.Context, s install.System) ([]install.Step, error) { return s.ForDNF() }),
	}
}

func (c console) uninstallDNF() *cli.Command {
	return &cli.Command{
		Name: "dnf", Usage: "dnf does what it did before", OnUsageError: c.usage, Flags: systemFlags(),
		Action: c.change(func(_ *cli.Context, s install.System) ([]install.Step, error) { return s.FromDNF() }),
	}
}
