package ledger

import (
	"crypto/ed25519"
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/hallmark-pki/hallmark/test/nosync"
)

// TestFolderIsSynced: entries are acknowledged in a log whose folder has a name on disk.
func TestFolderIsSynced(t *testing.T) {
	signer, vkey, err := NewSigner("log.example.com/hallmark", ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Dir: filepath.Join(t.TempDir(), "ca", "log"), Signer: signer, VKey: vkey}
	open := func() error {
		l, err := prepare(o)
		if err != nil {
			return err
		}
		return l.unlock()
	}
	for range 2 { // also where it was made by a process that was killed then
		if err := nosync.Run(open); !errors.Is(err, syscall.EIO) {
			t.Errorf("prepared: %v, want EIO", err)
		}
		if err := open(); err != nil {
			t.Fatal(err)
		}
	}
}
