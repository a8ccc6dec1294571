package ca

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/test/nosync"
)

// TestFoldersAreSynced: a folder whose name is not on disk takes what lies in it along
// when the power fails: a vault with the root's key, an order that was carried away.
func TestFoldersAreSynced(t *testing.T) {
	cfg := VaultConfig{Dir: filepath.Join(t.TempDir(), "vault"), Secrets: Secrets{Passphrase: []byte("of the vault"), encrypt: cheapEncrypt}}
	o := newOrder(purposeLists, born)
	o.Name = "Example CA"
	if _, err := openVault(cfg, o.Name); err != nil {
		t.Fatal(err)
	}
	// Nothing is written the second time: whoever made it may have died before it was synced.
	if err := nosync.Run(func() error { _, err := openVault(cfg, o.Name); return err }); !errors.Is(err, syscall.EIO) {
		t.Errorf("open vault: %v, want EIO", err)
	}
	dir := smallHierarchy(t)
	s := openSite(t, dir, born.Add(time.Hour))
	o = s.newOrder(purposeLists)
	o.Lists = []orderedList{{Issuer: nameRoot}}
	plain := func(name string, data []byte, perm fs.FileMode) error { return os.WriteFile(name, data, perm) }
	if err := nosync.Run(func() error { return writeOrder(plain, dir, o, s.manifest) }); !errors.Is(err, syscall.EIO) {
		t.Errorf("write order: %v, want EIO", err)
	}
	if err := writeOrder(plain, dir, o, s.manifest); err != nil {
		t.Error(err)
	}
}
