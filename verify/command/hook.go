package command

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/install"
	"github.com/hallmark-pki/hallmark/verify/installed"
)

// infoFD is the variable in which apt says where it talks to its hooks, apt.conf(5).
const infoFD = "APT_HOOK_INFO_FD"

func openPGPFlag() cli.Flag {
	return &cli.StringFlag{
		Name: "openpgp", Value: install.RefuseOpenPGP,
		Usage: "a package without our signature but with an OpenPGP one: " + install.RefuseOpenPGP + ", or ask " + install.DebsigVerify,
	}
}

// hook is what the package managers run; "install" writes it into their places.
func (c console) hook() *cli.Command {
	return &cli.Command{
		Name: "hook", Usage: "what the package managers run; see install", Hidden: true, HideHelpCommand: true, OnUsageError: c.usage,
		// Without an action of ours an unknown hook would print help and let everything pass.
		Action: c.which("hook apt, hook dpkg, hook pacman or hook dnf"),
		Subcommands: []*cli.Command{
			{
				Name: "apt", Usage: "judge the transaction that apt describes on $" + infoFD, OnUsageError: c.usage, Action: c.hookApt,
				Flags: []cli.Flag{openPGPFlag(), &cli.StringFlag{Name: "report", Usage: "write the verdicts to `FILE` as JSON"}},
			},
			{
				Name: "dpkg", Usage: "judge the package that dpkg is about to unpack", ArgsUsage: "-- -q FILE", OnUsageError: c.usage, Action: c.hookDpkg,
				Flags: []cli.Flag{openPGPFlag()},
			},
			c.hookPacman(), c.hookDNF(),
		},
	}
}

// gate makes what judges, and says whether its policy could be read.
func (c console) gate(ctx *cli.Context) (install.Gate, error) {
	g := install.Gate{Owners: install.Owners()}
	switch ctx.String("openpgp") {
	case install.RefuseOpenPGP:
	case install.DebsigVerify:
		g.OpenPGP = install.AskDebsigVerify
	default:
		c.complain(fmt.Sprintf("--openpgp %q", ctx.String("openpgp")), install.RefuseOpenPGP+" or "+install.DebsigVerify)
		return g, Exit(WrongUsage)
	}
	v, policy, problem := Options{Now: time.Now, Packages: true}.load()
	if problem == nil {
		g.Judge, g.EnforcesPackages = v.File, policy.EnforcesPackages()
		return g, nil
	}
	if problem.hint != "" {
		c.complain(problem.reason.String(), problem.hint)
	}
	g.Judge = func(_ context.Context, path string) verify.Verdict {
		return verify.Verdict{File: path, Outcome: problem.reason.Code.Outcome(), Reasons: []verify.Reason{problem.reason}}
	}
	return g, nil
}

// hookDpkg is what dpkg gets for debsig-verify. Whoever else calls that, calls it with
// other arguments and gets the real one.
func (c console) hookDpkg(ctx *cli.Context) error {
	args := ctx.Args().Slice()
	if len(args) != 2 || args[0] != "-q" {
		c.complain(install.BecomeDebsigVerify(args).Error(), "dpkg asks hallmark-verify here; the real debsig-verify is a package of that name")
		return Exit(WrongUsage)
	}
	g, err := c.gate(ctx)
	if err != nil {
		return err
	}
	j := install.Judged{Verdict: g.File(ctx.Context, args[1])}
	if !j.Refused() && !c.record(j) {
		return Exit(SomeUnknown)
	}
	if j.Verdict.Outcome == verify.Valid {
		return Exit(AllValid)
	}
	fmt.Fprint(c.stderr, text(j.Verdict))
	c.hintReplaceable(j.Verdict)
	switch {
	case !j.Refused():
		c.complain("the policy's mode is warn: this package would have been refused", "")
		return Exit(AllValid)
	case j.Verdict.Outcome == verify.NotValid:
		return Exit(SomeNotValid)
	}
	return Exit(SomeUnknown)
}

