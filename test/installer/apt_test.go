package installer

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/installed"
)

// TestApt: one machine, one repository, a package of each kind; only the good one comes in.
func TestApt(t *testing.T) {
	m := newMachine(t)
	m.hook("dpkg", "apt --report /var/log/hallmark.json")
	m.revoke(m.gone)
	m.serve(
		m.of("good", "1.0", m.high), m.of("better", "1.0", m.high), m.of("unsigned", "1.0", nil), m.of("tampered", "1.0", m.high).flip(),
		m.of("low", "1.0", m.low), m.of("revoked", "1.0", m.gone),
	)
	for name, code := range map[string]string{
		"unsigned": "unsigned: ", "tampered": "digest-mismatch", "low": "requirement-unmet", "revoked": "revoked: ",
	} {
		m.refused([]string{code, "1 of 1 packages refused: nothing is unpacked"}, "apt-get", "install", "-y", name)
	}
	said := m.refused([]string{"1 of 3 packages refused: nothing is unpacked", "requirement-unmet"}, "apt-get", "install", "-y", "good", "low", "better")
	for _, row := range []string{"PACKAGE  ARCHITECTURE  FROM  TO   VERDICT    VENDOR", "good     all           -     1.0  valid      https://", "low      all           -     1.0  not valid  "} {
		if !strings.Contains(said, row) {
			t.Errorf("no %q in\n%s", row, said)
		}
	}
	r := m.report()
	if r.Decision != "refused" || r.Refused != 1 || len(r.Packages) != 3 || r.Configured != 3 {
		t.Errorf("report %+v", r)
	}

	said = m.must("apt-get", "install", "-y", "good", "better")
	m.wantVersion("good", "1.0")
	m.wantVersion("better", "1.0")
	if r := m.report(); r.Decision != "accepted" || len(r.Packages) != 2 || r.Packages[0].Verdict.Verdict != "valid" {
		t.Errorf("report %+v", r)
	}
	if strings.Contains(said, "\x1b") || strings.Contains(said, "[#") {
		t.Errorf("a progress bar, and no terminal:\n%q", said)
	}

	stale := m.pki.Status(t)
	stale.CRLs[0] = m.pki.CRL(t, m.pki.High, 9, func(l *x509.RevocationList) { l.NextUpdate = time.Now().Add(-time.Hour) })
	m.setStatus(stale)
	m.refused([]string{"could not tell", "revocation-stale"}, "apt-get", "install", "-y", "--reinstall", "good")
	stale = m.pki.Status(t)
	stale.IssuedAt, stale.NextUpdate = m.pki.Now.Add(-48*time.Hour), m.pki.Now.Add(-24*time.Hour)
	m.setStatus(stale)
	m.refused([]string{"could not tell", "the status bundle ended on"}, "apt-get", "install", "-y", "--reinstall", "good")
}

// report is what the last transaction left.
func (m *machine) report() (r struct {
	Decision                             string
	Refused, Warned, Configured, Removed int
	Packages                             []struct {
		Package, Direction string
		Verdict            struct {
			File, Verdict string
			Reasons       []struct{ Code string }
		}
	}
}) {
	m.t.Helper()
	raw, err := os.ReadFile(m.path("var/log/hallmark.json"))
	check(m.t, err)
	check(m.t, json.Unmarshal(raw, &r))
	return r
}

// TestAptDirections: a newer version below the level does not replace the good one, nor
// does an older one; a good older one may, if apt is told so, and is called a downgrade.
func TestAptDirections(t *testing.T) {
	m := newMachine(t)
	m.hook("apt --report /var/log/hallmark.json", "dpkg")
	m.serve(m.of("tool", "1.0", m.high))
	m.must("apt-get", "install", "-y", "tool")
	m.serve(m.of("tool", "1.1", m.low))
	m.refused([]string{"requirement-unmet", "1.0   1.1"}, "apt-get", "upgrade", "-y")
	m.wantVersion("tool", "1.0")
	m.serve(m.of("tool", "1.2", m.high))
	m.must("apt-get", "upgrade", "-y")
	m.wantVersion("tool", "1.2")
	if r := m.report(); r.Packages[0].Direction != "upgrade" {
		t.Errorf("report %+v", r)
	}
	m.serve(m.of("tool", "0.9", m.low), m.of("tool", "1.0", m.high))
	m.refused([]string{"requirement-unmet", "0.9 (downgrade)"}, "apt-get", "install", "-y", "--allow-downgrades", "tool=0.9")
	m.must("apt-get", "install", "-y", "--allow-downgrades", "tool=1.0")
	m.wantVersion("tool", "1.0")
	if r := m.report(); r.Packages[0].Direction != "downgrade" {
		t.Errorf("report %+v", r)
	}
}

