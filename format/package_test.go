package format

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

const goodControl = "Package: hello\nVersion: 1:2.10-3+b1~rc\nArchitecture: amd64\nDescription: greets\n in two lines\n"

// file is an entry of an archive.
type file struct {
	name, body string
	kind       byte
}

func tarOf(t testing.TB, files ...file) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(f.body))}
		if f.kind != 0 {
			h.Typeflag, h.Size, h.Linkname = f.kind, 0, "elsewhere"
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write([]byte(f.body)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func packed(t testing.TB, compression, raw string) string {
	t.Helper()
	var b bytes.Buffer
	var err error
	switch compression {
	case "gz":
		w := gzip.NewWriter(&b)
		_, err = w.Write([]byte(raw))
		err = errors.Join(err, w.Close())
	case "zst":
		w, e := zstd.NewWriter(&b)
		_, err = w.Write([]byte(raw))
		err = errors.Join(e, err, w.Close())
	case "xz":
		w, e := xz.WriterConfig{DictCap: 1 << 20}.NewWriter(&b)
		_, err = w.Write([]byte(raw))
		err = errors.Join(e, err, w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func debOf(members ...string) string {
	return arMagic + entry("debian-binary", "2.0\n") + strings.Join(members, "") + entry("data.tar.xz", "data")
}

func withControl(t testing.TB, text string) string {
	t.Helper()
	return debOf(entry("control.tar", tarOf(t, file{name: "./control", body: text})))
}

func openDeb(t *testing.T, data string) *File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.deb")
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestPackage(t *testing.T) {
	archive := tarOf(t, file{name: "./", kind: tar.TypeDir}, file{name: "./md5sums", body: "x"}, file{name: "./control", body: goodControl})
	want := Package{"hello", "1:2.10-3+b1~rc", "amd64"}
	for name, data := range map[string]string{
		"plain":             debOf(entry("control.tar", archive)),
		"gzip":              debOf(entry("control.tar.gz", packed(t, "gz", archive))),
		"xz":                debOf(entry("control.tar.xz", packed(t, "xz", archive))),
		"zstd":              debOf(entry("control.tar.zst", packed(t, "zst", archive))),
		"without a dot":     debOf(entry("control.tar", tarOf(t, file{name: "control", body: goodControl}))),
		"after an ignored":  debOf(entry("_x", "x"), entry("control.tar", archive)),
		"signed":            debOf(entry("control.tar", archive)) + signature("sign"),
		"field names, case": withControl(t, strings.ReplaceAll(goodControl, "Package", "pAckage")),
	} {
		f := openDeb(t, data)
		got, err := f.Package()
		if err != nil || got != want {
			t.Errorf("%s: %+v %v", name, got, err)
		}
		again, err := f.Package()
		if err != nil || again != want {
			t.Errorf("%s, after its digest: %+v %v", name, again, err)
		}
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("no package"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := f.Package(); err != nil || got != (Package{}) {
		t.Errorf("no package: %+v %v", got, err)
	}
}

func TestPackageRefuses(t *testing.T) {
	good := tarOf(t, file{name: "./control", body: goodControl})
	control := func(old, new string) string {
		if !strings.Contains(goodControl, old) {
			t.Fatal(old)
		}
		return withControl(t, strings.Replace(goodControl, old, new, 1))
	}
	xzed := packed(t, "xz", good)
	for name, data := range map[string]string{
		"no control member":       debOf(),
		"data first":              arMagic + entry("debian-binary", "2.0\n") + entry("data.tar", "x") + entry("control.tar", good),
		"a second member":         debOf(entry("control.tar", good), entry("control.tar.gz", packed(t, "gz", good))),
		"renamed":                 debOf(entry("Control.tar", good)),
		"unknown compression":     debOf(entry("control.tar.bz2", good)),
		"not what its name says":  debOf(entry("control.tar.gz", good)),
		"no xz":                   debOf(entry("control.tar.xz", good)),
		"xz cut off":              debOf(entry("control.tar.xz", xzed[:len(xzed)-40])),
		"xz twice":                debOf(entry("control.tar.xz", xzed+xzed)),
		"xz of 4 GiB dictionary":  debOf(entry("control.tar.xz", patched(xzed, strings.Index(xzed, "\x21\x01")+2, "\x28"))),
		"no zstd":                 debOf(entry("control.tar.zst", good)),
		"xz, index of two blocks": debOf(entry("control.tar.xz", patched(xzed, indexOf(xzed)+1, "\x02"))),
		"xz, index says too much": debOf(entry("control.tar.xz", patched(xzed, indexOf(xzed)+4, "\xff\xff\xff\x7f"))),
		"tar cut off":             debOf(entry("control.tar", good[:550])),
		"no file":                 debOf(entry("control.tar", tarOf(t, file{name: "./md5sums", body: "x"}))),
		"two files":               debOf(entry("control.tar", tarOf(t, file{name: "./control", body: goodControl}, file{name: "control", body: goodControl}))),
		"two by another spelling": debOf(entry("control.tar", tarOf(t, file{name: "./control", body: goodControl}, file{name: "x/..//control", body: goodControl}))),
		"a link":                  debOf(entry("control.tar", tarOf(t, file{name: "./control", kind: tar.TypeSymlink}))),
		"empty":                   withControl(t, ""),
		"name in capitals":        control("hello", "Hello"),
		"name of one letter":      control("hello", "h"),
		"name with a slash":       control("hello", "../hello"),
		"name with a space":       control("hello", "hello world"),
		"name in Cyrillic":        control("hello", "hеllo"),
		"name with a line break":  control("hello", "hello\r"),
		"name begins with a dash": control("hello", "-hello"),
		"name too long":           control("hello", strings.Repeat("h", 201)),
		"no name":                 control("Package: hello\n", ""),
		"name twice":              control("Version", "package: other\nVersion"),
		"name of two lines":       control("Version", " hello\nVersion"),
		"no version":              control("1:2.10-3+b1~rc", ""),
		"version":                 control("2.10", "2 10"),
		"architecture":            control("amd64", "AMD64"),
		"second paragraph":        withControl(t, goodControl+"\nPackage: other\n"),
		"blank line of spaces":    control("Version", " \nVersion"),
		"no field":                control("Version", "Version"+"\nx"),
		"begins with a space":     withControl(t, " "+goodControl),
		"NUL":                     control("greets", "gre\x00ets"),
	} {
		got, err := openDeb(t, data).Package()
		if !errors.Is(err, &Error{Reason: BadControl}) || got != (Package{}) {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

// indexOf is where the index of an xz file begins.
func indexOf(s string) int {
	return len(s) - 12 - (int(binary.LittleEndian.Uint32([]byte(s[len(s)-8:])))+1)*4
}

// TestPackageBomb: what unpacks to too much is refused before it is there.
func TestPackageBomb(t *testing.T) {
	// A file of zeros in an archive, in streams that are the same but for the first.
	const piece = 1 << 20
	head := tarOf(t, file{name: "./control", body: goodControl})[:1024]
	var h bytes.Buffer
	if err := tar.NewWriter(&h).WriteHeader(&tar.Header{Name: "./x", Mode: 0o644, Size: maxControlTar}); err != nil {
		t.Fatal(err)
	}
	bomb := func(z string) string {
		return packed(t, z, head+h.String()) + strings.Repeat(packed(t, z, strings.Repeat("\x00", piece)), maxControlTar/piece+1)
	}
	for name, data := range map[string]string{
		"gzip":       debOf(entry("control.tar.gz", bomb("gz"))),
		"zstd":       debOf(entry("control.tar.zst", bomb("zst"))),
		"large file": debOf(entry("control.tar", tarOf(t, file{name: "./control", body: goodControl + strings.Repeat(" x\n", maxControlFile/3)}))),
	} {
		if got, err := openDeb(t, data).Package(); !errors.Is(err, &Error{Reason: BadControl}) {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

// TestPackageByDpkg reads what the real tool builds, in every compression that it has.
func TestPackageByDpkg(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "tree", "DEBIAN"), 0o755); err != nil {
		t.Fatal(err)
	}
	text := "Package: a+b.c-1\nVersion: 1.0\nArchitecture: all\nMaintainer: A <a@example.com>\nDescription: d\n"
	if err := os.WriteFile(filepath.Join(dir, "tree", "DEBIAN", "control"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, z := range []string{"none", "gzip", "xz", "zstd"} {
		path := filepath.Join(dir, z+".deb")
		// #nosec: the test's own words
		if out, err := exec.Command("dpkg-deb", "--uniform-compression", "-z9", "-Z"+z, "-b", filepath.Join(dir, "tree"), path).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.Package()
		_ = f.Close()
		if want := (Package{"a+b.c-1", "1.0", "all"}); err != nil || got != want {
			t.Errorf("%s: %+v %v", z, got, err)
		}
	}
}

// FuzzControl: what is read as a package's name is one, and the file says it in so many words.
func FuzzControl(f *testing.F) {
	for _, seed := range []string{goodControl, "Package: a\n", "package:aa\nversion:1\narchitecture:all", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := parseControl(raw)
		if err != nil {
			return
		}
		if !IsPackageName(p.Name) || !bytes.Contains(raw, []byte(p.Name)) || strings.ContainsAny(fmt.Sprint(p), "\n/\x00") {
			t.Errorf("%q: %+v", raw, p)
		}
	})
}

// FuzzControlMember: no bytes make the unpacking fail in another way than by an error.
func FuzzControlMember(f *testing.F) {
	archive := tarOf(f, file{name: "./control", body: goodControl})
	names := []string{"control.tar", "control.tar.gz", "control.tar.xz", "control.tar.zst"}
	for i, z := range []string{"", "gz", "xz", "zst"} {
		data := archive
		if z != "" {
			data = packed(f, z, archive)
		}
		f.Add(uint8(i), []byte(data))
	}
	f.Fuzz(func(t *testing.T, kind uint8, raw []byte) {
		if len(raw) > 1<<16 {
			return
		}
		control, err := readControl(names[int(kind)%len(names)], raw)
		if (err == nil) != (len(control) > 0) {
			t.Errorf("%d bytes, %v", len(control), err)
		}
	})
}
