package ca

import (
	"path/filepath"
	"testing"
	"time"
)

// placed opens a hierarchy for a change with places for new keys.
func placed(t *testing.T, dir string, now time.Time, places map[string]string) *Site {
	t.Helper()
	s := openSite(t, dir, now)
	s.cfg.Keys = places
	return s
}

// TestKeyBesideAnOfflineRoot: the successor of a key that is offline is made in the
// ceremony. Another of its name on the server would be the one that hierarchy.json names.
func TestKeyBesideAnOfflineRoot(t *testing.T) {
	c := newCeremony(t)
	now := born.Add(time.Hour)
	c.mustImport(c.mustSign(now), now)
	for name, change := range map[string]func(*Site) (Change, error){
		"root-2":         func(s *Site) (Change, error) { return s.RolloverRoot(t.Context()) },
		"timestamping-2": func(s *Site) (Change, error) { return s.RolloverTimestamping(t.Context()) },
	} {
		change, err := change(placed(t, c.dir, now, map[string]string{name: filePlace(name)}))
		if err == nil {
			t.Errorf("%s: made, and ordered as %v", name, change.Made)
		}
		if left, _ := filepath.Glob(filepath.Join(c.dir, "keys", name+"*")); len(left) != 0 || orderPending(c.dir) {
			t.Errorf("%s: left %v, order %t", name, left, orderPending(c.dir))
		}
	}
	c.noRootKey()
}

// TestPlaceOneOfTwoKeys: the timestamping CA and its authority get new keys together, and
// each can be placed.
func TestPlaceOneOfTwoKeys(t *testing.T) {
	dir := smallHierarchy(t)
	now := born.Add(time.Hour)
	for _, pair := range [][2]string{{"tsa-2", "timestamping-2"}, {"timestamping-3", "tsa-3"}} {
		name, other := pair[0], pair[1]
		place := "file:keys/placed-" + name + ".pem"
		if _, err := placed(t, dir, now, map[string]string{name: place}).RolloverTimestamping(t.Context()); err != nil {
			t.Fatalf("place %s: %v", name, err)
		}
		m, err := readManifest(dir)
		if err != nil || m.place(name) != place || m.place(other) != filePlace(other) {
			t.Errorf("%s is at %s, %s at %s (%v)", name, m.place(name), other, m.place(other), err)
		}
	}
	if _, err := placed(t, dir, now, map[string]string{"tsa-9": "file:keys/x.pem"}).RolloverTimestamping(t.Context()); err == nil {
		t.Error("placed a key that is not made")
	}
}
