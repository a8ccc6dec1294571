package install

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

// archiveOf is a tar archive: name, content, name, content... A name that ends with a
// slash is a folder.
func archiveOf(t testing.TB, pairs ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for i := 0; i < len(pairs); i += 2 {
		h := &tar.Header{Name: pairs[i], Typeflag: tar.TypeReg, Size: int64(len(pairs[i+1])), Mode: 0o644}
		if strings.HasSuffix(h.Name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, pairs[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// database is a repository's database: name, file, name, file...
func database(t testing.TB, pack func(io.Writer) io.WriteCloser, pairs ...string) []byte {
	t.Helper()
	var files []string
	for i := 0; i < len(pairs); i += 2 {
		text := fmt.Sprintf("%%FILENAME%%\n%s\n\n%%NAME%%\n%s\n\n%%VERSION%%\n1-1\n\n%%DESC%%\n%%NAME%%\n\n%%ARCH%%\nany\n\n", pairs[i+1], pairs[i])
		files = append(files, "x-1-1/", "", "x-1-1/desc", text)
	}
	var out bytes.Buffer
	packed := pack(&out)
	if _, err := packed.Write(archiveOf(t, files...)); err != nil {
		t.Fatal(err)
	}
	if err := packed.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func gzipped(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }

func zstded(w io.Writer) io.WriteCloser {
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		panic(err) // no options
	}
	return z
}

type plain struct{ io.Writer }

func (plain) Close() error { return nil }

func bare(w io.Writer) io.WriteCloser { return plain{w} }

// pacmanAt makes a machine where pacman, process 7, was called with these arguments.
func pacmanAt(t *testing.T, argv ...string) Pacman {
	t.Helper()
	dir := t.TempDir()
	p := Pacman{Caches: []string{filepath.Join(dir, "cache"), filepath.Join(dir, "more")}, Sync: filepath.Join(dir, "sync"), Proc: filepath.Join(dir, "proc"), Exe: "/usr/bin/pacman"}
	for _, d := range []string{"cache", "more", "sync", "proc/7/fd", "work"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"proc/7/exe": p.Exe, "proc/7/fd/3": filepath.Join(dir, "work"), "proc/7/fd/4": filepath.Join(dir, "sync/one.db"), "proc/7/fd/5": "socket:[1]"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{
		"sync/one.db":                 string(database(t, gzipped, "a", "a-1-1-any.pkg.tar.zst", "b", "b-1-1-any.pkg.tar.zst")),
		"sync/two.db":                 string(database(t, zstded, "a", "a-2-1-any.pkg.tar.zst", "c", "c-1-1-any.pkg.tar.zst")),
		"proc/7/cmdline":              strings.Join(argv, "\x00") + "\x00",
		"cache/a-1-1-any.pkg.tar.zst": "", "more/a-1-1-any.pkg.tar.zst": "", "cache/a-0-1-any.pkg.tar.zst": "", "more/a-2-1-any.pkg.tar.zst": "", "cache/b-1-1-any.pkg.tar.zst": "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// TestPacmanFiles: whatever pacman could install is on the list.
func TestPacmanFiles(t *testing.T) {
	cachedA := []string{"cache/a-1-1-any.pkg.tar.zst", "more/a-1-1-any.pkg.tar.zst", "more/a-2-1-any.pkg.tar.zst"}
	for name, c := range map[string]struct {
		argv, names, want []string
		err               string
	}{
		"one of two repositories": {[]string{"pacman", "-S", "two/a"}, []string{"a"}, cachedA, ""},
		"several":                 {[]string{"pacman", "-Syu", "--noconfirm"}, []string{"b", "a", "b"}, []string{cachedA[0], "cache/b-1-1-any.pkg.tar.zst", cachedA[1], cachedA[2]}, ""},
		"not downloaded":          {[]string{"pacman", "-S", "c"}, []string{"b", "c"}, nil, `package "c": no file in`},
		"in no repository":        {[]string{"pacman", "-S", "d"}, []string{"d"}, nil, `package "d": no file in`},
		"file":                    {[]string{"pacman", "-U", "--noconfirm", "/x/d.pkg.tar.zst"}, []string{"d"}, []string{"/x/d.pkg.tar.zst"}, ""},
		"file here":               {[]string{"pacman", "--noconfirm", "-vU", "d.pkg", "../e"}, []string{"d", "e"}, []string{"work/../e", "work/d.pkg"}, ""},
		"file and dependency":     {[]string{"pacman", "--upgrade", "--", "-d.pkg"}, []string{"d", "b"}, []string{"cache/b-1-1-any.pkg.tar.zst", "work/-d.pkg"}, ""},
		"from the network":        {[]string{"pacman", "-U", "https://example.com/d.pkg.tar.zst"}, []string{"d"}, nil, "download it"},
		"from its input":          {[]string{"pacman", "-U", "-"}, []string{"d"}, nil, "which nobody else can see"},
		"no file":                 {[]string{"pacman", "-U"}, []string{"d"}, nil, "without a file"},
		"another root":            {[]string{"pacman", "-S", "--root", "/mnt", "b"}, []string{"b"}, nil, "only its usual places"},
		"another root, short":     {[]string{"pacman", "-Sr", "/mnt", "b"}, []string{"b"}, nil, "only its usual places"},
		"another database":        {[]string{"pacman", "-Sb/x", "b"}, []string{"b"}, nil, "only its usual places"},
		"another configuration":   {[]string{"pacman", "--conf=/x", "-S", "b"}, []string{"b"}, nil, "only its usual places"},
		"another cache, short":    {[]string{"pacman", "--cache", "/x", "-S", "b"}, []string{"b"}, nil, "only its usual places"},
	} {
		p := pacmanAt(t, c.argv...)
		dir := filepath.Dir(p.Sync)
		got, err := p.Files(c.names, 7)
		for i := range got {
			got[i] = strings.TrimPrefix(got[i], dir+"/")
		}
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) || got != nil {
				t.Errorf("%s: %v, %v", name, got, err)
			}
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
}

// TestPacmanProcess: a process that is not as it should be says nothing.
func TestPacmanProcess(t *testing.T) {
	for name, c := range map[string]struct {
		change func(dir string) error
		want   string
	}{
		"another program": {func(dir string) error { return relink("/usr/bin/pamac", dir+"/proc/7/exe") }, "asks, not /usr/bin/pacman"},
		"replaced":        {func(dir string) error { return relink("/usr/bin/pacman (deleted)", dir+"/proc/7/exe") }, "asks, not /usr/bin/pacman"},
		"gone":            {func(dir string) error { return os.RemoveAll(dir + "/proc/7") }, "who asks"},
		"no command line": {func(dir string) error { return os.Truncate(dir+"/proc/7/cmdline", 0) }, "cannot be read"},
		"half of one":     {func(dir string) error { return os.WriteFile(dir+"/proc/7/cmdline", []byte("pacman\x00-S"), 0o644) }, "cannot be read"},
		"two folders":     {func(dir string) error { return os.Symlink(dir, dir+"/proc/7/fd/9") }, "where pacman was started"},
		"no folder":       {func(dir string) error { return os.Remove(dir + "/proc/7/fd/3") }, "where pacman was started"},
		"bad database":    {func(dir string) error { return os.WriteFile(dir+"/sync/three.db", []byte("\x1f\x8bx"), 0o644) }, "three.db"},
	} {
		p := pacmanAt(t, "pacman", "-U", "d.pkg")
		if err := c.change(filepath.Dir(p.Sync)); err != nil {
			t.Fatal(err)
		}
		if got, err := p.Files([]string{"d"}, 7); err == nil || !strings.Contains(err.Error(), c.want) || got != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func relink(to, link string) error {
	if err := os.Remove(link); err != nil {
		return err
	}
	return os.Symlink(to, link)
}

func TestReadDatabaseRefused(t *testing.T) {
	good := database(t, bare, "a", "a-1.pkg")
	replace := func(old, with string) []byte {
		if len(old) != len(with) || !bytes.Contains(good, []byte(old)) {
			t.Fatal(old, with)
		}
		return bytes.ReplaceAll(good, []byte(old), []byte(with))
	}
	for want, raw := range map[string][]byte{
		"is no file's name":      replace("a-1.pkg", "../.pkg"),
		`".-1.pkg" is no file`:   replace("a-1.pkg", ".-1.pkg"),
		"is no package's name":   replace("%NAME%\na\n", "%NAME%\n/\n"),
		"without a value":        replace("%NAME%\na\n", "%NAME%\n\n\n"),
		"%NAME% twice":           replace("%VERSION%\n1-1\n\n%DESC%\n%NAME%", "%VERSIO%\n1-1\n\n%NAME%\nb\n\n%DE\n"),
		"EOF":                    good[:700],
		"not read here":          nil,
		"unexpected EOF":         database(t, gzipped, "a", "a")[:60],
		"package's name ":        database(t, bare, "-a", "a"),
		"1048641 bytes, at most": database(t, bare, "a", strings.Repeat("x", 1<<20)),
	} {
		if raw == nil {
			raw = []byte("\xfd7zXZ\x00")
		}
		err := readDatabase(bytes.NewReader(raw), func(syncEntry) {})
		if err == nil || !strings.Contains(err.Error(), strings.TrimSpace(want)) {
			t.Errorf("want %q: %v", want, err)
		}
	}
	if _, err := readSync(fstest.MapFS{"x.db": {Data: []byte("junk that is no archive, but is long enough")}}, nil); err == nil {
		t.Error("junk")
	}
}

func TestParsePacmanTargets(t *testing.T) {
	if got, err := ParsePacmanTargets(strings.NewReader("a\n@b.c_d+e-f\n")); err != nil || len(got) != 2 {
		t.Error(got, err)
	}
	for name, in := range map[string]string{
		"none": "", "empty line": "a\n\nb\n", "space": "a b\n", "path": "../a\n", "option": "-a\n", "escape": "a\x1b[2K\n", "long": strings.Repeat("a", 300) + "\n",
		"many": strings.Repeat("a\n", maxChanges+1),
	} {
		if got, err := ParsePacmanTargets(strings.NewReader(in)); err == nil || got != nil {
			t.Error(name, got, err)
		}
	}
}

func TestParseFiles(t *testing.T) {
	want := []string{"/a b\nc", "/d"}
	got, err := ParseFiles(strings.NewReader("/a b\nc\x00/d\x00"))
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	for name, in := range map[string]string{
		"none": "", "cut": "/a\x00/b", "relative": "a\x00", "empty": "\x00", "long": "/" + strings.Repeat("a", 5000) + "\x00", "many": strings.Repeat("/a\x00", maxDetached+1),
	} {
		if got, err := ParseFiles(strings.NewReader(in)); err == nil || got != nil {
			t.Error(name, len(got), err)
		}
	}
}

// FuzzPacman: what pacman, its command line and its databases say never panics, and no
// name leaves its folder.
func FuzzPacman(f *testing.F) {
	seeds := [][]byte{
		database(f, bare, "a", "a-1.pkg"), database(f, gzipped, "a", "a-1.pkg"), database(f, zstded, "a", "a-1.pkg"),
		[]byte("a\nb\n"), []byte("pacman\x00-U\x00--\x00x"), []byte("/a\x00"),
	}
	for _, s := range seeds {
		f.Add(s)
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		_ = readDatabase(bytes.NewReader(raw), func(d syncEntry) {
			if filepath.Base(d.file) != d.file || !isPacmanName(d.name) {
				t.Errorf("%+v", d)
			}
		})
		names, _ := ParsePacmanTargets(bytes.NewReader(raw))
		for _, n := range names {
			if filepath.Base(n) != n {
				t.Error(n)
			}
		}
		files, _ := ParseFiles(bytes.NewReader(raw))
		for _, n := range files {
			if !filepath.IsAbs(n) {
				t.Error(n)
			}
		}
		_, _, _ = parsePacman(strings.Split(string(raw), "\x00"))
	})
}
