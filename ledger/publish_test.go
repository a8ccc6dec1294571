package ledger

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// copyDir is what a backup is, or a restored one.
func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// A log restored without the log library's own file would be overwritten from its
// beginning; with an old copy of that file, from where it stood then.
func TestOpenRefusesPartOfABackup(t *testing.T) {
	o := options(t, t.TempDir())
	l := open(t, o)
	appendAll(t, l, 3)
	old, err := os.ReadFile(filepath.Join(o.Dir, treeState))
	if err != nil {
		t.Fatal(err)
	}
	appendAll(t, l, 3)
	closeLog(t, l)
	for name, change := range map[string]func(dir string) error{
		"state-missing": func(dir string) error { return os.RemoveAll(filepath.Join(dir, ".state")) },
		"state-old":     func(dir string) error { return os.WriteFile(filepath.Join(dir, treeState), old, 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			part := o
			part.Dir = t.TempDir()
			copyDir(t, o.Dir, part.Dir)
			if err := change(part.Dir); err != nil {
				t.Fatal(err)
			}
			before := files(t, part.Dir)
			if l, err := Open(t.Context(), part); !errors.Is(err, ErrDamaged) {
				t.Errorf("%v, %v", l, err)
			}
			after := files(t, part.Dir)
			for _, name := range []string{"checkpoint", "tile/entries/000.p/6", "tile/0/000.p/6"} {
				if name = filepath.Join(part.Dir, name); before[name] == "" || after[name] != before[name] {
					t.Errorf("%s was %q and is %q", name, before[name], after[name])
				}
			}
		})
	}
	open(t, o)
}

// The files are changed under a log that is open: it must not sign what they then say,
// since that is not what it signed before.
func TestNeverSignsASecondHistory(t *testing.T) {
	o := options(t, t.TempDir())
	l := open(t, o)
	appendAll(t, l, 3)
	before, err := l.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	change := func(width string) {
		t.Helper()
		tile := filepath.Join(o.Dir, "tile", "0", "000.p", width)
		raw, err := os.ReadFile(tile)
		if err != nil {
			t.Fatal(err)
		}
		raw[40] ^= 1
		if err := os.WriteFile(tile, raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	change("3")
	ctx, cancel := context.WithCancel(t.Context())
	go untilFailed(l, cancel)
	if _, _, err := l.Append(ctx, entry(9)); !errors.Is(err, ErrDamaged) || !errors.Is(err, context.Canceled) {
		t.Errorf("appended to a log whose files have changed: %v", err)
	}
	if now, err := l.Checkpoint(t.Context()); err != nil || !bytes.Equal(now, before) {
		t.Errorf("the checkpoint changed to\n%s%v", now, err)
	}
	change("4") // written after what was read from the bad one
	appended(t, l, 10)
	if n, err := l.Size(t.Context()); n != 5 || err != nil {
		t.Errorf("%d entries after the repair, %v", n, err)
	}
}

// untilFailed calls then after a publication has failed.
func untilFailed(l *Log, then func()) {
	for {
		c := l.committer
		c.mu.Lock()
		failed, changed := c.failure != nil, c.changed
		c.mu.Unlock()
		if failed {
			then()
			return
		}
		<-changed
	}
}
