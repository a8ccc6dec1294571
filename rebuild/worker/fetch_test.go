package worker

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/attest"
	"golang.org/x/mod/sumdb/dirhash"
)

// TestSource: the tree is that of the commit, whatever the branch has become, and no
// program of the repository runs.
func TestSource(t *testing.T) {
	w := newWorld(t)
	commit := w.commit(map[string]string{
		"file": "first\n", "sub/.gitattributes": "* filter=evil\n", ".gitattributes": "file export-ignore\n",
		".gitmodules": "[submodule \"x\"]\n\tpath = x\n\turl = ext::sh -c touch% /build/evil\n",
	})
	hook := filepath.Join(w.folder, "git", "hello", ".git", "hooks", "post-checkout")
	if err := os.MkdirAll(filepath.Dir(hook), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(hook, []byte("#!/bin/sh\ntouch evil\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.folder, "git", "hello", "file"), []byte("second\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	w.git("commit", "--quiet", "--all", "--message", "second")
	doc := script(`test ! -e evil && test ! -e .git && echo $SOURCE_DATE_EPOCH | cat file - > out`, "outputs: [out]\n")
	if r := w.rebuild(w.job(commit, doc, sum("first\n1793534400\n"))); r.Reason != "" {
		t.Fatalf("%s\n%s", r.Reason, r.Diff)
	}
	doc = script(`test ! -e evil && git -c safe.directory=* rev-parse HEAD > out && git -c safe.directory=* status --porcelain | grep -v out >> out || true`, "outputs: [out]\ngit_directory: true\n")
	if r := w.rebuild(w.job(commit, doc, sum(commit+"\n"))); r.Reason != "" {
		t.Fatalf("%s\n%s", r.Reason, r.Diff)
	}
}

func TestSourceRefused(t *testing.T) {
	w := newWorld(t)
	commit := w.commit(map[string]string{"file": "x\n"})
	w.git("tag", "--annotate", "--message", "one", "v1")
	doc := script(`cp file out`, "outputs: [out]\n")
	for name, c := range map[string]struct {
		spoil func(*Job)
		shown string
	}{
		"commit that is not there": {func(j *Job) { j.Commit = strings.Repeat("5d", 20) }, "Needed a single revision"},
		"tag for a commit":         {func(j *Job) { j.Commit = w.git("rev-parse", "v1") }, "the source has \"" + commit},
		"tree for a commit":        {func(j *Job) { j.Commit = w.git("rev-parse", "HEAD^{tree}") }, ""},
		"server that must not be":  {func(j *Job) { w.worker.Mirrors = nil; w.worker.Outbound.Timeout = 1 }, "git fetch"},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			mirrors := w.worker.Mirrors
			defer func() { w.worker.Mirrors = mirrors }()
			j := w.job(commit, doc, sum("x\n"))
			c.spoil(&j)
			f := w.wantReason(w.rebuild(j), attest.RebuildFetchFailed, c.shown)
			if f.Reason.Contradicts() {
				t.Error("a failed fetch speaks against an artifact")
			}
		})
	}
}

// TestInputs: declared files are there, read-only, and are what their digests say.
func TestInputs(t *testing.T) {
	w := newWorld(t)
	commit := w.commit(map[string]string{"file": "x\n"})
	if err := os.WriteFile(filepath.Join(w.folder, "files", "fonts"), []byte("fonts\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	inputs := func(name, digest string) string {
		return "outputs: [out]\nfetch: {files: [{url: \"https://files.example.com/" + name + "\", sha256: \"" + digest + "\", path: a/fonts}]}\n"
	}
	doc := script(`! touch $INPUTS/x && cat $INPUTS/a/fonts file > out`, inputs("fonts", sum("fonts\n")))
	r := w.rebuild(w.job(commit, doc, sum("fonts\nx\n")))
	if r.Reason != "" {
		t.Fatalf("%s\n%s", r.Reason, r.Diff)
	}
	p, err := attest.ParseProvenance(w.statements(r)[0])
	if err != nil || p.Dependencies[2].URI != "https://files.example.com/fonts" || p.Dependencies[2].Digest["sha256"] != sum("fonts\n") {
		t.Fatalf("%v %+v", err, p.Dependencies)
	}
	doc = script(`true`, inputs("fonts", sum("other\n")))
	w.wantReason(w.rebuild(w.job(commit, doc, sum("x"))), attest.RebuildFetchFailed, "the recipe says "+sum("other\n"))
	doc = script(`true`, inputs("absent", sum("fonts\n")))
	w.wantReason(w.rebuild(w.job(commit, doc, sum("x"))), attest.RebuildFetchFailed, "no such file")
	w.worker.Mirrors = w.worker.Mirrors[:1]
	doc = []byte(strings.Replace(string(script(`true`, inputs("fonts", sum("fonts\n")))), "files.example.com", "127.0.0.1", 1))
	w.wantReason(w.rebuild(w.job(commit, doc, sum("x"))), attest.RebuildFetchFailed, "127.0.0.1")
}

// TestGoModules: modules come from the proxy if they are what go.sum says, and the build
// has them without a network.
func TestGoModules(t *testing.T) {
	w := newWorld(t)
	gosum := goModule(t, w, "package lib\n\nconst Text = \"lib\"\n")
	commit := w.commit(map[string]string{
		"go.mod":  "module example.com/hello\n\ngo 1.26\n\nrequire example.com/lib v1.0.0\n",
		"go.sum":  gosum,
		"main.go": "package main\n\nimport \"example.com/lib\"\n\nfunc main() { println(lib.Text) }\n",
	})
	more := "outputs: [out]\nfetch: {go_modules: true}\n"
	// Listing is enough to need the module, and much quicker than compiling it.
	doc := script(`go list -m -f "{{.Path}}@{{.Version}} {{.Dir}}" all > out && cat /modules/example.com/lib@v1.0.0/lib.go >> out`, more)
	want := "example.com/hello@ /build/hello\nexample.com/lib@v1.0.0 /modules/example.com/lib@v1.0.0\npackage lib\n\nconst Text = \"lib\"\n"
	doc = append(doc, "path: /build/hello\n"...)
	if r := w.rebuild(w.job(commit, doc, sum(want))); r.Reason != "" {
		t.Fatalf("%s\n%s", r.Reason, r.Diff)
	}
	narrow := []byte(strings.Replace(string(doc), "go_modules: true", "go_modules: true, go_packages: [.]", 1))
	if r := w.rebuild(w.job(commit, narrow, sum(want))); r.Reason != "" {
		t.Fatalf("%s\n%s", r.Reason, r.Diff)
	}
	goModule(t, w, "package lib\n\nconst Text = \"evil\"\n")
	w.wantReason(w.rebuild(w.job(commit, doc, sum(want))), attest.RebuildFetchFailed, "checksum mismatch")
}

// goModule puts example.com/lib v1.0.0 into the world's module proxy and returns the
// go.sum of who requires it.
func goModule(t *testing.T, w *world, source string) (gosum string) {
	t.Helper()
	folder := filepath.Join(w.folder, "files", "example.com", "lib", "@v")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	module := "module example.com/lib\n\ngo 1.26\n"
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	for _, f := range [][2]string{{"go.mod", module}, {"lib.go", source}} {
		to, err := z.Create("example.com/lib@v1.0.0/" + f[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(to, f[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"v1.0.0.info": `{"Version":"v1.0.0"}`, "v1.0.0.mod": module, "v1.0.0.zip": archive.String(), "list": "v1.0.0\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	zipHash, err := dirhash.HashZip(filepath.Join(folder, "v1.0.0.zip"), dirhash.Hash1)
	if err != nil {
		t.Fatal(err)
	}
	modHash, err := dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(module)), nil })
	if err != nil {
		t.Fatal(err)
	}
	return "example.com/lib v1.0.0 " + zipHash + "\nexample.com/lib v1.0.0/go.mod " + modHash + "\n"
}

// TestRoot: a build on a root that comes as a tar, where there is nothing but what is in
// it. The tar tries to leave its place on the way.
func TestRoot(t *testing.T) {
	w := newWorld(t)
	commit := w.commit(map[string]string{"file": "x\n"})
	busy := staticProgram(t)
	raw := rootTar(t, []tar.Header{
		{Name: "bin/", Typeflag: tar.TypeDir}, {Name: "bin/copy", Mode: 0o4755, Typeflag: tar.TypeReg}, {Name: "bin/again", Linkname: "copy", Typeflag: tar.TypeSymlink},
		{Name: "bin/hard", Linkname: "bin/copy", Typeflag: tar.TypeLink}, {Name: "dev/sda", Typeflag: tar.TypeBlock},
	}, busy)
	name := filepath.Join(w.folder, "files", "root.tar")
	if err := os.WriteFile(name, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	doc := func(raw []byte) []byte {
		return []byte(strings.Replace(string(document("[/bin/again, file, out]", "outputs: [out]\n")), "{host: true}", "{url: \"https://files.example.com/root.tar\", sha256: \""+sum(string(raw))+"\"}", 1))
	}
	if r := w.rebuild(w.job(commit, doc(raw), sum("x\n"))); r.Reason != "" {
		t.Fatalf("%s\n%s", r.Reason, r.Diff)
	}
	info, err := os.Stat(filepath.Join(w.worker.roots(), sum(string(raw)), "bin", "copy"))
	if err != nil || info.Mode() != 0o755 {
		t.Fatalf("%v %v", info, err)
	}
	// It is kept: the second time, nobody is asked.
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if r := w.rebuild(w.job(commit, doc(raw), sum("x\n"))); r.Reason != "" {
		t.Fatalf("%s\n%s", r.Reason, r.Diff)
	}
	for what, headers := range map[string][]tar.Header{
		"name that climbs":     {{Name: "../../evil", Mode: 0o644, Typeflag: tar.TypeReg}},
		"through a link":       {{Name: "out", Linkname: "/", Typeflag: tar.TypeSymlink}, {Name: "out/evil", Mode: 0o644, Typeflag: tar.TypeReg}},
		"hard link out":        {{Name: "out", Linkname: "/", Typeflag: tar.TypeSymlink}, {Name: "evil", Linkname: "out/etc/passwd", Typeflag: tar.TypeLink}},
		"over a file of a tar": {{Name: "a", Mode: 0o644, Typeflag: tar.TypeReg}, {Name: "a", Mode: 0o644, Typeflag: tar.TypeReg}},
	} {
		t.Run(what, func(t *testing.T) {
			w.t = t
			raw := rootTar(t, headers, []byte("evil"))
			if err := os.WriteFile(name, raw, 0o644); err != nil {
				t.Fatal(err)
			}
			w.wantReason(w.rebuild(w.job(commit, doc(raw), sum("x\n"))), attest.RebuildFetchFailed, "unpack the root")
		})
	}
}

func rootTar(t *testing.T, headers []tar.Header, content []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range headers {
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(content))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := w.Write(content); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// staticProgram copies its first argument to its second, and needs no library.
func staticProgram(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	source := `#include <fcntl.h>
#include <unistd.h>
int main(int n, char **a) { char b[64]; int i = open(a[1], O_RDONLY), o = open(a[2], O_WRONLY|O_CREAT, 0644); long k = read(i, b, 64); return n == 3 && k > 0 && write(o, b, k) == k ? 0 : 1; }
`
	if err := os.WriteFile(filepath.Join(dir, "copy.c"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-static", "-o", filepath.Join(dir, "copy"), filepath.Join(dir, "copy.c")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "copy"))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
