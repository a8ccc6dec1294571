package oci

import (
	"context"
	"crypto/sha256"
	"encoding/json"
)

// Check reads everything below a manifest, to the last layer, and holds each blob
// against the digest that names it. A blob that is not there is BlobMissing: whoever
// installs from the layout could not be told that all of it was looked at. So is a list for
// Docker that names something else.
func (l *Layout) Check(ctx context.Context, d Descriptor) error {
	w := walk{layout: l, seen: map[string]Descriptor{}, images: map[[sha256.Size]byte]bool{}}
	if err := w.visit(ctx, d, 1); err != nil {
		return err
	}
	return w.checkDocker()
}

// walk remembers what was read, by digest: a hundred mentions of one layer cost one reading.
type walk struct {
	layout *Layout
	seen   map[string]Descriptor
	images map[[sha256.Size]byte]bool // by imageName
}

func (w *walk) visit(ctx context.Context, d Descriptor, level int) error {
	if err := checkDigest(d.Digest); err != nil {
		return err
	}
	if before, ok := w.seen[d.Digest]; ok {
		if before.Size != d.Size || before.isManifest() != d.isManifest() {
			return refuse(BadDescriptor, "%s is mentioned with different sizes or media types", d.Digest)
		}
		return nil
	}
	if len(w.seen) == maxBlobs {
		return refuse(TooLarge, "more than %d blobs", maxBlobs)
	}
	w.seen[d.Digest] = d
	if !d.isManifest() {
		return w.layout.checkBlob(ctx, d)
	}
	if level > maxLevels {
		return refuse(TooLarge, "manifests nested more than %d deep", maxLevels)
	}
	fields, err := w.layout.manifest(d)
	if err != nil {
		return err
	}
	below, err := children(d, fields)
	if err != nil {
		return err
	}
	if !d.isIndex() {
		w.images[imageName(below)] = true
	}
	for _, c := range below {
		if err := w.visit(ctx, c, level+1); err != nil {
			return err
		}
	}
	return nil
}

// children lists what a manifest consists of: an index's manifests, or an image's config
// and layers. Its subject is what it refers to and no part of it.
func children(d Descriptor, fields map[string]json.RawMessage) ([]Descriptor, error) {
	name := "layers"
	if d.isIndex() {
		name = "manifests"
	}
	list, err := member[[]json.RawMessage](fields, name)
	if err != nil {
		return nil, refuse(BadManifest, "%s: %v", d.Digest, err)
	}
	if len(list) > maxEntries {
		return nil, refuse(TooLarge, "%s has %d %s, at most %d", d.Digest, len(list), name, maxEntries)
	}
	if !d.isIndex() {
		config, ok := fields["config"]
		if !ok {
			return nil, refuse(BadManifest, "%s has no config", d.Digest)
		}
		list = append([]json.RawMessage{config}, list...)
	}
	var out []Descriptor
	for _, raw := range list {
		c, err := readDescriptor(raw)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}
