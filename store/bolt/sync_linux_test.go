//go:build amd64 || arm64

package bolt

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/test/nosync"
)

// TestSyncFails: a change whose pages cannot be synced is not acknowledged and not
// seen, and the store goes on. It also shows that a change is synced at all.
func TestSyncFails(t *testing.T) {
	d := openTest(t)
	put(t, d, "k", "old")
	err := nosync.RunWithout(syscall.SYS_FDATASYNC, func() error {
		return d.Update(t.Context(), func(tx store.Tx) error { return tx.PutRaw("t", "k", []byte("new")) })
	})
	if !errors.Is(err, syscall.EIO) || errors.Is(err, store.ErrUncertain) {
		t.Errorf("Update = %v, want EIO", err)
	}
	if got := get(t, d, "k"); got != "old" {
		t.Errorf("k = %q, want old", got)
	}
	put(t, d, "k", "newer")
}

// TestOpenSyncs: what an earlier process may have left unsynced, be it the last change
// or the name of the file in its folder, is not shown before it is on disk.
func TestOpenSyncs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hallmark.db")
	if err := mustOpen(t, path, Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	for name, nr := range map[string]uint32{"change": syscall.SYS_FDATASYNC, "folder": syscall.SYS_FSYNC} {
		err := nosync.RunWithout(nr, func() error {
			d, err := Open(path, Options{})
			if err == nil {
				d.Close()
			}
			return err
		})
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: Open = %v, want EIO", name, err)
		}
	}
	mustOpen(t, path, Options{})
}
