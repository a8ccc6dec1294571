package installer

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// origin is somebody who signs packages with OpenPGP, as debsig-verify wants it.
type origin struct{ home, fingerprint string }

func newOrigin(t *testing.T) origin {
	t.Helper()
	home, err := os.MkdirTemp("", "gpg") // a socket's path is short
	check(t, err)
	o := origin{home: home}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		_ = os.RemoveAll(home)
	})
	o.gpg(t, nil, "--quick-generate-key", "--passphrase", "", "Packer <packer@example.com>", "ed25519", "sign", "never")
	listed := o.gpg(t, nil, "--with-colons", "--list-keys")
	o.fingerprint = string(regexp.MustCompile(`fpr:+([0-9A-F]{40}):`).FindSubmatch(listed)[1])
	return o
}

func (o origin) gpg(t *testing.T, stdin []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("gpg", append([]string{"--homedir", o.home, "--batch", "--quiet", "--no-tty", "--pinentry-mode", "loopback"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(stdin), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("gpg %q: %v\n%s", args, err, stderr.String())
	}
	return out
}

// sign appends the OpenPGP signature over the bodies of the members.
func (o origin) sign(t *testing.T, deb []byte) []byte {
	t.Helper()
	var bodies []byte
	for at := 8; at < len(deb); {
		var size int
		for _, c := range strings.TrimRight(string(deb[at+48:at+58]), " ") {
			size = size*10 + int(c-'0')
		}
		bodies = append(bodies, deb[at+60:at+60+size]...)
		at += 60 + size + size%2
	}
	b := bytes.NewBuffer(bytes.Clone(deb))
	appendMember(b, "_gpgorigin", o.gpg(t, bodies, "--detach-sign"))
	return b.Bytes()
}

// believed makes the machine's debsig-verify accept packages of this origin.
func (m *machine) believed(o origin) {
	m.t.Helper()
	id := o.fingerprint[len(o.fingerprint)-16:]
	for _, dir := range []string{"etc/debsig/policies/" + id, "usr/share/debsig/keyrings/" + id} {
		check(m.t, os.MkdirAll(m.path(dir), 0o755))
	}
	m.write("usr/share/debsig/keyrings/"+id+"/debsig.gpg", string(o.gpg(m.t, nil, "--export")))
	required := `<Required Type="origin" File="debsig.gpg" id="` + id + `"/>`
	m.write("etc/debsig/policies/"+id+"/example.pol", `<?xml version="1.0"?>
<!DOCTYPE Policy SYSTEM "https://www.debian.org/debsig/1.0/policy.dtd">
<Policy xmlns="https://www.debian.org/debsig/1.0/">
<Origin Name="Example" id="`+id+`" Description="Example"/>
<Selection>`+required+`</Selection>
<Verification MinOptional="0">`+required+`</Verification>
</Policy>
`)
}

// TestOpenPGP: packages with an OpenPGP signature and none of ours. The real debsig-verify
// judges those alone, and only where the machine's owner said so.
func TestOpenPGP(t *testing.T) {
	m := newMachine(t)
	known, stranger := newOrigin(t), newOrigin(t)
	m.believed(known)
	raw, err := os.ReadFile("/usr/bin/debsig-verify")
	check(t, err)
	check(t, os.WriteFile(m.path("usr/bin/debsig-verify"), raw, 0o755))

	p := pack{name: "packed", version: "1.0"}
	plain := p.deb(t)
	files := map[string][]byte{
		"known":    known.sign(t, plain),
		"stranger": stranger.sign(t, plain),
		"none":     plain,
		"garbage":  addMember(plain, "_gpgorigin", []byte("no signature")),
		"ours":     m.sign(t, known.sign(t, plain), m.high),
		"low":      m.sign(t, known.sign(t, plain), m.low),
		"after":    addMember(m.sign(t, plain, m.high), "_gpgorigin", []byte("x")),
		"renamed":  bytes.Replace(m.sign(t, known.sign(t, plain), m.low), []byte("_hallmark.p7s   "), []byte("_hallmark.p7x   "), 1),
	}
	files["tampered"] = entry{p, files["known"]}.flip().deb
	for name, deb := range files {
		m.put(name+".deb", deb)
	}
	// What debsig-verify itself says of them, so that the test is about something.
	for name, accepts := range map[string]bool{"known": true, "stranger": false, "none": false, "garbage": false, "tampered": false} {
		if r := m.run("debsig-verify", "-q", "/packages/"+name+".deb"); (r.code == 0) != accepts {
			t.Errorf("debsig-verify on %s: %d %s", name, r.code, r.all())
		}
	}

	judge := func(good ...string) {
		t.Helper()
		for name := range files {
			file, accepted := "/packages/"+name+".deb", slices.Contains(good, name)
			apt := name == "known" || name == "ours" // it asks the same code: two will do
			switch {
			case !accepted:
				m.refused([]string{"verification on package"}, "dpkg", "-i", file)
				if apt {
					m.refused([]string{"nothing is unpacked"}, "apt-get", "install", "-y", file)
				}
				continue
			case apt:
				m.must("apt-get", "install", "-y", file)
			default:
				m.must("dpkg", "-i", file)
			}
			m.must("dpkg", "-P", "packed")
		}
	}
	m.hook("dpkg", "apt")
	judge("ours")
	m.refused([]string{"which this machine does not take instead"}, "dpkg", "-i", "/packages/known.deb")
	m.hook("dpkg --openpgp debsig-verify", "apt --openpgp debsig-verify")
	// "renamed" is a package whose signature of ours somebody took out: where an OpenPGP
	// signature is enough, that is what is lost.
	judge("ours", "known", "renamed")
	check(t, os.Remove(m.path("usr/bin/debsig-verify.distrib")))
	m.refused([]string{"debsig-verify is not installed"}, "dpkg", "-i", "/packages/known.deb")
}

func addMember(deb []byte, name string, data []byte) []byte {
	b := bytes.NewBuffer(bytes.Clone(deb))
	appendMember(b, name, data)
	return b.Bytes()
}
