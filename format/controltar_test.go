package format

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tarBlock is an entry as it stands in an archive: its header, 512 bytes, and its content.
// magic is that of POSIX, or GNU's, which has no prefix.
func tarBlock(kind byte, magic, prefix, name, link, body string) string {
	h := make([]byte, 512)
	copy(h, name)
	copy(h[100:], "0000644\x000000000\x000000000\x00")
	copy(h[124:], fmt.Sprintf("%011o\x0000000000000\x00        ", len(body)))
	h[156] = kind
	copy(h[157:], link)
	copy(h[257:], magic)
	copy(h[345:], prefix)
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	return string(h) + body + strings.Repeat("\x00", (512-len(body)%512)%512)
}

const (
	posixTar = "ustar\x0000"
	gnuTar   = "ustar  \x00"
)

func paxRecord(key, value string) string {
	n := len(key) + len(value) + 3
	for m := 0; m != n; {
		m, n = n, len(fmt.Sprintf("%d %s=%s\n", n, key, value))
	}
	return fmt.Sprintf("%d %s=%s\n", n, key, value)
}

// TestOtherNameForDpkg: archives in which a reader of its own sees "hello", and dpkg
// unpacks a file "control" that says "other". The real dpkg says so for each.
func TestOtherNameForDpkg(t *testing.T) {
	other := strings.Replace(goodControl, "hello", "other", 1)
	plain := func(name, body string) string { return tarBlock('0', posixTar, "", name, "", body) }
	pax := func(kind byte, key, value string) string {
		return tarBlock(kind, posixTar, "", "pax", "", paxRecord(key, value))
	}
	long := func(name string) string { return tarBlock('L', gnuTar, "", "././@LongLink", "", name+"\x00") }
	for name, entries := range map[string]string{
		"through a link":                tarBlock('2', posixTar, "", "d", ".", "") + plain("d/control", other),
		"a sparse file's name":          pax('x', "GNU.sparse.name", "control") + plain("x", other),
		"a long name behind a PAX path": pax('x', "path", "control") + long("zzz") + plain("x", other),
		"a PAX path behind a long name": long("zzz") + pax('x', "path", "control") + plain("x", other),
		"a prefix that GNU's has not":   tarBlock('0', gnuTar, "x\x00garbage", "control", "", other),
		"records of another kind":       pax('X', "path", "control") + plain("x", other),
	} {
		archive := plain("./control", goodControl) + entries + strings.Repeat("\x00", 1024)
		deb := arMagic + entry("debian-binary", "2.0\n") + entry("control.tar", archive) + entry("data.tar", strings.Repeat("\x00", 1024))
		f := openDeb(t, deb)
		if got, err := f.Package(); !errors.Is(err, &Error{Reason: BadControl}) {
			t.Errorf("%s: %+v %v", name, got, err)
		}
		// #nosec: a file that this test wrote
		out, err := exec.Command("dpkg-deb", "-f", f.Path, "Package").Output()
		if err != nil || string(bytes.TrimSpace(out)) != "other" {
			t.Errorf("%s: dpkg reads it as %q, %v: this test has lost its reason", name, out, err)
		}
	}
}

// TestControlMemberAsDpkgBuilds: what dpkg builds with all the files that it knows is read.
func TestControlMemberAsDpkgBuilds(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tree")
	if err := os.MkdirAll(filepath.Join(dir, "DEBIAN"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"control":   goodControl[:strings.Index(goodControl, "Description")] + "Maintainer: A <a@example.com>\nDescription: d\n",
		"conffiles": "", "md5sums": "", "postinst": "#!/bin/sh\n", "triggers": "", "shlibs": "", "symbols": "", "templates": "", "config": "#!/bin/sh\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, "DEBIAN", name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	path := dir + ".deb"
	// #nosec: the test's own words
	if out, err := exec.Command("dpkg-deb", "-b", dir, path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := f.Package(); err != nil || got.Name != "hello" {
		t.Errorf("%+v %v", got, err)
	}
}
