package format

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/test/corpora"
)

func write(t testing.TB, path, data string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func open(t testing.TB, path string) *File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func wantReason(t *testing.T, err error, r Reason) {
	t.Helper()
	if !errors.Is(err, &Error{Reason: r}) {
		t.Errorf("%v, want %s", err, r)
	}
}

func TestDigestAndSignature(t *testing.T) {
	dir := t.TempDir()
	deb, tarball := filepath.Join(dir, "a.deb"), filepath.Join(dir, "a.tar")
	write(t, deb, plainDeb+signature("sig"))
	write(t, tarball, "tar")
	write(t, tarball+Suffix, "cms")
	for path, c := range map[string]struct{ signed, sig string }{deb: {plainDeb, "sig"}, tarball: {"tar", "cms"}} {
		f := open(t, path)
		d, err := f.Digest()
		if err != nil || d != sha256.Sum256([]byte(c.signed)) || f.SignedBytes() != int64(len(c.signed)) {
			t.Errorf("%s: digest %x, %v", path, d, err)
		}
		sig, err := f.Signature()
		if err != nil || string(sig) != c.sig {
			t.Errorf("%s: signature %q, %v", path, sig, err)
		}
	}
}

func TestUnsigned(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{"a.deb": plainDeb, "a.tar": "tar", "empty": ""} {
		path := filepath.Join(dir, name)
		write(t, path, data)
		if _, err := open(t, path).Signature(); !errors.Is(err, ErrUnsigned) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A package's signature is inside or nowhere.
	write(t, filepath.Join(dir, "a.deb")+Suffix, "cms")
	if _, err := open(t, filepath.Join(dir, "a.deb")).Signature(); !errors.Is(err, ErrUnsigned) {
		t.Errorf("package with a file beside it: %v", err)
	}
}

func TestNotRegular(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, fifo, os.DevNull} {
		_, err := Open(path)
		wantReason(t, err, NotRegular)
		_, err = Attach(path, []byte("cms"), Options{})
		wantReason(t, err, NotRegular)
	}
	if _, err := Open(filepath.Join(dir, "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	path := filepath.Join(dir, "file")
	write(t, path, "x")
	if err := syscall.Mkfifo(path+Suffix, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := open(t, path).Signature()
	wantReason(t, err, NotRegular)
}

func TestDetachedSignatureBounds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "x")
	f := open(t, path)
	write(t, path+Suffix, "")
	_, err := f.Signature()
	wantReason(t, err, SignatureEmpty)
	write(t, path+Suffix, strings.Repeat("x", MaxSignatureBytes))
	if _, err := f.Signature(); err != nil {
		t.Error(err)
	}
	write(t, path+Suffix, strings.Repeat("x", MaxSignatureBytes+1))
	_, err = f.Signature()
	wantReason(t, err, SignatureTooLarge)
	if err := os.Truncate(path+Suffix, 1<<40); err != nil {
		t.Fatal(err)
	}
	_, err = f.Signature()
	wantReason(t, err, SignatureTooLarge)
}

func TestSymbolicLinks(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "a.deb"), filepath.Join(dir, "latest.deb")
	write(t, target, plainDeb)
	if err := os.Symlink("a.deb", link); err != nil {
		t.Fatal(err)
	}
	if f := open(t, link); f.Kind != Deb {
		t.Error("link is not followed")
	}
	_, err := Attach(link, []byte("cms"), Options{})
	wantReason(t, err, SymbolicLink)
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link is gone")
	}
}

func TestFileThatChanges(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"shorter": func(p string) error { return os.Truncate(p, 10) },
		"longer":  func(p string) error { return os.Truncate(p, 1000) },
		"longer, same time": func(p string) error {
			info, err := os.Stat(p)
			return errors.Join(err, os.Truncate(p, 1000), os.Chtimes(p, time.Time{}, info.ModTime()))
		},
		"touched": func(p string) error { return os.Chtimes(p, time.Time{}, time.Unix(1, 0)) },
	} {
		path := filepath.Join(t.TempDir(), "file")
		write(t, path, plainDeb)
		f := open(t, path)
		if err := change(path); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Digest(); !errors.Is(err, &Error{Reason: Changed}) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Another file under the same name is none of our business: the open one counts.
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, plainDeb+signature("sig"))
	f := open(t, path)
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	write(t, path, "evil")
	d, err := f.Digest()
	sig, errSig := f.Signature()
	if err != nil || errSig != nil || d != sha256.Sum256([]byte(plainDeb)) || string(sig) != "sig" {
		t.Errorf("%x %q %v %v", d, sig, err, errSig)
	}
}

// TestMemory reads a sparse 256 MiB package with less than 4 MiB of allocations.
func TestMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "big.deb")
	const size = 1 << 28
	head := arMagic + entry("debian-binary", "2.0\n")
	data := strings.Replace(entry("data.tar", ""), "0         `", "268435456 `", 1)
	write(t, path, head+data)
	if err := os.Truncate(path, int64(len(head)+len(data)+size)); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f := open(t, path)
	if f.Kind != Deb || f.SignedBytes() != int64(len(head)+len(data)+size) {
		t.Fatalf("%s, %d signed bytes", f.Kind, f.SignedBytes())
	}
	if _, err := f.Digest(); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
		t.Errorf("%d bytes allocated", n)
	}
}

// realDeb has dpkg-deb build a package.
func realDeb(t testing.TB, path string) {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	for _, d := range []string{"DEBIAN", "usr/share/hallmark-test"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(root, "DEBIAN/control"), "Package: hallmark-test\nVersion: 1.0\nArchitecture: all\nMaintainer: Test <test@example.com>\nDescription: a test\n")
	body := make([]byte, 4097)
	if _, err := rand.Read(body); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "usr/share/hallmark-test/data"), string(body))
	run(t, "dpkg-deb", "--root-owner-group", "--build", root, path)
}