// TestAptForeign: a package of another architecture is judged like any other.
func TestAptForeign(t *testing.T) {
	m := newMachine(t)
	m.hook("apt")
	other := "i386"
	if strings.TrimSpace(m.must("dpkg", "--print-architecture")) == other {
		other = "amd64"
	}
	m.must("dpkg", "--add-architecture", other)
	foreign := func(name string, by *pki.Identity) entry {
		p := pack{name: name, version: "1.0", arch: other, fields: "Multi-Arch: same\n"}
		return entry{p, m.signed(t, p, by)}
	}
	m.serve(foreign("good", m.high), foreign("low", m.low))
	m.refused([]string{"requirement-unmet", "low      " + other}, "apt-get", "install", "-y", "good:"+other, "low:"+other)
	m.must("apt-get", "install", "-y", "good:"+other)
	m.wantVersion("good", "1.0")
}

// TestAptWarns: the policy's mode warn reports the same and lets it pass.
func TestAptWarns(t *testing.T) {
	m := newMachine(t)
	m.hook("apt --report /var/log/hallmark.json", "dpkg")
	m.write("etc/hallmark/policy.yaml", strings.Replace(policy, "version: 1\n", "version: 1\nmode: warn\n", 1))
	m.serve(m.of("low", "1.0", m.low), m.of("unsigned", "1.0", nil), m.of("good", "1.0", m.high))
	said := m.must("apt-get", "install", "-y", "low", "unsigned", "good")
	for _, want := range []string{"requirement-unmet", "unsigned: ", "2 of 3 packages would have been refused"} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in\n%s", want, said)
		}
	}
	m.wantVersion("low", "1.0")
	m.wantVersion("unsigned", "1.0")
	if r := m.report(); r.Decision != "warned" || r.Warned != 2 {
		t.Errorf("report %+v", r)
	}
	// A policy that cannot be read is no reason to only warn.
	m.write("etc/hallmark/policy.yaml", "version: 1\nmode: warn\nrequired: level 3\n")
	m.refused([]string{"policy-unusable"}, "apt-get", "install", "-y", "--reinstall", "good")
}

// TestAptRemoves: removing needs no verdict, and so nothing that verdicts are made from.
func TestAptRemoves(t *testing.T) {
	m := newMachine(t)
	m.hook("apt", "dpkg")
	m.serve(m.of("good", "1.0", m.high), m.of("other", "1.0", m.high))
	m.must("apt-get", "install", "-y", "good", "other")
	check(t, os.Remove(m.path("etc/hallmark/trust.json")))
	m.must("apt-get", "remove", "-y", "good")
	m.wantVersion("good", "")
	// One transaction that removes and installs is judged as a whole: nothing of it happens.
	m.refused([]string{"trust-unusable"}, "apt-get", "install", "-y", "good", "other-")
	m.wantVersion("other", "1.0")
}

// TestMismatch: a repository serves a package that is good, and another one than it says.
func TestMismatch(t *testing.T) {
	m := newMachine(t)
	m.hook("apt")
	old := m.of("tool", "1.0", m.high)
	for _, says := range []pack{{name: "tool", version: "2.0"}, {name: "other", version: "1.0"}, {name: "tool", version: "1.0", arch: strings.TrimSpace(m.must("dpkg", "--print-architecture"))}} {
		m.serve(entry{says, old.deb})
		m.refused([]string{"package-mismatch: apt takes it for " + says.name + " " + says.version, "it is tool 1.0 all"}, "apt-get", "install", "-y", says.name)
	}
	m.serve(old)
	m.must("apt-get", "install", "-y", "tool")
}

