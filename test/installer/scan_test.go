package installer

import (
	"os"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/test/pki"
)

// wantScan runs a command about the whole machine and wants this exit code and output.
func (m *machine) wantScan(code int, said string, args ...string) {
	m.t.Helper()
	if r := m.run(program, args...); r.code != code || !strings.Contains(r.stdout, said) {
		m.t.Errorf("%q: exit code %d, want %d and %q:\n%s", args, r.code, code, said, r.all())
	}
}

// TestScan: what apt and dpkg let in is recorded, and judged again by what is known later.
func TestScan(t *testing.T) {
	m := newMachine(t)
	m.hook("dpkg", "apt")
	m.wantScan(0, "0 packages", "scan")
	m.serve(m.of("tool", "1.0", m.high), m.of("later", "1.0", m.gone), m.of("low", "1.0", m.low))
	m.must("apt-get", "install", "-y", "tool")
	m.must("dpkg", "-i", m.put("later.deb", m.of("later", "1.0", m.gone).deb))
	m.refused([]string{"requirement-unmet"}, "apt-get", "install", "-y", "low")
	m.wantScan(0, "2 packages: 2 valid", "scan")
	m.wantScan(1, "found: 2 (2 installed", "blast", "--vendor", pki.Vendor, "--since", "2020-01-01")

	// The certificate of one is revoked; an upgrade replaces what another version brought.
	status := m.pki.Status(t)
	status.CRLs[0] = m.pki.CRL(t, m.pki.High, 8, pki.Revocation{At: m.pki.Signed, Reason: 9}.Revoke(t, m.gone.Cert))
	m.setStatus(status)
	m.wantScan(1, "later:all 1.0: not-valid\n  revoked: ", "scan")
	m.serve(m.of("tool", "1.1", m.high))
	m.must("apt-get", "install", "-y", "tool")
	m.wantScan(1, "1 of earlier versions", "blast", "--vendor", pki.Vendor)

	// In mode warn a package without a signature gets in, and that is known; behind the
	// hooks' back, nothing is.
	m.write("etc/hallmark/policy.yaml", "mode: warn\n"+policy)
	m.must("dpkg", "-i", m.put("bare.deb", m.of("bare", "1.0", nil).deb))
	m.must("dpkg", "--no-debsig", "-i", m.put("tool.deb", m.of("tool", "2.0", m.high).deb))
	m.write("etc/hallmark/policy.yaml", policy)
	m.wantScan(1, "1 not-valid, 1 unsigned, 1 other-version", "scan")
	check(t, os.RemoveAll(m.path("var/lib/hallmark/installed")))
	m.wantScan(2, "3 no-record", "scan")
}
