package ca

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"go.step.sm/crypto/keyutil"
)

// olderHierarchy is one as the first release left it: without the keys that came later.
func olderHierarchy(t *testing.T) string {
	t.Helper()
	onDisk(t)
	dir := filepath.Join(t.TempDir(), "ca")
	if err := os.CopyFS(dir, os.DirFS(sharedDir)); err != nil {
		t.Fatal(err)
	}
	m, err := readManifest(dir)
	if err != nil {
		t.Fatal(err)
	}
	m.Added = nil
	text, err := m.marshal()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, manifestFile), text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range addedKeys() {
		if err := os.Remove(filepath.Join(dir, "keys", name+".pem")); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func openCheaply(dir string, phrase []byte) (*Hierarchy, error) {
	return OpenHierarchyWith(context.Background(), dir, Secrets{Passphrase: phrase, encrypt: cheapEncrypt})
}

// TestAddedKeys: a CA from before gets the keys that this release needs, once.
func TestAddedKeys(t *testing.T) {
	dir := olderHierarchy(t)
	if _, err := openCheaply(dir, []byte("wrong")); !errors.Is(err, ErrPassphrase) {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "keys", "status.pem")); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal("a key was made under a wrong passphrase")
	}
	first, err := openCheaply(dir, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	second, err := openCheaply(dir, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range addedKeys() {
		a, err := first.later(context.Background(), name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := second.later(context.Background(), name)
		if err != nil {
			t.Fatal(err)
		}
		if !keyutil.Equal(a.Public(), b.Public()) {
			t.Error(name, "is another key the second time")
		}
	}
	// From now on a key that is missing is lost: a new one would be nobody's.
	if err := os.Remove(filepath.Join(dir, "keys", "status.pem")); err != nil {
		t.Fatal(err)
	}
	if _, err := openCheaply(dir, passphrase); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// TestAddedKeysAfterAKill: a key that was made before the process ended is the one.
func TestAddedKeysAfterAKill(t *testing.T) {
	dir := olderHierarchy(t)
	ring := newKeyring(dir, Secrets{Passphrase: passphrase, encrypt: cheapEncrypt})
	if err := ring.addKey(nameStatus); err != nil {
		t.Fatal(err)
	}
	made, err := os.ReadFile(filepath.Join(dir, "keys", "status.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openCheaply(dir, passphrase); err != nil {
		t.Fatal(err)
	}
	if kept, err := os.ReadFile(filepath.Join(dir, "keys", "status.pem")); err != nil || !bytes.Equal(kept, made) {
		t.Error("the key was made twice", err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "keys", ".added-*")); err != nil || len(left) > 0 {
		t.Error("left behind:", left, err)
	}
}