// TestAptRules: a policy that demands nothing of packages but those of one name; the others
// come in, and are told of.
func TestAptRules(t *testing.T) {
	m := newMachine(t)
	m.hook("apt", "dpkg")
	m.write("etc/hallmark/policy.yaml", strings.Replace(policy, "version: 1\n", "version: 1\nmode: warn\n", 1)+"rules:\n  - package: acme-*\n    mode: enforce\n")
	m.serve(m.of("base", "1.0", nil), m.of("acme-good", "1.0", m.high), m.of("acme-low", "1.0", m.low), m.of("acme-none", "1.0", nil))
	m.refused([]string{"1 of 2 packages refused", "requirement-unmet"}, "apt-get", "install", "-y", "base", "acme-low")
	m.refused([]string{"1 of 1 packages refused", "unsigned"}, "apt-get", "install", "-y", "acme-none")
	if said := m.must("apt-get", "install", "-y", "base", "acme-good"); !strings.Contains(said, "1 of 2 packages would have been refused") {
		t.Error(said)
	}
	m.wantVersion("acme-good", "1.0")
	m.wantVersion("base", "1.0")
}

// TestRecords: what comes in is on record with its signature, what does not is not.
func TestRecords(t *testing.T) {
	m := newMachine(t)
	m.hook("apt", "dpkg")
	good := m.of("good", "1.0", m.high)
	m.serve(good, m.of("low", "1.0", m.low))
	m.refused(nil, "apt-get", "install", "-y", "good", "low")
	records := os.DirFS(m.path("var/lib/hallmark/installed"))
	if list, err := installed.List(records); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	m.must("apt-get", "install", "-y", "good")
	m.must("dpkg", "-i", m.put("by.deb", m.of("by", "2.0", m.high).deb))
	for name, version := range map[string]string{"good": "1.0", "by": "2.0"} {
		h, err := installed.Read(records, installed.Package{Manager: installed.Dpkg, Name: name, Architecture: "all"})
		check(t, err)
		if r := h.Records[0]; len(h.Records) != 1 || r.Version != version || r.Verdict != verify.Valid || len(r.Signature) == 0 || r.Policy != sha256.Sum256([]byte(policy)) {
			t.Errorf("%+v", h)
		}
	}
	m.must(program, "scan")
	m.revoke(m.high)
	if r := m.run(program, "scan"); r.code != 1 || !strings.Contains(r.stdout, "good") || !strings.Contains(r.stdout, "revoked") {
		t.Errorf("%d %s", r.code, r.all())
	}
	m.setStatus(m.pki.Status(t))
	check(t, os.RemoveAll(m.path("var/lib/hallmark/installed")))
	m.write("var/lib/hallmark/installed", "in the way")
	m.refused([]string{"what is let in is recorded in"}, "dpkg", "-i", "/packages/by.deb")
	m.refused([]string{"what is let in is recorded in"}, "apt-get", "install", "-y", "--reinstall", "good")
}

// TestAptFirst: other hooks of apt's open packages too; debconf's runs scripts out of them.
// They come after ours, and not at all if ours refuses.
func TestAptFirst(t *testing.T) {
	m := newMachine(t)
	m.write("etc/apt/apt.conf.d/01other", `DPkg::Pre-Install-Pkgs { "cat >> /packages/ran"; };`+"\n")
	m.write("packages/ran", "")
	m.hook("apt")
	m.serve(m.of("low", "1.0", m.low), m.of("good", "1.0", m.high))
	ran := func() string {
		raw, err := os.ReadFile(m.path("packages/ran"))
		check(t, err)
		return string(raw)
	}
	m.refused([]string{"requirement-unmet"}, "apt-get", "install", "-y", "low")
	if ran() != "" {
		t.Errorf("the other hook saw %s", ran())
	}
	m.must("apt-get", "install", "-y", "good")
	if !strings.Contains(ran(), "good_1.0_all.deb") {
		t.Errorf("the other hook saw %q", ran())
	}
}