func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// checkSignable signs a real package and has the real tools look at it.
func checkSignable(t *testing.T, path string, signature []byte) {
	t.Helper()
	before := read(t, path)
	contents := run(t, "dpkg-deb", "--contents", path)
	out, err := Attach(path, signature, Options{Digest: sha256.Sum256(before)})
	if err != nil || out != path {
		t.Fatalf("%s, %v", out, err)
	}
	run(t, "dpkg-deb", "--info", path)
	if run(t, "dpkg-deb", "--contents", path) != contents {
		t.Error("dpkg-deb sees other contents")
	}
	members := strings.Fields(run(t, "ar", "t", path))
	if members[len(members)-1] != memberName {
		t.Errorf("members %v", members)
	}
	if got := run(t, "ar", "p", path, memberName); got != string(signature) {
		t.Errorf("ar prints %q", got)
	}
	after := read(t, path)
	f := open(t, path)
	d, err := f.Digest()
	if err != nil || d != sha256.Sum256(before) || !bytes.Equal(after[:f.SignedBytes()], before) {
		t.Errorf("stripped of its last member it is not the original: %v", err)
	}
	sig, err := f.Signature()
	if err != nil || !bytes.Equal(sig, signature) {
		t.Errorf("signature %q, %v", sig, err)
	}
}

func TestAttachToRealPackage(t *testing.T) {
	for _, sig := range []string{"odd", "even"} {
		path := filepath.Join(t.TempDir(), "real.deb")
		realDeb(t, path)
		checkSignable(t, path, []byte(sig))
	}
}

func TestAttachToCorpus(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(corpora.Folder(t, "deb", "relic"), "*.deb"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no packages in the corpus: %v", err)
	}
	for _, src := range files {
		path := filepath.Join(t.TempDir(), "corpus.deb")
		write(t, path, string(read(t, src)))
		checkSignable(t, path, []byte("cms"))
	}
}

func TestAttachDetached(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tar")
	write(t, path, "tar")
	out, err := Attach(path, []byte("cms"), Options{Digest: sha256.Sum256([]byte("tar"))})
	if err != nil || out != path+Suffix || string(read(t, out)) != "cms" || string(read(t, path)) != "tar" {
		t.Fatalf("%s, %v", out, err)
	}
	if info, err := os.Stat(out); err != nil || info.Mode() != signatureMode {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestAttachTwice(t *testing.T) {
	for name, data := range map[string]string{"a.deb": plainDeb, "a.tar": "tar"} {
		path := filepath.Join(t.TempDir(), name)
		write(t, path, data)
		attach := func(sig string, o Options) error { _, err := Attach(path, []byte(sig), o); return err }
		if err := attach("first", Options{}); err != nil {
			t.Fatal(err)
		}
		if err := attach("first", Options{}); err != nil {
			t.Errorf("%s: the same again: %v", name, err)
		}
		wantReason(t, attach("second", Options{}), AlreadySigned)
		if err := attach("second", Options{Replace: true}); err != nil {
			t.Error(err)
		}
		f := open(t, path)
		sig, err := f.Signature()
		if d, _ := f.Digest(); err != nil || string(sig) != "second" || d != sha256.Sum256([]byte(data)) {
			t.Errorf("%s: %q, %v", name, sig, err)
		}
	}
}

func TestAttachKeepsMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.deb")
	write(t, path, plainDeb)
	for _, mode := range []os.FileMode{0o600, 0o644, 0o755, 0o664} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Attach(path, []byte(mode.String()), Options{Replace: true}); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != mode {
			t.Errorf("%v, %v, want %v", info.Mode(), err, mode)
		}
	}
}

func TestAttachRefusesAndLeavesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		data string
		sig  string
		o    Options
		want Reason
	}{
		"another package":       {plainDeb, "cms", Options{Digest: [32]byte{1}}, Changed},
		"another file":          {"tar", "cms", Options{Digest: [32]byte{1}}, Changed},
		"same signature, other": {plainDeb + signature("cms"), "cms", Options{Digest: [32]byte{1}}, Changed},
		"no signature":          {plainDeb, "", Options{}, SignatureEmpty},
		"huge signature":        {plainDeb, strings.Repeat("x", MaxSignatureBytes+1), Options{}, SignatureTooLarge},
		"malformed package":     {plainDeb + "x", "cms", Options{Replace: true}, TrailingBytes},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "file")
		write(t, path, c.data)
		out, err := Attach(path, []byte(c.sig), c.o)
		if !errors.Is(err, &Error{Reason: c.want}) || out != "" {
			t.Errorf("%s: %q, %v, want %s", name, out, err, c.want)
		}
		left, err := os.ReadDir(dir)
		if err != nil || len(left) != 1 || string(read(t, path)) != c.data {
			t.Errorf("%s: left %v, %v", name, left, err)
		}
	}
}

func TestErrorsNameTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "broken.deb")
	write(t, path, plainDeb+"x")
	_, err := Open(path)
	if err == nil || !strings.Contains(err.Error(), "broken.deb: trailing-bytes: 1 bytes after the last member (at byte ") {
		t.Error(err)
	}
}

func BenchmarkDigest(b *testing.B) {
	path := filepath.Join(b.TempDir(), "file")
	write(b, path, strings.Repeat("x", 10<<20))
	b.SetBytes(10 << 20)
	for b.Loop() {
		f, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := f.Digest(); err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
}
