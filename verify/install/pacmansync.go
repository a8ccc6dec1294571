package install

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// readSync looks names up in the databases of all repositories: which files a package
// comes in. Databases of repositories that pacman no longer asks are read too: a name too
// many only makes more files be judged.
func readSync(dir fs.FS, names []string) (map[string][]string, error) {
	files, err := fs.Glob(dir, "*.db")
	if err != nil {
		return nil, err
	}
	wanted := make(map[string]bool, len(names))
	for _, n := range names {
		wanted[n] = true
	}
	out := map[string][]string{}
	for _, name := range files {
		f, err := dir.Open(name)
		if err != nil {
			return nil, err
		}
		err = readDatabase(f, func(d syncEntry) {
			if wanted[d.name] && !slices.Contains(out[d.name], d.file) {
				out[d.name] = append(out[d.name], d.file)
			}
		})
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("repository database %s: %w", name, err)
		}
	}
	return out, nil
}

// syncEntry is a package in a repository's database.
type syncEntry struct{ name, file string }

// readDatabase reads a repository's database: a tar archive, packed or not, with a file
// desc for each package.
func readDatabase(r io.Reader, each func(syncEntry)) error {
	unpacked, err := unpack(r)
	if err != nil {
		return err
	}
	limited := &io.LimitedReader{R: unpacked, N: maxDatabase + 1}
	archive := tar.NewReader(limited)
	for n := 0; ; n++ {
		h, err := archive.Next()
		switch {
		case err != nil && limited.N <= 0:
			return fmt.Errorf("more than %d bytes", maxDatabase)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case n == 4*maxChanges:
			return fmt.Errorf("more than %d files", n)
		case h.Typeflag != tar.TypeReg || !strings.HasSuffix(h.Name, "/desc"):
			continue
		case h.Size > maxDesc:
			return fmt.Errorf("%.80q: %d bytes, at most %d", h.Name, h.Size, maxDesc)
		}
		raw, err := io.ReadAll(archive)
		if err != nil {
			return err
		}
		d, err := parseSyncEntry(string(raw))
		if err != nil {
			return fmt.Errorf("%.80q: %w", h.Name, err)
		}
		each(d)
	}
}

// unpack looks at the first bytes: repo-add packs with what the repository's owner likes.
func unpack(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	head, err := b.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return gzip.NewReader(b)
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	case bytes.HasPrefix(head, []byte("BZh")), bytes.HasPrefix(head, []byte("\xfd7zXZ")), bytes.HasPrefix(head, []byte{0x04, 0x22, 0x4d, 0x18}):
		return nil, errors.New("packed in a way that is not read here: gzip and zstd are")
	}
	return b, nil
}

// parseSyncEntry reads a desc file: a key between percent signs, its value on the next line.
func parseSyncEntry(text string) (syncEntry, error) {
	var d syncEntry
	wanted := map[string]*string{"%NAME%": &d.name, "%FILENAME%": &d.file}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		into := wanted[line]
		if into == nil || i > 0 && lines[i-1] != "" {
			continue
		}
		if *into != "" || i+1 == len(lines) || lines[i+1] == "" {
			return syncEntry{}, fmt.Errorf("%s twice, or without a value", line)
		}
		*into = lines[i+1]
	}
	if !isPacmanName(d.name) {
		return syncEntry{}, fmt.Errorf("%.80q is no package's name", d.name)
	}
	// What would leave the cache, pacman refuses too.
	if d.file == "" || d.file[0] == '.' || len(d.file) > maxFieldBytes || strings.ContainsAny(d.file, "/\x00") {
		return syncEntry{}, fmt.Errorf("%.80q is no file's name", d.file)
	}
	return d, nil
}
