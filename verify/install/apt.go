package install

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// aptConfig is ours. apt runs its hooks in the order of its configuration and stops at the
// first that fails, so the name comes before all others: Debian's 70debconf unpacks the
// configuration scripts of packages and runs them as root. Files with later names can
// still take the hook out again; Status looks for both.
const aptConfig = "/etc/apt/apt.conf.d/00hallmark-verify"

// aptInfoFD is the file descriptor on which apt tells us about its transaction: stdin
// stays the terminal's.
const aptInfoFD = "20"

// aptVersion is that of the protocol which ParseTransaction reads.
const aptVersion = "3"

// AptOptions is what apt's hook is told.
type AptOptions struct {
	OpenPGP string // RefuseOpenPGP or DebsigVerify
	Report  string // where each transaction leaves its verdicts as JSON; "" for nowhere
}

func (o AptOptions) command(program string) string {
	line := program + " hook apt --openpgp " + o.OpenPGP
	if o.Report != "" {
		line += " --report " + o.Report
	}
	return line
}

func (o AptOptions) config(program string) []byte {
	return fmt.Appendf(nil, `// %s apt": before apt has anything unpacked it asks this.
// Taken back by "hallmark-verify uninstall apt".
DPkg::Pre-Install-Pkgs { "%s"; };
DPkg::Tools::Options::%[3]s::Version "%[4]s";
DPkg::Tools::Options::%[3]s::InfoFD "%[5]s";
`, mark, o.command(program), program, aptVersion, aptInfoFD)
}

// ForApt returns the steps after which apt asks us about each transaction; none if it does.
func (s System) ForApt(o AptOptions) ([]Step, error) {
	if err := s.checkProgram(); err != nil {
		return nil, err
	}
	if o.Report != "" && (o.Report[0] != '/' || !isPlain(o.Report)) {
		return nil, problem("like /var/log/hallmark-verify.json", "report %q: want an absolute path of letters, digits and ./_+-", o.Report)
	}
	there, found, err := s.read(aptConfig)
	if err != nil {
		return nil, err
	}
	if found && !isOurs(there) {
		return nil, problem("look who wrote it; remove it, and try again", "%s is there, and not ours", aptConfig)
	}
	want := o.config(s.Program)
	if string(there) == string(want) {
		return nil, nil
	}
	return []Step{{
		fmt.Sprintf("write %s: apt asks %s", aptConfig, s.Program),
		func(context.Context) error { return s.write(aptConfig, want, 0o644) },
	}}, nil
}

// FromApt returns the steps that undo ForApt.
func (s System) FromApt() ([]Step, error) {
	there, found, err := s.read(aptConfig)
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, nil
	case !isOurs(there):
		return nil, problem("look who wrote it", "%s is not ours", aptConfig)
	}
	return []Step{{"remove " + aptConfig, func(context.Context) error { return s.remove(aptConfig) }}}, nil
}

// aptProblems asks apt what it makes of its configuration.
func (s System) aptProblems(ctx context.Context, there []byte) ([]string, error) {
	program, command, ok := readAptConfig(there)
	if !ok {
		return []string{aptConfig + " is not as any release of ours writes it"}, nil
	}
	var out []string
	if err := (System{Root: s.Root, Program: program}).checkProgram(); err != nil {
		out = append(out, err.Error())
	}
	if s.Root != "/" {
		return out, nil // apt's answer would be about this machine
	}
	dump, err := s.Run(ctx, "apt-config", "dump")
	if err != nil {
		return nil, err
	}
	return append(out, effective(string(dump), program, command)...), nil
}

// effective compares what apt says of its configuration with what we want it to be.
func effective(dump, program, command string) []string {
	var out, hooks []string
	settings := map[string]string{} // apt's names of settings do not depend on case
	for line := range strings.Lines(dump) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, ";\n"), " ")
		name, value = strings.ToLower(name), strings.Trim(value, `"`)
		if name == "dpkg::pre-install-pkgs::" && value != "" {
			hooks = append(hooks, value)
		}
		if name == "dpkg::options::" && (value == "--"+noDebsig || forces(strings.TrimPrefix(value, "--"))) {
			out = append(out, fmt.Sprintf("DPkg::Options has %q: when apt runs dpkg, it does not ask, or does not listen", value))
		}
		settings[name] = value
	}
	switch at := slices.Index(hooks, command); {
	case at < 0:
		out = append(out, "another file in /etc/apt takes our hook out of DPkg::Pre-Install-Pkgs")
	case at > 0:
		out = append(out, fmt.Sprintf("%q runs before ours: with packages that nobody has judged", hooks[0]))
	}
	for name, want := range map[string]string{"Version": aptVersion, "InfoFD": aptInfoFD} {
		name = "DPkg::Tools::Options::" + program + "::" + name
		if got := settings[strings.ToLower(name)]; got != want {
			out = append(out, fmt.Sprintf("another file in /etc/apt sets %s to %q", name, got))
		}
	}
	return out
}

// readAptConfig finds what our file says in it.
func readAptConfig(raw []byte) (program, command string, ok bool) {
	for line := range strings.Lines(string(raw)) {
		rest, is := strings.CutPrefix(line, `DPkg::Pre-Install-Pkgs { "`)
		if !is {
			continue
		}
		command, ok = strings.CutSuffix(rest, "\"; };\n")
		program, _, _ = strings.Cut(command, " ")
		return program, command, ok
	}
	return "", "", false
}
