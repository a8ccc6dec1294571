package audit

import (
	"bytes"
	"testing"

	"github.com/hallmark-pki/hallmark/store"
)

// edited is a register whose slsa-v0.1 catalogue asks at level 1 for what was asked at level 4.
func (w *world) edited(t *testing.T) *Register {
	t.Helper()
	f, ok := catalogue(t).Lookup("slsa-v0.1")
	if !ok {
		t.Fatal("no slsa-v0.1")
	}
	raw := bytes.Replace(f.YAML, []byte("from_level: 4"), []byte("from_level: 1"), 1)
	changed, err := ParseFramework(raw)
	if err != nil {
		t.Fatal(err)
	}
	c := new(Catalogue)
	for _, other := range catalogue(t).All() {
		if other.ID == f.ID {
			other = changed
		}
		if err := c.Add(other); err != nil {
			t.Fatal(err)
		}
	}
	conf := w.reg.cfg
	conf.Catalogue = c
	reg, err := New(conf)
	if err != nil {
		t.Fatal(err)
	}
	return reg
}

// TestEditingACatalogueChangesNoOldResult: an assessment is judged by the edition it
// pins, for ever; a new one must be made against the current edition.
func TestEditingACatalogueChangesNoOldResult(t *testing.T) {
	w := newWorld(t)
	if err := w.reg.Keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	waiting := w.submit(t, assessment(t, 3))
	later := w.edited(t)
	for range 2 { // keeping again changes nothing
		if err := later.Keep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	rec, err := w.acceptOn(t, t.Context(), later, waiting.ID, "olga")
	if err != nil {
		t.Fatal(err)
	}
	w.view(t, func(r store.Reader) error {
		a, err := Open(r, rec)
		if err != nil {
			return err
		}
		for range 2 { // the second time from memory
			f, track, err := later.cfg.Catalogue.Pinned(r, a)
			if err != nil {
				return err
			}
			if got := track.Compute(a.Findings); got.Level != 3 || f.DigestHex() != rec.CatalogueSHA256 {
				t.Errorf("level %d by catalogue %s", got.Level, f.DigestHex())
			}
		}
		current, _ := later.cfg.Catalogue.Lookup("slsa-v0.1")
		if track, _ := current.Track("slsa"); track.Compute(a.Findings).Level != 0 {
			t.Error("the edit changes nothing, so this test shows nothing")
		}
		return nil
	})
	_, err = later.Submit(t.Context(), w.sign(t, assessment(t, 2)), "quill")
	wantRefusal(t, err, CodeCatalogue, "framework.digest")
}

func TestPinnedRefuses(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		code   Code
		field  string
		change func(a *Assessment)
	}{
		"unknown digest":    {CodeCatalogue, "framework.digest", func(a *Assessment) { a.Framework.Digest["sha256"] = "00" }},
		"no digest":         {CodeCatalogue, "framework.digest", func(a *Assessment) { a.Framework.Digest = nil }},
		"another framework": {CodeFramework, "framework", func(a *Assessment) { a.Framework.ID = "slsa-v1.2" }},
		"another uri":       {CodeFramework, "framework", func(a *Assessment) { a.Framework.URI += "x" }},
		"no such track":     {CodeFramework, "framework", func(a *Assessment) { a.Framework.Track = "source" }},
	} {
		a := assessment(t, 3)
		c.change(&a)
		w.view(t, func(r store.Reader) error {
			_, _, err := w.reg.cfg.Catalogue.Pinned(r, a)
			t.Run(name, func(t *testing.T) { wantRefusal(t, err, c.code, c.field) })
			return nil
		})
	}
}
