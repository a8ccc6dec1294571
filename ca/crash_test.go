package ca

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/durable"
	"github.com/hallmark-pki/hallmark/templates"
)

// smallHierarchy has one tier: opening keys takes a fifth of a second each.
func smallHierarchy(t *testing.T) string {
	t.Helper()
	cfg := initConfig(filepath.Join(t.TempDir(), "ca"))
	tiers, err := templates.Tiers()
	if err != nil {
		t.Fatal(err)
	}
	cfg.Tiers = tiers[:1]
	if _, err := Init(context.Background(), cfg); err != nil {
		t.Fatal(err)
	}
	return cfg.Dir
}

func readTree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, dir)] = string(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestRolloverCrashes ends a rollover before and after each of its writes: the
// hierarchy is the old one, every byte of it, or the new one, and the rollover can be
// done again.
func TestRolloverCrashes(t *testing.T) {
	pristine := smallHierarchy(t)
	before := readTree(t, pristine)
	ctx := context.Background()
	for name, test := range map[string]struct {
		change func(*Site) (Change, error)
		writes int // key, twin, certificate, hierarchy.json; key, list, four certificates, hierarchy.json
	}{
		"tier": {func(s *Site) (Change, error) { return s.RolloverTier(ctx, "standard") }, 4},
		"root": {func(s *Site) (Change, error) { return s.RolloverRoot(ctx) }, 7},
	} {
		for n := 1; n <= test.writes+1; n++ {
			t.Run(fmt.Sprintf("%s, write %d", name, n), func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "ca")
				if err := os.CopyFS(dir, os.DirFS(pristine)); err != nil {
					t.Fatal(err)
				}
				killed, written := errors.New("killed"), 0
				s := openSite(t, dir, born.Add(time.Hour))
				s.write = func(file string, data []byte, perm fs.FileMode) error {
					if written++; written >= n {
						return killed // nothing happens after it
					}
					return durable.WriteFile(file, data, perm)
				}
				_, err := test.change(s)
				if done := n > test.writes; done != (err == nil) || !done && !errors.Is(err, killed) {
					t.Fatalf("%d writes, %v", written, err)
				}
				after := readTree(t, dir)
				if n > test.writes {
					if _, err := OpenHierarchy(dir, passphrase); err != nil || after["/"+manifestFile] == before["/"+manifestFile] {
						t.Errorf("the new hierarchy: %v", err)
					}
					return
				}
				for file, content := range before {
					if after[file] != content {
						t.Errorf("%s was changed", file)
					}
				}
				if n == test.writes {
					if _, err := test.change(openSite(t, dir, born.Add(time.Hour))); err != nil {
						t.Errorf("a second time: %v", err)
					}
				}
			})
		}
	}
}

// TestImportCrashes does the same to the import of a ceremony.
func TestImportCrashes(t *testing.T) {
	c := newCeremony(t)
	answer := c.mustSign(born.Add(time.Hour))
	pristine := c.dir
	for _, n := range []int{1, 2, 3, 8, 9} { // lists, certificates, hierarchy.json
		c.dir = filepath.Join(t.TempDir(), "ca")
		if err := os.CopyFS(c.dir, os.DirFS(pristine)); err != nil {
			t.Fatal(err)
		}
		killed, written := errors.New("killed"), 0
		s := openSite(t, c.dir, born.Add(2*time.Hour))
		s.write = func(file string, data []byte, perm fs.FileMode) error {
			if written++; written >= n {
				return killed
			}
			return durable.WriteFile(file, data, perm)
		}
		if _, err := s.Import(context.Background(), answer, func(AnswerInfo) error { return nil }); !errors.Is(err, killed) {
			t.Fatalf("write %d: %v", n, err)
		}
		if !orderPending(c.dir) {
			t.Errorf("write %d: the order is gone", n)
		}
	}
	if _, err := OpenHierarchy(c.dir, passphrase); err != nil {
		t.Errorf("all but hierarchy.json, which stays the same: %v", err)
	}
	c.mustImport(answer, born.Add(2*time.Hour)) // again
	if _, err := OpenHierarchy(c.dir, passphrase); err != nil || orderPending(c.dir) {
		t.Errorf("after the second import: %v", err)
	}
}
