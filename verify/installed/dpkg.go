package installed

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

const (
	dpkgStatus  = "var/lib/dpkg/status"
	dpkgFolder  = "var/lib/dpkg/status.d"
	dpkgUpdates = "var/lib/dpkg/updates"
)

// dpkgPackages reads what dpkg has installed below a root folder: its status file, and
// the folder status.d that images built without dpkg have in its place or beside it.
func dpkgPackages(root fs.FS) ([]Package, error) {
	if absent(root, dpkgStatus) && absent(root, dpkgFolder) {
		return nil, errAbsent
	}
	list, err := readDpkgStatus(root)
	if err != nil {
		return nil, err
	}
	more, err := readDpkgFolder(root)
	if err != nil {
		return nil, err
	}
	return append(list, more...), nil
}

func readDpkgStatus(root fs.FS) ([]Package, error) {
	if absent(root, dpkgStatus) {
		return nil, nil
	}
	f, err := openRegular(root, dpkgStatus)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := dpkgSettled(root); err != nil {
		return nil, err
	}
	list, err := parseDpkg(f, true)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dpkgStatus, err)
	}
	return list, nil
}

// dpkgSettled refuses while dpkg has changes in its journal: files whose names are digits.
func dpkgSettled(root fs.FS) error {
	if absent(root, dpkgUpdates) {
		return nil
	}
	entries, err := readDir(root, dpkgUpdates, maxPackages)
	for _, e := range entries {
		if strings.Trim(e.Name(), "0123456789") == "" {
			return fmt.Errorf("%s is not empty: dpkg is at work or was interrupted (dpkg --configure -a)", dpkgUpdates)
		}
	}
	return err
}

// readDpkgFolder reads status.d: one stanza for each package, without a field Status.
// Lists of checksums stand between them.
func readDpkgFolder(root fs.FS) ([]Package, error) {
	if absent(root, dpkgFolder) {
		return nil, nil
	}
	entries, err := readDir(root, dpkgFolder, 2*maxPackages)
	if err != nil {
		return nil, err
	}
	var out []Package
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".md5sums") {
			continue
		}
		name := path.Join(dpkgFolder, e.Name())
		raw, err := readFile(root, name, maxStanza)
		if err != nil {
			return nil, err
		}
		list, err := parseDpkg(strings.NewReader(string(raw)), false)
		if err != nil {
			return nil, fmt.Errorf("%.200q: %w", name, err)
		}
		out = append(out, list...)
	}
	return out, nil
}

// parseDpkg reads stanzas of deb822(5) and returns the packages whose files are
// on the machine: those of which the field Status does not say otherwise.
func parseDpkg(r io.Reader, withStatus bool) ([]Package, error) {
	limited := &io.LimitedReader{R: r, N: maxStatus + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	var out []Package
	stanza, stanzas, n := map[string]string{}, 0, 0
	end := func() error {
		if len(stanza) == 0 {
			return nil
		}
		if stanzas++; stanzas > maxPackages {
			return fmt.Errorf("more than %d packages", maxPackages)
		}
		p, present, err := dpkgPackage(stanza, withStatus)
		if present && err == nil {
			out = append(out, p)
		}
		clear(stanza)
		return err
	}
	for lines.Scan() {
		n++
		var err error
		if line := lines.Text(); strings.Trim(line, " \t") == "" {
			err = end()
		} else {
			err = addField(stanza, line)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", n+1, err)
	}
	if limited.N == 0 {
		return nil, fmt.Errorf("more than %d bytes", maxStatus)
	}
	if err := end(); err != nil {
		return nil, fmt.Errorf("line %d: %w", n, err)
	}
	return out, nil
}

// addField reads one line of a stanza. Field names do not tell letter cases apart; that
// is how dpkg reads them.
func addField(stanza map[string]string, line string) error {
	if line[0] == ' ' || line[0] == '\t' {
		if len(stanza) == 0 {
			return errors.New("a continuation of nothing")
		}
		return nil // of a value that is not needed here
	}
	name, value, ok := strings.Cut(line, ":")
	if !ok || name == "" || strings.ContainsAny(name, " \t") {
		return fmt.Errorf("%.40q is no field", line)
	}
	name = strings.ToLower(name)
	if _, twice := stanza[name]; twice {
		return fmt.Errorf("field %.40q twice", name)
	}
	if len(stanza) == maxFields {
		return fmt.Errorf("more than %d fields", maxFields)
	}
	switch name {
	case "package", "status", "version", "architecture":
		stanza[name] = strings.Trim(value, " \t\r")
	default:
		stanza[name] = ""
	}
	return nil
}

// dpkgPackage reads a stanza. Status is "want flag state"; see dpkg(1).
func dpkgPackage(stanza map[string]string, withStatus bool) (p Package, present bool, err error) {
	p = Package{Dpkg, stanza["package"], stanza["version"], stanza["architecture"]}
	if withStatus {
		words := strings.Fields(stanza["status"])
		if len(words) != 3 {
			return Package{}, false, fmt.Errorf("package %.80q: status %.80q", p.Name, stanza["status"])
		}
		switch words[2] {
		case "not-installed", "config-files":
			return Package{}, false, nil
		case "half-installed", "unpacked", "half-configured", "triggers-awaited", "triggers-pending", "installed":
		default:
			return Package{}, false, fmt.Errorf("package %.80q: status %.80q", p.Name, stanza["status"])
		}
	}
	return p, true, p.Check()
}
