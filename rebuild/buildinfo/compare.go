package buildinfo

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// Installed asks dpkg what this machine has.
func Installed(ctx context.Context) ([]Package, error) {
	raw, err := exec.CommandContext(ctx, "dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Package} ${Version}\n").Output()
	if err != nil {
		return nil, fmt.Errorf("ask dpkg what is installed: %w", err)
	}
	var out []Package
	s := bufio.NewScanner(bytes.NewReader(raw))
	for s.Scan() {
		if f := strings.Fields(s.Text()); len(f) == 3 && f[0] == "installed" {
			out = append(out, Package{Name: f[1], Version: f[2]})
		}
	}
	return out, s.Err()
}

// Difference is a package of the record that this machine has in another version, or
// not at all (Here is empty).
type Difference struct{ Name, There, Here string }

// Compare says what a machine lacks of what the record had. What it has beside that does
// not count: the record lists what the build could have used.
func (u Unverified) Compare(here []Package) []Difference {
	versions := map[string]string{}
	for _, p := range here {
		versions[p.Name] = p.Version
	}
	var out []Difference
	for _, p := range u.Installed {
		name, _, _ := strings.Cut(p.Name, ":") // libc6:i386, of another architecture
		if versions[name] != p.Version {
			out = append(out, Difference{Name: p.Name, There: p.Version, Here: versions[name]})
		}
	}
	return out
}
