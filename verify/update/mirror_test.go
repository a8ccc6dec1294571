package update_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify/update"
)

// TestMirror: a copy is worth as much as what it was made from, and is renewed in place.
func TestMirror(t *testing.T) {
	ctx := context.Background()
	r := newRepository(t)
	u := trusting(t, r)
	root, err := u.Root()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "mirror")
	if n, err := update.Mirror(ctx, r.files, root, dir, r.now); err != nil || n != 7 {
		t.Fatal(n, err)
	}
	theirs := filepath.Join(dir, "index.html")
	if err := os.WriteFile(theirs, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	old := r.files.newest(t, ".snapshot.json")
	r.rotate(pki.Key(t))
	r.later(48 * time.Hour)
	// What the old state had is a day old by then, and goes; what is not ours stays.
	for _, name := range []string{old, "index.html"} {
		if err := os.Chtimes(filepath.Join(dir, name), r.now.Add(-25*time.Hour), r.now.Add(-25*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := update.Mirror(ctx, r.files, root, dir, r.now); err != nil || n != 8 {
		t.Fatal(n, err)
	}
	if _, err := os.Stat(filepath.Join(dir, old)); !errors.Is(err, os.ErrNotExist) {
		t.Error("the old snapshot is there:", err)
	}
	if _, err := os.Stat(theirs); err != nil {
		t.Error("it took what is not its own:", err)
	}
	if got, err := u.Update(ctx, update.Folder(dir)); err != nil || got.StatusNumber != 2 || got.RootVersion != 2 {
		t.Errorf("%+v %v", got, err)
	}
	late := machine(t, func() time.Time { return r.now })
	if _, err := late.Add(ctx, update.Folder(dir), false, yes); err != nil {
		t.Error(err)
	}
}

// TestMirrorRefuses: what does not verify is not copied.
func TestMirrorRefuses(t *testing.T) {
	ctx := context.Background()
	r := newRepository(t)
	root := r.files["1.root.json"]
	cut := maps.Clone(r.files)
	delete(cut, r.files.newest(t, ".snapshot.json"))
	for name, c := range map[string]struct {
		src  files
		now  time.Time
		want update.Reason
	}{
		"another CA's":  {newRepository(t).files, r.now, update.BadSignature},
		"not whole":     {cut, r.now, update.Absent},
		"not kept up":   {r.files, r.now.Add(4 * 24 * time.Hour), update.Expired},
		"no repository": {files{}, r.now, update.Absent},
	} {
		dir := filepath.Join(t.TempDir(), "mirror")
		_, err := update.Mirror(ctx, c.src, root, dir, c.now)
		var e *update.Error
		if !errors.As(err, &e) || e.Reason != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: wrote something: %v", name, err)
		}
	}
}

func TestShow(t *testing.T) {
	r := newRepository(t)
	var e *update.Error
	if _, err := machine(t, time.Now).Show(); !errors.As(err, &e) || e.Reason != update.NoTrust {
		t.Error(err)
	}
	u := trusting(t, r)
	got, err := u.Show()
	if err != nil || got.Name != "Example" || got.RootVersion != 1 || len(got.Anchors) != 1 || got.StatusNumber != 1 || got.Over {
		t.Errorf("%+v %v", got, err)
	}
	r.now = r.now.AddDate(0, 0, 7)
	if got, err := u.Show(); err != nil || !got.Over {
		t.Errorf("a week later: %+v %v", got, err)
	}
	if err := os.WriteFile(u.Status, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := u.Show(); !errors.As(err, &e) || e.Reason != update.BadStatus {
		t.Error(err)
	}
}
