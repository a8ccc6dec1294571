package evidence

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func digestOf(data string) string {
	sum := sha256.Sum256([]byte(data))
	return hex.EncodeToString(sum[:])
}

func openTest(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func put(t *testing.T, s *Store, data string) string {
	t.Helper()
	size, err := s.Put(t.Context(), digestOf(data), strings.NewReader(data))
	if err != nil || size != int64(len(data)) {
		t.Fatalf("Put = %d, %v", size, err)
	}
	return digestOf(data)
}

func read(s *Store, digest string) (string, error) {
	r, size, err := s.Open(digest)
	if err != nil {
		return "", err
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	if err == nil && int64(len(raw)) != size {
		err = errors.New("another size")
	}
	return string(raw), err
}

// listing returns every path below the folder.
func listing(t *testing.T, dir string) (got []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if name, _ := filepath.Rel(dir, path); err == nil && !d.IsDir() {
			got = append(got, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func all(s *Store) (digests []string, errs []error) {
	for d, err := range s.All() {
		if err != nil {
			errs = append(errs, err)
		} else {
			digests = append(digests, d)
		}
	}
	return digests, errs
}

func TestPutAndRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "evidence")
	s := openTest(t, dir)
	var want []string
	for _, data := range []string{"", "test", strings.Repeat("x", 3*chunkBytes+1)} {
		digest := digestOf(data)
		if ok, err := s.Has(digest); ok || err != nil {
			t.Errorf("Has before = %v, %v", ok, err)
		}
		put(t, s, data)
		put(t, s, data) // again: no change
		if ok, err := s.Has(digest); !ok || err != nil {
			t.Errorf("Has = %v, %v", ok, err)
		}
		if got, err := read(s, digest); got != data || err != nil {
			t.Errorf("read %d bytes of %d, %v", len(got), len(data), err)
		}
		want = append(want, "sha256/"+digest[:2]+"/"+digest)
	}
	slices.Sort(want)
	want = append([]string{".lock"}, want...)
	if diff := cmp.Diff(want, listing(t, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if info, err := os.Stat(filepath.Join(dir, want[1])); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	// Another process finds the same.
	digests, errs := all(openTest(t, dir))
	if len(digests) != 3 || len(errs) != 0 || !slices.IsSorted(digests) {
		t.Errorf("All = %v, %v", digests, errs)
	}
}

func TestRefusedNames(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	good := put(t, s, "test")
	before := listing(t, filepath.Dir(dir))
	for name, digest := range map[string]string{
		"empty": "", "short": good[1:], "long": good + "0", "upper case": strings.ToUpper(good), "not hex": "g" + good[1:],
		"absolute": "/" + good[1:], "climbs": "../" + good[3:], "dots in shard": ".." + good[2:], "slash": good[:2] + "/" + good[3:],
		"zero byte": "\x00" + good[1:], "not ASCII": good[:62] + "é", "line end": good[:63] + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, putErr := s.Put(t.Context(), digest, iotest.ErrReader(errors.New("was read")))
			_, _, openErr := s.Open(digest)
			_, hasErr := s.Has(digest)
			for call, err := range map[string]error{"Put": putErr, "Open": openErr, "Has": hasErr, "Remove": s.Remove(digest)} {
				if !errors.Is(err, ErrDigest) {
					t.Errorf("%s = %v", call, err)
				}
			}
		})
	}
	if diff := cmp.Diff(before, listing(t, filepath.Dir(dir))); diff != "" {
		t.Errorf("changed:\n%s", diff)
	}
}

func TestRefusedBytes(t *testing.T) {
	broken := errors.New("line dropped")
	cases := map[string]struct {
		reader io.Reader
		want   error
	}{
		"other bytes":    {strings.NewReader("Test"), ErrMismatch},
		"cut short":      {strings.NewReader("tes"), ErrMismatch},
		"one more":       {strings.NewReader("testx"), ErrMismatch},
		"nothing":        {strings.NewReader(""), ErrMismatch},
		"above bound":    {strings.NewReader("test, and then on and on"), ErrTooLarge},
		"without end":    {endless{}, ErrTooLarge},
		"broken reader":  {io.MultiReader(strings.NewReader("te"), iotest.ErrReader(broken)), broken},
		"broken at once": {iotest.ErrReader(broken), broken},
	}
	for name, c := range cases {
		for _, present := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				dir := t.TempDir()
				s := openTest(t, dir)
				s.max = 5
				if present {
					put(t, s, "test")
				}
				before := listing(t, dir)
				if n, err := s.Put(t.Context(), digestOf("test"), c.reader); n != 0 || !errors.Is(err, c.want) {
					t.Errorf("Put = %d, %v; want %v", n, err, c.want)
				}
				if diff := cmp.Diff(before, listing(t, dir)); diff != "" {
					t.Errorf("changed:\n%s", diff)
				}
				if got, err := read(s, digestOf("test")); present && (got != "test" || err != nil) {
					t.Errorf("then %q, %v", got, err)
				}
			})
		}
	}
}

