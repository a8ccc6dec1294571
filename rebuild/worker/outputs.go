package worker

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/hallmark-pki/hallmark/attest"
)

// Output is a file that a run left.
type Output struct {
	Name   string // as the recipe names it, with * resolved
	SHA256 string
	Size   int64
	file   string // on the host
}

// collect finds the declared outputs of a run. A build has had its way with the folder:
// nothing in it is followed or believed.
func collect(p place, declared []string, most int64) ([]Output, error) {
	root, err := os.OpenRoot(p.tree)
	if err != nil {
		return nil, fmt.Errorf("open a run's folder: %w", err)
	}
	defer root.Close()
	var out []Output
	for _, pattern := range declared {
		name, err := find(root, path.Join(p.base, pattern))
		if err != nil {
			return nil, failed(attest.RebuildBuildFailed, "output %s of the %s run: %v", pattern, p.name, err)
		}
		o, err := digest(root, name, most)
		if err != nil {
			return nil, failed(attest.RebuildBuildFailed, "output %s of the %s run: %v", pattern, p.name, err)
		}
		o.Name, o.file = path.Join(path.Dir(pattern), path.Base(name)), path.Join(p.tree, name)
		out = append(out, o)
	}
	return out, nil
}

// find resolves a pattern and checks that every folder on the way is one.
func find(root *os.Root, pattern string) (string, error) {
	dir, base := path.Split(pattern)
	at := "."
	for step := range strings.SplitSeq(strings.Trim(dir, "/"), "/") {
		if step == "" {
			continue
		}
		at = path.Join(at, step)
		info, err := root.Lstat(at)
		if err != nil {
			return "", err
		}
		if !info.IsDir() {
			return "", fmt.Errorf("%s is a %s, not a folder", at, kindOf(info))
		}
	}
	if !strings.Contains(base, "*") {
		return path.Join(at, base), nil
	}
	folder, err := root.Open(at)
	if err != nil {
		return "", err
	}
	defer folder.Close()
	names, err := folder.Readdirnames(-1)
	if err != nil {
		return "", err
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		ok, err := path.Match(base, name)
		return !ok || err != nil
	})
	if len(names) != 1 {
		return "", fmt.Errorf("%d files are called like that, want one", len(names))
	}
	return path.Join(at, names[0]), nil
}

// digest reads a regular file that is one and no more than one, without special bits.
func digest(root *os.Root, name string, most int64) (Output, error) {
	info, err := root.Lstat(name)
	if err != nil {
		return Output{}, err
	}
	if !info.Mode().IsRegular() {
		return Output{}, fmt.Errorf("is a %s, not a file", kindOf(info))
	}
	file, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return Output{}, err
	}
	defer file.Close()
	if info, err = file.Stat(); err != nil {
		return Output{}, err
	}
	switch {
	case !info.Mode().IsRegular():
		return Output{}, fmt.Errorf("is a %s, not a file", kindOf(info))
	case info.Mode()&(os.ModeSetuid|os.ModeSetgid) != 0:
		return Output{}, fmt.Errorf("is setuid or setgid")
	case info.Size() > most:
		return Output{}, fmt.Errorf("has %d bytes, the recipe's disk %d", info.Size(), most)
	}
	hash := sha256.New()
	n, err := io.Copy(hash, io.LimitReader(file, most))
	if err != nil {
		return Output{}, err
	}
	return Output{SHA256: hex.EncodeToString(hash.Sum(nil)), Size: n}, nil
}

func kindOf(info os.FileInfo) string {
	switch info.Mode().Type() {
	case os.ModeSymlink:
		return "symbolic link"
	case os.ModeDir:
		return "folder"
	case os.ModeNamedPipe:
		return "pipe"
	case 0:
		return "file"
	}
	return "special file"
}
