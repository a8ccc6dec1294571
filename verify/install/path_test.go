package install_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/install"
)

// TestCheckPath: each case takes a file that is safe and opens one way in. The owners are
// root, and whoever runs the test: the folder is his.
func TestCheckPath(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		change func(dir string) string // to dir/folder/file; returns the path to ask about
		want   verify.Code
	}{
		"safe":              {func(d string) string { return d + "/folder/file" }, ""},
		"dots and slashes":  {func(d string) string { return d + "//folder/./../folder//file" }, ""},
		"file of others":    {func(d string) string { must(os.Chmod(d+"/folder/file", 0o646)); return d + "/folder/file" }, verify.FileReplaceable},
		"file of the group": {func(d string) string { must(os.Chmod(d+"/folder/file", 0o664)); return d + "/folder/file" }, verify.FileReplaceable},
		"sticky file": {func(d string) string {
			must(os.Chmod(d+"/folder/file", 0o666|os.ModeSticky))
			return d + "/folder/file"
		}, verify.FileReplaceable},
		"folder of others":        {func(d string) string { must(os.Chmod(d+"/folder", 0o777)); return d + "/folder/file" }, verify.FileReplaceable},
		"folder of the group":     {func(d string) string { must(os.Chmod(d+"/folder", 0o775)); return d + "/folder/file" }, verify.FileReplaceable},
		"sticky folder of others": {func(d string) string { must(os.Chmod(d+"/folder", 0o777|os.ModeSticky)); return d + "/folder/file" }, ""},
		"folder above":            {func(d string) string { must(os.Chmod(d, 0o777)); return d + "/folder/file" }, verify.FileReplaceable},
		"by way of another's": {func(d string) string {
			must(os.Mkdir(d+"/open", 0o700))
			must(os.Chmod(d+"/open", 0o777))
			return d + "/open/../folder/file"
		}, verify.FileReplaceable},
		"link": {func(d string) string { must(os.Symlink("folder/file", d+"/link")); return d + "/link" }, ""},
		"link in another's folder": {func(d string) string {
			must(os.Mkdir(d+"/open", 0o700))
			must(os.Symlink(d+"/folder", d+"/open/link"))
			must(os.Chmod(d+"/open", 0o777))
			return d + "/open/link/file"
		}, verify.FileReplaceable},
		"link into another's": {func(d string) string {
			must(os.Symlink("folder", d+"/link"))
			must(os.Chmod(d+"/folder", 0o777))
			return d + "/link/file"
		}, verify.FileReplaceable},
		"up from where a link ends": {func(d string) string {
			must(os.Mkdir(d+"/folder/in", 0o755))
			must(os.Symlink("folder/in", d+"/link"))
			return d + "/link/../file"
		}, ""},
		"up from where a link is": {func(d string) string {
			must(os.Mkdir(d+"/folder/in", 0o755))
			must(os.Symlink("folder/in", d+"/link"))
			return d + "/link/../folder/file"
		}, verify.FileUnreadable},
		"link to itself":   {func(d string) string { must(os.Symlink("link", d+"/link")); return d + "/link" }, verify.FileUnreadable},
		"nothing":          {func(d string) string { return d + "/folder/other" }, verify.FileUnreadable},
		"folder":           {func(d string) string { return d + "/folder" }, verify.FileUnreadable},
		"file as a folder": {func(d string) string { return d + "/folder/file/x" }, verify.FileUnreadable},
	} {
		dir := t.TempDir() // below a folder with a sticky bit, or of ours
		dir, err := filepath.EvalSymlinks(dir)
		must(err)
		must(os.Mkdir(dir+"/folder", 0o755))
		must(os.WriteFile(dir+"/folder/file", nil, 0o644))
		err = install.CheckPath(c.change(dir), install.Owners())
		var r verify.Reason
		if (err == nil) != (c.want == "") || err != nil && (!errors.As(err, &r) || r.Code != c.want) {
			t.Errorf("%s: %v", name, err)
		}
		must(os.Chmod(dir, 0o755))
	}
}

// TestCheckPathOwner: a file of somebody who is no owner, and one below his folder.
func TestCheckPathOwner(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/file", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	stranger := []uint32{uint32(os.Geteuid()) + 4000}
	var r verify.Reason
	if err := install.CheckPath(dir+"/file", stranger); !errors.As(err, &r) || r.Code != verify.FileReplaceable {
		t.Errorf("%v", err)
	}
}

// TestCheckPathRelative: a relative path is looked at from the present folder down.
func TestCheckPathRelative(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/-file", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	if err := install.CheckPath("-file", install.Owners()); err != nil {
		t.Error(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := install.CheckPath("-file", install.Owners()); err == nil {
		t.Error("taken from a folder of others")
	}
}