func TestBound(t *testing.T) {
	s := openTest(t, t.TempDir())
	if s.max != MaxBytes {
		t.Errorf("bound of %d bytes", s.max)
	}
	s.max = 4
	put(t, s, "test") // exactly
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestCancel(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	r := io.MultiReader(strings.NewReader("test"), readerFunc(func([]byte) (int, error) { cancel(); return 0, nil }), endless{})
	if _, err := s.Put(ctx, digestOf("test"), r); !errors.Is(err, context.Canceled) {
		t.Errorf("Put = %v", err)
	}
	if got := listing(t, dir); len(got) != 1 {
		t.Errorf("left %v", got)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestAbsent(t *testing.T) {
	s := openTest(t, t.TempDir())
	if _, _, err := s.Open(digestOf("absent")); !errors.Is(err, ErrNotFound) {
		t.Errorf("Open = %v", err)
	}
	if err := s.Remove(digestOf("absent")); err != nil {
		t.Errorf("Remove = %v", err)
	}
	digest := put(t, s, "test")
	for range 2 {
		if err := s.Remove(digest); err != nil {
			t.Errorf("Remove = %v", err)
		}
		if ok, err := s.Has(digest); ok || err != nil {
			t.Errorf("Has = %v, %v", ok, err)
		}
	}
	put(t, s, "test")
}

// TestRot: a file whose bytes have changed is not handed out as whole, and Put makes
// it good.
func TestRot(t *testing.T) {
	for name, rotten := range map[string]string{"other": "tEst", "cut": "te", "longer": "test!", "empty": ""} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := openTest(t, dir)
			digest := put(t, s, "test")
			if err := os.WriteFile(filepath.Join(dir, "sha256", digest[:2], digest), []byte(rotten), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := read(s, digest); !errors.Is(err, ErrDamaged) {
				t.Errorf("read = %v", err)
			}
			r, _, err := s.Open(digest)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			io.ReadAll(r) // its error is judged above
			if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, ErrDamaged) {
				t.Errorf("read on = %d, %v", n, err)
			}
			put(t, s, "test")
			if got, err := read(s, digest); got != "test" || err != nil {
				t.Errorf("after Put %q, %v", got, err)
			}
		})
	}
}

