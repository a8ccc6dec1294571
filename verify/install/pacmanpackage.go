package install

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/hallmark-pki/hallmark/verify/installed"
)

const (
	pacmanProgram = "/usr/bin/pacman"
	pacmanConf    = "/usr/bin/pacman-conf"
)

// FindPacman asks pacman's configuration where it keeps things.
func FindPacman(ctx context.Context) (Pacman, error) {
	caches, err := pacmanSetting(ctx, "CacheDir")
	if err != nil {
		return Pacman{}, err
	}
	database, err := pacmanSetting(ctx, "DBPath")
	if err != nil {
		return Pacman{}, err
	}
	if len(database) != 1 {
		return Pacman{}, fmt.Errorf("%s: %d places of the database", pacmanConf, len(database))
	}
	return Pacman{Caches: caches, Sync: strings.TrimSuffix(database[0], "/") + "/sync", Proc: "/proc", Exe: pacmanProgram}, nil
}

// pacmanSetting returns the values of a setting, which are folders.
func pacmanSetting(ctx context.Context, name string) ([]string, error) {
	out, err := exec.CommandContext(ctx, pacmanConf, name).Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", pacmanConf, name, err)
	}
	list := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	for _, l := range list {
		if !strings.HasPrefix(l, "/") {
			return nil, fmt.Errorf("%s %s: %.80q is no folder", pacmanConf, name, l)
		}
	}
	return list, nil
}

// PacmanPackage reads name, version and architecture of a package from its .PKGINFO,
// which stands at its beginning.
func PacmanPackage(path string) (installed.Package, error) {
	f, err := os.Open(path)
	if err != nil {
		return installed.Package{}, err
	}
	defer f.Close()
	unpacked, err := unpack(f)
	if err != nil {
		return installed.Package{}, err
	}
	archive := tar.NewReader(io.LimitReader(unpacked, maxBeforeInfo))
	for {
		h, err := archive.Next()
		if err != nil {
			return installed.Package{}, fmt.Errorf("%s: no .PKGINFO at its beginning: %w", path, err)
		}
		if h.Name != ".PKGINFO" {
			continue
		}
		if h.Typeflag != tar.TypeReg || h.Size > maxDesc {
			return installed.Package{}, fmt.Errorf("%s: .PKGINFO of %d bytes, at most %d", path, h.Size, maxDesc)
		}
		raw, err := io.ReadAll(archive)
		if err != nil {
			return installed.Package{}, fmt.Errorf("%s: %w", path, err)
		}
		return parsePkgInfo(string(raw))
	}
}

// parsePkgInfo reads "key = value" lines.
func parsePkgInfo(text string) (installed.Package, error) {
	p := installed.Package{Manager: installed.Pacman}
	wanted := map[string]*string{"pkgname": &p.Name, "pkgver": &p.Version, "arch": &p.Architecture}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " = ")
		into := wanted[key]
		if into == nil {
			continue
		}
		if *into != "" {
			return installed.Package{}, errors.New(".PKGINFO: " + key + " twice")
		}
		*into = value
	}
	return p, p.Check()
}
