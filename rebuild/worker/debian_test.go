package worker

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/rebuild/buildinfo"
)

// debianSource is a source package that needs nothing but dpkg-dev and make.
func debianSource() map[string]string {
	return map[string]string{
		"debian/control": "Source: hello\nSection: misc\nPriority: optional\nMaintainer: Test <test@example.com>\nStandards-Version: 4.6.2\n" +
			"Rules-Requires-Root: no\n\nPackage: hello\nArchitecture: all\nDescription: greets\n A package for a test.\n",
		"debian/changelog":     "hello (1.0) unstable; urgency=medium\n\n  * First.\n\n -- Test <test@example.com>  Sun, 01 Nov 2026 12:00:00 +0000\n",
		"debian/source/format": "3.0 (native)\n",
		"debian/rules": "#!/usr/bin/make -f\nbuild build-arch build-indep:\nclean:\n\trm -rf debian/tmp debian/files\nbinary-arch:\nbinary: binary-indep\nbinary-indep:\n" +
			"\trm -rf debian/tmp\n\tinstall -d -m 755 debian/tmp debian/tmp/DEBIAN debian/tmp/usr debian/tmp/usr/bin\n\tinstall -m 755 hello debian/tmp/usr/bin/hello\n" +
			"\tdpkg-gencontrol -phello -Pdebian/tmp\n\tdpkg-deb --root-owner-group --build debian/tmp ..\n",
		"hello": "#!/bin/sh\necho hello\n",
	}
}

// TestDebianPackage: a vendor runs dpkg-buildpackage; the rebuilder makes the .deb that the
// vendor's .buildinfo names, on what it names.
func TestDebianPackage(t *testing.T) {
	w := newWorld(t)
	files := debianSource()
	commit := w.commit(files)
	vendor := filepath.Join(openFolder(t), "hello-1.0")
	if err := os.CopyFS(vendor, os.DirFS(filepath.Join(w.folder, "git", "hello"))); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(vendor, ".git")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("dpkg-buildpackage", "-us", "-uc", "-b", "-d")
	cmd.Dir, cmd.Env = vendor, append(os.Environ(), "SOURCE_DATE_EPOCH=1793534400")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	deb, err := os.ReadFile(filepath.Join(filepath.Dir(vendor), "hello_1.0_all.deb"))
	if err != nil {
		t.Fatal(err)
	}
	doc := document("[dpkg-buildpackage, -us, -uc, -b, -d]", "outputs: [../hello_*_all.deb]\n")
	r := w.rebuild(w.job(commit, doc, sum(string(deb))))
	if r.Reason != "" || r.Artifact.Name != "../hello_1.0_all.deb" {
		t.Fatalf("%s %+v\n%s", r.Reason, r.Artifact, r.Diff)
	}
	if s := w.statements(r)[0]; s.PredicateType != attest.ProvenanceV1 || s.Subject[0].Name != "hello_1.0_all.deb" {
		t.Fatalf("%+v", s)
	}
	names, err := filepath.Glob(filepath.Join(filepath.Dir(vendor), "*.buildinfo"))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	raw, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	if info.Source != "hello" || len(info.Files) != 1 || info.Files[0].SHA256 != r.Artifact.SHA256 {
		t.Errorf("%+v", info)
	}
	here, err := buildinfo.Installed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d := info.Compare(here); len(d) != 0 {
		t.Errorf("this machine differs from itself: %+v", d)
	}
}
