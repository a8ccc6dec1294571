package oci

import (
	"encoding/json"
	"fmt"

	"github.com/hallmark-pki/hallmark/format"
)

// fallbackPrefix begins the tag of the image index that lists what refers to a
// manifest, OCI distribution-spec 1.1, "Referrers tag schema".
const fallbackPrefix = "sha256-"

// Signature is a Notary Project signature in a layout, not verified.
type Signature struct {
	Manifest Descriptor
	Envelope []byte // for ParseEnvelope
}

// Signatures returns the JWS signatures that refer to a manifest, in the order of
// index.json. What is broken, of another kind or about another manifest is passed over:
// anybody may add it. format.ErrUnsigned when nothing is left; the error then also says what
// was broken.
func (l *Layout) Signatures(d Descriptor) ([]Signature, error) {
	x, err := l.index()
	if err != nil {
		return nil, err
	}
	var out []Signature
	var broken error
	size := 0
	for _, e := range l.candidates(x, d) {
		s, err := l.signature(e.Descriptor, d)
		switch {
		case err != nil && broken == nil:
			broken = err
		case err == nil && s != nil:
			out, size = append(out, *s), size+len(s.Envelope)
		}
		if len(out) == maxSignatures || size >= maxSignaturesBytes {
			break
		}
	}
	if len(out) == 0 && broken != nil {
		return nil, fmt.Errorf("%w; passed over: %w", format.ErrUnsigned, broken)
	}
	if len(out) == 0 {
		return nil, format.ErrUnsigned
	}
	return out, nil
}

// candidates lists what may refer to d: the entries of index.json, and those of the
// index under the fallback tag. Each digest once.
func (l *Layout) candidates(x index, d Descriptor) []entry {
	all, lists := x.entries, map[string]bool{}
	for _, e := range x.entries {
		if e.tag != fallbackPrefix+d.Hex() || e.MediaType != MediaTypeIndex || lists[e.Digest] || len(lists) == maxLists {
			continue
		}
		lists[e.Digest] = true
		raw, err := l.blob(e.Descriptor, MaxManifestBytes)
		if err != nil {
			continue
		}
		if below, err := readIndex(raw); err == nil {
			all = append(all[:len(all):len(all)], below.entries...)
		}
	}
	seen := map[string]bool{d.Digest: true}
	var out []entry
	for _, e := range all {
		if seen[e.Digest] || e.MediaType != MediaTypeManifest || e.artifactType != "" && e.artifactType != MediaTypeSignature {
			continue
		}
		seen[e.Digest] = true
		out = append(out, e)
	}
	return out
}

// signature reads a signature manifest; nil without an error when it is something
// else, or about another manifest than d.
func (l *Layout) signature(of, d Descriptor) (*Signature, error) {
	fields, err := l.manifest(of)
	if err != nil {
		return nil, err
	}
	if fields["subject"] == nil {
		return nil, nil
	}
	subject, err := readDescriptor(fields["subject"])
	if err != nil {
		return nil, err
	}
	parts, err := children(of, fields)
	if err != nil {
		return nil, err
	}
	if subject != d || parts[0].MediaType != MediaTypeSignature {
		return nil, nil
	}
	if len(parts) != 2 {
		return nil, refuse(BadManifest, "signature manifest %s has %d layers, want 1", of.Digest, len(parts)-1)
	}
	if parts[1].MediaType != MediaTypeEnvelope {
		return nil, refuse(BadManifest, "signature manifest %s holds %.80q, this release reads %s", of.Digest, parts[1].MediaType, MediaTypeEnvelope)
	}
	envelope, err := l.blob(parts[1], MaxEnvelopeBytes)
	if err != nil {
		return nil, err
	}
	return &Signature{of, envelope}, nil
}

// listing is an entry of an index as we write it.
type listing struct {
	Descriptor
	ArtifactType string            `json:"artifactType,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
}

// add lists a manifest, unless it is listed.
func (x *index) add(n listing) error {
	for _, e := range x.entries {
		if e.Digest == n.Digest && e.tag == n.Annotations[refName] {
			return nil
		}
	}
	raw, err := json.Marshal(n)
	if err != nil {
		return err
	}
	x.entries = append(x.entries, entry{Descriptor: n.Descriptor, artifactType: n.ArtifactType, tag: n.Annotations[refName], raw: raw})
	return nil
}

// marshal writes the index with all members that were in it.
func (x *index) marshal() ([]byte, error) {
	list := make([]json.RawMessage, 0, len(x.entries))
	for _, e := range x.entries {
		list = append(list, e.raw)
	}
	manifests, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	x.fields["manifests"] = manifests
	raw, err := json.Marshal(x.fields)
	if err == nil && (len(raw) > MaxManifestBytes || len(list) > maxEntries) {
		err = refuse(TooLarge, "an index of %d manifests and %d bytes", len(list), len(raw))
	}
	return raw, err
}
