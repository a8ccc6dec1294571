package oci

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/hallmark-pki/hallmark/durable"
	"github.com/hallmark-pki/hallmark/format"
)

// modes of new files: what is in a layout is public.
const fileMode = 0o644

// emptyConfig is the config of a signature manifest: "{}", as image-spec has it.
var emptyConfig = []byte("{}")

// Attach puts a signature into the layout as a referrer of d and returns its manifest.
// On return it is durable; after a crash the layout is as before or has it whole. The
// envelope must be about d, and d must still be what the layout holds. The same
// signature again writes nothing. Another one whose chain ends in the same root is
// AlreadySigned unless replace is set, which takes the old one's place; signatures of
// other CAs stay.
func (l *Layout) Attach(ctx context.Context, d Descriptor, envelope []byte, replace bool) (Descriptor, error) {
	m, err := l.attach(ctx, d, envelope, replace)
	if err != nil {
		return Descriptor{}, fmt.Errorf("attach signature to %s: %w", d.Digest, err)
	}
	return m, nil
}

func (l *Layout) attach(ctx context.Context, d Descriptor, raw []byte, replace bool) (Descriptor, error) {
	e, err := ParseEnvelope(raw)
	if err != nil {
		return Descriptor{}, err
	}
	if e.Target != d {
		return Descriptor{}, refuse(OtherArtifact, "the signature is about %s", e.Target.Digest)
	}
	unlock, err := l.lock()
	if err != nil {
		return Descriptor{}, err
	}
	defer unlock()
	if _, err := l.Resolve(Reference{Dir: l.path, Digest: d.Digest}); err != nil {
		return Descriptor{}, err
	}
	x, err := l.index()
	if err != nil {
		return Descriptor{}, err
	}
	same, old, err := l.others(d, e, raw)
	if err != nil {
		return Descriptor{}, err
	}
	if same != nil {
		return *same, nil
	}
	if len(old) > 0 && !replace {
		return Descriptor{}, refuse(AlreadySigned, "it carries another signature of this CA, %s", old[0].Digest)
	}
	manifest, err := l.writeSignature(d, e, raw)
	if err != nil {
		return Descriptor{}, err
	}
	if err := ctx.Err(); err != nil {
		return Descriptor{}, err
	}
	return manifest, l.list(x, d, manifest, old)
}

// lock keeps two programs from writing index.json at once. It is given back when the
// process ends, however that is.
func (l *Layout) lock() (func(), error) {
	f, err := os.Open(l.path)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", l.path, err)
	}
	return func() { _ = f.Close() }, nil
}

// others looks at the signatures of d that are there: the same one, and those whose
// chain ends in the same root as e's.
func (l *Layout) others(d Descriptor, e Envelope, raw []byte) (same *Descriptor, rivals []Descriptor, err error) {
	all, err := l.Signatures(d)
	if err != nil && !errors.Is(err, format.ErrUnsigned) {
		return nil, nil, err
	}
	for _, s := range all {
		if bytes.Equal(s.Envelope, raw) {
			return &s.Manifest, nil, nil
		}
		other, err := ParseEnvelope(s.Envelope)
		if err == nil && bytes.Equal(other.Chain[len(other.Chain)-1], e.Chain[len(e.Chain)-1]) {
			rivals = append(rivals, s.Manifest)
		}
	}
	return nil, rivals, nil
}

// writeSignature writes the blobs of a signature: envelope, config, manifest.
func (l *Layout) writeSignature(d Descriptor, e Envelope, raw []byte) (Descriptor, error) {
	thumbprints, err := thumbprints(e.Chain)
	if err != nil {
		return Descriptor{}, err
	}
	layer, err := l.write(MediaTypeEnvelope, raw)
	if err != nil {
		return Descriptor{}, err
	}
	config, err := l.write(MediaTypeSignature, emptyConfig)
	if err != nil {
		return Descriptor{}, err
	}
	manifest, err := json.Marshal(struct {
		SchemaVersion int               `json:"schemaVersion"`
		MediaType     string            `json:"mediaType"`
		Config        Descriptor        `json:"config"`
		Layers        []Descriptor      `json:"layers"`
		Subject       Descriptor        `json:"subject"`
		Annotations   map[string]string `json:"annotations"`
	}{2, MediaTypeManifest, config, []Descriptor{layer}, d, map[string]string{
		"io.cncf.notary.x509chain.thumbprint#S256": thumbprints,
		"org.opencontainers.image.created":         e.SigningTime.UTC().Format(time.RFC3339),
	}})
	if err != nil {
		return Descriptor{}, err
	}
	return l.write(MediaTypeManifest, manifest)
}

// thumbprints is the JSON list by which registries can be searched for a signer,
// Notary Project signature specification §Storage.
func thumbprints(chain [][]byte) (string, error) {
	var list []string
	for _, der := range chain {
		if _, err := x509.ParseCertificate(der); err != nil {
			return "", refuse(BadEnvelope, "certificate: %v", err)
		}
		sum := sha256.Sum256(der)
		list = append(list, strings.ToUpper(hex.EncodeToString(sum[:])))
	}
	raw, err := json.Marshal(list)
	return string(raw), err
}

// write writes a blob, unless it is there.
func (l *Layout) write(mediaType string, raw []byte) (Descriptor, error) {
	d := NewDescriptor(mediaType, sha256.Sum256(raw), int64(len(raw)))
	if old, err := l.blob(d, d.Size); err == nil && bytes.Equal(old, raw) {
		return d, nil
	}
	// Through root, which follows no link out of the layout.
	if info, err := l.root.Stat(filepath.Dir(blobName(d.Hex()))); err != nil || !info.IsDir() {
		return Descriptor{}, refuse(NotALayout, "it has no folder blobs/sha256")
	}
	return d, durable.WriteFile(filepath.Join(l.path, blobName(d.Hex())), raw, fileMode)
}

// list enters a signature into index.json and into the index under the fallback tag,
// and takes old ones out. index.json is written last: until then nothing has changed
// for a reader.
func (l *Layout) list(x index, d, manifest Descriptor, old []Descriptor) error {
	isOld := func(e entry) bool {
		return slices.ContainsFunc(old, func(o Descriptor) bool { return o.Digest == e.Digest })
	}
	tag := fallbackPrefix + d.Hex()
	below := index{fields: map[string]json.RawMessage{"schemaVersion": json.RawMessage("2"), "mediaType": json.RawMessage(`"` + MediaTypeIndex + `"`)}}
	for _, e := range x.entries {
		if e.tag != tag || e.MediaType != MediaTypeIndex {
			continue
		}
		raw, err := l.blob(e.Descriptor, MaxManifestBytes)
		if err == nil {
			below, err = readIndex(raw)
		}
		if err != nil {
			return fmt.Errorf("index tagged %s: %w", tag, err)
		}
	}
	below.entries = slices.DeleteFunc(below.entries, isOld)
	if err := below.add(listing{Descriptor: manifest, ArtifactType: MediaTypeSignature}); err != nil {
		return err
	}
	raw, err := below.marshal()
	if err != nil {
		return err
	}
	fallback, err := l.write(MediaTypeIndex, raw)
	if err != nil {
		return err
	}
	x.entries = slices.DeleteFunc(x.entries, func(e entry) bool { return isOld(e) || e.tag == tag })
	if err := x.add(listing{Descriptor: manifest, ArtifactType: MediaTypeSignature}); err != nil {
		return err
	}
	if err := x.add(listing{Descriptor: fallback, Annotations: map[string]string{refName: tag}}); err != nil {
		return err
	}
	if raw, err = x.marshal(); err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(l.path, indexFile), raw, fileMode)
}