// TestForeign puts something in the place of a file or a folder: it is neither
// followed nor written through nor waited for, and All tells of it.
func TestForeign(t *testing.T) {
	digest := digestOf("test")
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.Mkdir(elsewhere, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(elsewhere, digest), []byte("test"), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]func(hashes string) error{
		"link to a file":   func(h string) error { return os.Symlink(filepath.Join(elsewhere, digest), shardOf(h, digest)) },
		"dangling link":    func(h string) error { return os.Symlink("nowhere", shardOf(h, digest)) },
		"folder":           func(h string) error { return os.Mkdir(shardOf(h, digest), 0o700) },
		"pipe":             func(h string) error { return syscall.Mkfifo(shardOf(h, digest), 0o600) },
		"link to a folder": func(h string) error { return os.Symlink(elsewhere, filepath.Join(h, digest[:2])) },
		"file for folder":  func(h string) error { return os.WriteFile(filepath.Join(h, digest[:2]), nil, 0o600) },
	}
	for name, plant := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := openTest(t, dir)
			if err := plant(s.dir); err != nil {
				t.Fatal(err)
			}
			_, putErr := s.Put(t.Context(), digest, strings.NewReader("test"))
			_, _, openErr := s.Open(digest)
			_, hasErr := s.Has(digest)
			for call, err := range map[string]error{"Put": putErr, "Open": openErr, "Has": hasErr, "Remove": s.Remove(digest)} {
				if !errors.Is(err, ErrDamaged) {
					t.Errorf("%s = %v", call, err)
				}
			}
			if digests, errs := all(s); len(digests) != 0 || len(errs) != 1 || !errors.Is(errs[0], ErrDamaged) {
				t.Errorf("All = %v, %v", digests, errs)
			}
			openTest(t, dir) // goes round it
			if raw, err := os.ReadFile(filepath.Join(elsewhere, digest)); string(raw) != "test" || err != nil {
				t.Errorf("elsewhere: %q, %v", raw, err)
			}
		})
	}
}

// shardOf makes the folder of a digest and returns the path of its file.
func shardOf(hashes, digest string) string {
	dir := filepath.Join(hashes, digest[:2])
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "" // the caller's own call fails then
	}
	return filepath.Join(dir, digest)
}

// TestSwappedForLink: a link that takes the file's place after it was looked at.
func TestSwappedForLink(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("/dev/zero", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"link", "."} {
		if _, _, err := openFile(filepath.Join(dir, name)); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAllGoesOn(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	first, last := put(t, s, "test"), put(t, s, "") // 9f…, e3…
	for _, name := range []string{"notes.txt", "a0/" + first, "a0/short", "zz/x"} {
		path := filepath.Join(s.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	digests, errs := all(s)
	if diff := cmp.Diff([]string{first, last}, digests); diff != "" || len(errs) != 4 { // the folder zz counts as a whole
		t.Errorf("(-want +got):\n%s\n%v", diff, errs)
	}
	for range s.All() {
		break // and it can be left
	}
}

func TestOpenRefuses(t *testing.T) {
	base := t.TempDir()
	if err := os.WriteFile(filepath.Join(base, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(base, "linked"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(base, filepath.Join(base, "linked", "sha256")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]error{"no/parent": fs.ErrNotExist, "file": syscall.ENOTDIR, "linked": ErrDamaged} {
		if _, err := Open(filepath.Join(base, name)); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The folder itself may be a link: an administrator's disk.
	if err := os.Mkdir(filepath.Join(base, "disk"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("disk", filepath.Join(base, "link")); err != nil {
		t.Fatal(err)
	}
	put(t, openTest(t, filepath.Join(base, "link")), "test")
}

// TestAtOnce: many put the same few files, through two Stores, while others read. Who
// sees a file sees all of it.
func TestAtOnce(t *testing.T) {
	dir := t.TempDir()
	stores := []*Store{openTest(t, dir), openTest(t, dir)}
	contents := []string{strings.Repeat("a", 2*chunkBytes), strings.Repeat("b", chunkBytes+1), "c"}
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			data, s := contents[i%len(contents)], stores[i%2]
			if _, err := s.Put(t.Context(), digestOf(data), bytes.NewReader([]byte(data))); err != nil {
				t.Error(err)
			}
			if got, err := read(s, digestOf(data)); got != data || err != nil {
				t.Errorf("read back %d bytes of %d, %v", len(got), len(data), err)
			}
		})
		wg.Go(func() {
			for _, data := range contents {
				if got, err := read(stores[i%2], digestOf(data)); err == nil && got != data || err != nil && !errors.Is(err, ErrNotFound) {
					t.Errorf("read %d bytes of %d, %v", len(got), len(data), err)
				}
			}
		})
	}
	wg.Wait()
	if got := listing(t, dir); len(got) != 1+len(contents) {
		t.Errorf("left %v", got)
	}
}
