package ca

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestNewRootHasANewKey: a vault that makes the next root of the key of the one before
// would make the rollover worth nothing.
func TestNewRootHasANewKey(t *testing.T) {
	c := newCeremony(t)
	now := born.Add(time.Hour)
	c.mustImport(c.mustSign(now), now)
	if _, err := openSite(t, c.dir, now).RolloverRoot(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.readOrder()
	path := filepath.Join(c.vault, "vault.json")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var m vaultManifest
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	m.Keys["root-2"] = m.Keys["root"]
	if raw, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	wantCeremony(t, c.importAnswer(c.mustSign(now), now), CeremonyKey)
}
