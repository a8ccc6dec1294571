package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Where pacman is told what to do.
const (
	pacmanConfig = "/etc/pacman.conf"
	// pacmanHook is in the folder that pacman always reads, whatever HookDir says; its name
	// is the first in the order in which hooks run.
	pacmanHook = "/usr/share/libalpm/hooks/00-hallmark.hook"
	// pacmanFetch downloads for pacman: a package with the signature beside it.
	pacmanFetch = "/usr/share/hallmark/pacman-fetch"
)

func (s System) pacmanHookText() []byte {
	return fmt.Appendf(nil, `# %s pacman": before pacman installs packages it asks hallmark-verify.
# Taken back by "hallmark-verify uninstall pacman".
[Trigger]
Operation = Install
Operation = Upgrade
Type = Package
Target = *

[Action]
Description = Judging signatures (hallmark-verify)...
When = PreTransaction
Exec = %s hook pacman
AbortOnFail
NeedsTargets
`, mark, s.Program)
}

// pacmanFetchText is the XferCommand: pacman itself knows only OpenPGP signatures. That a
// signature cannot be had is no error here; the hook will refuse the package.
func pacmanFetchText() []byte {
	return fmt.Appendf(nil, `#!/bin/sh
# %s pacman": pacman downloads with this, and gets NAME.p7s with each package.
# Taken back by "hallmark-verify uninstall pacman".
set -u
url=$1 out=$2
/usr/bin/curl -L -C - -f -s -S -o "$out" -- "$url" || exit
case $url in
*.sig) ;;
*.pkg.tar | *.pkg.tar.*)
	file=${out%%.part}
	rm -f -- "$file.p7s"
	/usr/bin/curl -L -f -s --max-filesize 1048576 -o "$file.p7s.part" -- "$url.p7s" && mv -f -- "$file.p7s.part" "$file.p7s"
	rm -f -- "$file.p7s.part"
	;;
esac
exit 0
`, mark)
}

// xferLine is our line of pacman.conf, which has no comments behind a value.
func xferLine() string {
	return "XferCommand = " + pacmanFetch + " %u %o\n"
}

// ForPacman returns the steps after which pacman asks us about each transaction, once its
// packages are downloaded; none if it does.
func (s System) ForPacman() ([]Step, error) {
	if err := s.checkProgram(); err != nil {
		return nil, err
	}
	config, found, err := s.read(pacmanConfig)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, problem("is pacman installed?", "there is no %s", pacmanConfig)
	}
	edited, err := withXfer(string(config))
	if err != nil {
		return nil, err
	}
	steps, err := s.placeFile(pacmanFetch, pacmanFetchText(), 0o755)
	if err != nil {
		return nil, err
	}
	if edited != string(config) {
		steps = append(steps, Step{"have pacman download with " + pacmanFetch, func(context.Context) error {
			return s.write(pacmanConfig, []byte(edited), 0o644)
		}})
	}
	hook, err := s.placeFile(pacmanHook, s.pacmanHookText(), 0o644)
	return append(steps, hook...), err
}

// FromPacman returns the steps that undo ForPacman.
func (s System) FromPacman() ([]Step, error) {
	steps, err := s.takeFile(pacmanHook)
	if err != nil {
		return nil, err
	}
	config, _, err := s.read(pacmanConfig)
	if err != nil {
		return nil, err
	}
	if edited := strings.ReplaceAll(string(config), xferLine(), ""); edited != string(config) {
		steps = append(steps, Step{"have pacman download by itself again", func(context.Context) error {
			return s.write(pacmanConfig, []byte(edited), 0o644)
		}})
	}
	fetch, err := s.takeFile(pacmanFetch)
	return append(steps, fetch...), err
}

// withXfer puts our line behind [options]. A command that somebody else put there is his.
func withXfer(config string) (string, error) {
	at := -1
	offset := 0
	for line := range strings.Lines(config) {
		text := strings.TrimSpace(line)
		offset += len(line)
		key, _, _ := strings.Cut(text, "=")
		switch {
		case line == xferLine():
			return config, nil
		case strings.TrimSpace(key) == "XferCommand":
			return "", problem("take that line out; ours downloads with curl", "%s has an XferCommand: signatures would not be downloaded", pacmanConfig)
		case text == "[options]" && at < 0:
			at = offset
		}
	}
	if at < 0 || !strings.HasSuffix(config[:at], "\n") {
		return "", problem("give it one", "%s has no section [options]", pacmanConfig)
	}
	return config[:at] + xferLine() + config[at:], nil
}

// writeNew writes a file of ours with its mode, whatever was there, and its folder.
func (s System) writeNew(name string, content []byte, mode uint32) error {
	path, err := s.path(name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.write(name, content, fs.FileMode(mode))
}
