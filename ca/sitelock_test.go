package ca

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestTwoChangesAtOnce: two people open the same hierarchy and change it one after the
// other. What the first one made, a key above all, stays.
func TestTwoChangesAtOnce(t *testing.T) {
	pristine := smallHierarchy(t)
	ctx := context.Background()
	for name, change := range map[string]func(*Site) error{
		"the same tier": func(s *Site) error { _, err := s.RolloverTier(ctx, "standard"); return err },
		"root":          func(s *Site) error { _, err := s.RolloverRoot(ctx); return err },
		"tsa":           func(s *Site) error { _, err := s.RolloverTSA(ctx); return err },
		"timestamping":  func(s *Site) error { _, err := s.RolloverTimestamping(ctx); return err },
		"status":        func(s *Site) error { _, err := s.RolloverStatus(ctx, 24*time.Hour, false); return err },
		"distribution":  func(s *Site) error { _, err := s.RolloverDistribution(ctx); return err },
		"lists":         func(s *Site) error { _, err := s.RenewOfflineCRLs(ctx); return err },
		"retire":        func(s *Site) error { return s.RetireRoot(ctx, "root") },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "ca")
			if err := os.CopyFS(dir, os.DirFS(pristine)); err != nil {
				t.Fatal(err)
			}
			now := born.Add(time.Hour)
			first, second := openSite(t, dir, now), openSite(t, dir, now)
			if _, err := first.RolloverTier(ctx, "standard"); err != nil {
				t.Fatal(err)
			}
			before := readTree(t, dir)
			if err := change(second); !errors.Is(err, ErrSiteChanged) {
				t.Errorf("changed what was changed meanwhile: %v", err)
			}
			after := readTree(t, dir)
			for file, content := range before {
				if after[file] != content {
					t.Errorf("%s is another one", file)
				}
			}
			if len(after) != len(before) {
				t.Errorf("%d files, there were %d", len(after), len(before))
			}
			unlock, err := lockSite(dir)
			if err != nil {
				t.Fatal(err)
			}
			third := openSite(t, dir, now)
			if err := change(third); !errors.Is(err, ErrSiteBusy) {
				t.Errorf("changed what another changes: %v", err)
			}
			if err := CancelOrder(dir); !errors.Is(err, ErrSiteBusy) {
				t.Errorf("canceled meanwhile: %v", err)
			}
			if err := unlock(); err != nil {
				t.Fatal(err)
			}
			if _, err := third.RolloverTier(ctx, "standard"); err != nil {
				t.Errorf("when the other is done: %v", err)
			}
		})
	}
}

// TestImportOfAnOrderThatIsGone: while a person looked at the answer, another one has
// cancelled the order and made the next.
func TestImportOfAnOrderThatIsGone(t *testing.T) {
	c := newCeremony(t)
	now := born.Add(time.Hour)
	c.mustImport(c.mustSign(now), now)
	if _, err := openSite(t, c.dir, now).RolloverTier(t.Context(), "high"); err != nil {
		t.Fatal(err)
	}
	c.readOrder()
	answer := c.mustSign(now)
	_, err := openSite(t, c.dir, now).Import(t.Context(), answer, func(AnswerInfo) error {
		if err := CancelOrder(c.dir); err != nil {
			return err
		}
		_, err := openSite(t, c.dir, now).RolloverTier(t.Context(), "standard")
		return err
	})
	if !errors.Is(err, ErrSiteChanged) || !orderPending(c.dir) {
		t.Errorf("imported the answer to an order that is gone: %v", err)
	}
	if m, err := readManifest(c.dir); err != nil || len(m.Generations) != 0 {
		t.Errorf("generations %v, %v", m.Generations, err)
	}
}

// TestAddedKeysWhileChanged: a server that starts does not write over a change that is
// being made.
func TestAddedKeysWhileChanged(t *testing.T) {
	dir := olderHierarchy(t)
	unlock, err := lockSite(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openCheaply(dir, passphrase); !errors.Is(err, ErrSiteBusy) {
		t.Errorf("opened and added keys meanwhile: %v", err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	if _, err := openCheaply(dir, passphrase); err != nil {
		t.Error(err)
	}
}