func (c console) hintReplaceable(v verify.Verdict) {
	if v.Has(verify.FileReplaceable) {
		c.complain("somebody else than root could replace this file before it is unpacked", "copy it to a folder of root's, like /root, and install the copy")
	}
}

// hookApt judges a whole transaction of apt's. Whatever it does not understand refuses
// all of it.
func (c console) hookApt(ctx *cli.Context) error {
	t, err := readTransaction()
	if err != nil {
		c.complain(err.Error()+": nothing is unpacked", "apt runs this command; \"hallmark-verify install status\" says whether it is set up")
		return Exit(SomeUnknown)
	}
	if len(t.Unpacked()) == 0 {
		return Exit(AllValid) // removing and configuring ask nothing of a file
	}
	g, err := c.gate(ctx)
	if err != nil {
		return err
	}
	r := install.Report{Time: time.Now().UTC()}
	bar := c.progress(len(t.Unpacked()))
	r.Packages = g.Transaction(ctx.Context, t, bar.step)
	bar.clear()
	r.Count(t)
	return c.tell(r, ctx.String("report"))
}

// tell prints a transaction's table, leaves its report, and returns the exit code.
func (c console) tell(r install.Report, report string) error {
	if _, err := fmt.Fprint(c.stdout, table(r)); err != nil {
		c.complain(err.Error(), "")
		return Exit(SomeUnknown) // nobody has seen why
	}
	if report != "" {
		if err := r.Write(report); err != nil {
			c.complain(err.Error(), "the report was asked for with install apt --report")
			return Exit(SomeUnknown)
		}
	}
	code := AllValid
	for _, j := range r.Packages {
		switch {
		case !j.Refused():
		case j.Verdict.Outcome == verify.NotValid:
			code = SomeNotValid
		case code == AllValid:
			code = SomeUnknown
		}
	}
	if i := slices.IndexFunc(r.Packages, func(j install.Judged) bool { return j.Verdict.Has(verify.FileReplaceable) }); i >= 0 {
		c.hintReplaceable(r.Packages[i].Verdict)
	}
	switch {
	case r.Refused > 0:
		c.complain(fmt.Sprintf("%d of %d packages refused: nothing is unpacked", r.Refused, len(r.Packages)), "hallmark-verify FILE judges one of them again")
		return Exit(code)
	case r.Warned > 0:
		c.complain(fmt.Sprintf("the policy's mode is warn: %d of %d packages would have been refused", r.Warned, len(r.Packages)), "")
	}
	if !c.record(r.Packages...) {
		return Exit(SomeUnknown)
	}
	return Exit(AllValid)
}

// record keeps the signatures of packages that are let in. Without a record nobody could
// say later what this machine has from whom: so none is let in without.
func (c console) record(list ...install.Judged) bool {
	r, err := recorder()
	for i := 0; err == nil && i < len(list); i++ {
		err = r.Record(list[i].Verdict)
	}
	if err != nil {
		c.complain(err.Error()+": nothing is unpacked", "what is let in is recorded in "+installed.DefaultDir)
	}
	return err == nil
}

func recorder() (install.Recorder, error) {
	r := install.Recorder{Dir: installed.DefaultDir, Now: time.Now}
	raw, err := read("", DefaultPolicy)
	if err == nil && raw != nil {
		r.Policy = sha256.Sum256(raw)
	}
	return r, err
}

// readTransaction reads from where apt says that it writes to.
func readTransaction() (install.Transaction, error) {
	fd, err := strconv.ParseUint(os.Getenv(infoFD), 10, 16)
	if err != nil {
		return install.Transaction{}, fmt.Errorf("$%s is not the number of a file: %w", infoFD, errors.Unwrap(err))
	}
	var stat syscall.Stat_t
	if err := syscall.Fstat(int(fd), &stat); err != nil {
		return install.Transaction{}, fmt.Errorf("$%s is %d: %w", infoFD, fd, err)
	}
	f := os.NewFile(uintptr(fd), "apt")
	defer f.Close()
	return install.ParseTransaction(f)
}
