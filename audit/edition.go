package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/hallmark-pki/hallmark/store"
)

// Keep puts the editions that the register works with on record, where they stay: an
// assessment is judged by the edition it names, whatever becomes of the files. Call it
// when the server starts.
func (r *Register) Keep(ctx context.Context) error {
	now := r.now()
	return r.cfg.Store.Update(ctx, func(tx store.Tx) error {
		for _, f := range r.cfg.Catalogue.All() {
			rec := store.Catalogue{SHA256: f.DigestHex(), Framework: f.ID, Version: f.Version, YAML: f.YAML, FirstSeen: now}
			_, err := store.Catalogues.Get(tx, rec.SHA256)
			if errors.Is(err, store.ErrNotFound) {
				err = store.Catalogues.Insert(tx, rec)
			}
			if err != nil {
				return fmt.Errorf("keep catalogue %s: %w", f.ID, err)
			}
		}
		return nil
	})
}

// Pinned returns the framework and track that an assessment was made against: the very
// edition whose digest it states. One that this CA has never worked with is a *Refusal
// with CodeCatalogue.
func (c *Catalogue) Pinned(r store.Reader, a Assessment) (Framework, Track, error) {
	f, err := c.edition(r, a.Framework.Digest["sha256"])
	if err != nil {
		return Framework{}, Track{}, err
	}
	track, ok := f.Track(a.Framework.Track)
	if !ok || f.ID != a.Framework.ID || f.URI != a.Framework.URI {
		return Framework{}, Track{}, refuse(CodeFramework, "framework", "catalogue %s is not that of %s, track %s", f.DigestHex(), clip(a.Framework.ID), clip(a.Framework.Track))
	}
	return f, track, nil
}

// edition finds a framework by the digest of its catalogue: a current one, or one that
// was current once.
func (c *Catalogue) edition(r store.Reader, sha256 string) (Framework, error) {
	if f, ok := c.find(func(f Framework) bool { return f.DigestHex() == sha256 }); ok {
		return f, nil
	}
	if f, ok := c.editions.Load(sha256); ok {
		return f.(Framework), nil
	}
	rec, err := store.Catalogues.Get(r, sha256)
	if errors.Is(err, store.ErrNotFound) || sha256 == "" {
		return Framework{}, refuse(CodeCatalogue, "framework.digest", "no catalogue with SHA-256 %s is known here", clip(sha256))
	}
	if err != nil {
		return Framework{}, err
	}
	f, err := ParseFramework(rec.YAML)
	if err == nil && f.DigestHex() != sha256 {
		err = fmt.Errorf("its digest is %s", f.DigestHex())
	}
	if err != nil {
		return Framework{}, fmt.Errorf("catalogue %s on record: %w", sha256, err)
	}
	c.editions.Store(sha256, f)
	return f, nil
}
