package oci

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Layout is an open image layout. Nothing outside of its folder is read, whatever
// symbolic links lie in it. Safe for concurrent use but for Attach.
type Layout struct {
	path string
	root *os.Root
}

const (
	layoutFile    = "oci-layout"
	indexFile     = "index.json"
	layoutVersion = "1.0.0"
	refName       = "org.opencontainers.image.ref.name"
	containerName = "io.containerd.image.name" // which containerd takes before the other
)

// IsLayout reports whether path is a folder with a file oci-layout in it.
func IsLayout(path string) bool {
	info, err := os.Stat(filepath.Join(path, layoutFile))
	return err == nil && info.Mode().IsRegular()
}

// Open opens a folder that is an image layout. The caller must Close it.
func Open(path string) (*Layout, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, refuse(NotALayout, "%v", err))
	}
	l := &Layout{path: path, root: root}
	if err := l.checkVersion(); err != nil {
		_ = root.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return l, nil
}

func (l *Layout) checkVersion() error {
	raw, err := l.small(layoutFile, maxLayoutBytes)
	if err != nil {
		return refuse(NotALayout, "%v", err)
	}
	fields, err := object(raw)
	if err != nil {
		return refuse(NotALayout, "%s: %v", layoutFile, err)
	}
	version, err := member[string](fields, "imageLayoutVersion")
	if err != nil || version != layoutVersion {
		return refuse(NotALayout, "imageLayoutVersion %.32q, this release reads %s", version, layoutVersion)
	}
	return nil
}

// Close closes the folder.
func (l *Layout) Close() error { return l.root.Close() }

// open opens a regular file of the layout. O_NONBLOCK keeps a FIFO from hanging us.
func (l *Layout) open(name string) (*os.File, int64, error) {
	f, err := l.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, 0, refuse(BlobMissing, "%s is not in the layout", name)
	case err != nil:
		return nil, 0, refuse(NotRegular, "%v", err) // links that lead out of the folder end here too
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = refuse(NotRegular, "%s is a %s", name, info.Mode().Type())
	}
	if err != nil {
		_ = f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// small reads a file of at most max bytes.
func (l *Layout) small(name string, max int64) ([]byte, error) {
	f, size, err := l.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > max {
		return nil, refuse(TooLarge, "%s has %d bytes, at most %d", name, size, max)
	}
	raw, err := io.ReadAll(io.LimitReader(f, max+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if int64(len(raw)) > max {
		return nil, refuse(TooLarge, "%s has more than %d bytes", name, max)
	}
	return raw, nil
}

func blobName(hexDigest string) string { return "blobs/sha256/" + hexDigest }

// blob reads a blob of at most max bytes and holds it against its descriptor.
func (l *Layout) blob(d Descriptor, max int64) ([]byte, error) {
	if err := checkDigest(d.Digest); err != nil {
		return nil, err
	}
	if d.Size > max {
		return nil, refuse(TooLarge, "%s has %d bytes, at most %d", d.Digest, d.Size, max)
	}
	raw, err := l.small(blobName(d.Hex()), max)
	if err != nil {
		return nil, err
	}
	if int64(len(raw)) != d.Size {
		return nil, refuse(BlobSize, "%s has %d bytes, its descriptor says %d", d.Digest, len(raw), d.Size)
	}
	if sum := sha256.Sum256(raw); hex.EncodeToString(sum[:]) != d.Hex() {
		return nil, refuse(BlobDigest, "%s has the SHA-256 %x", d.Digest, sum)
	}
	return raw, nil
}

// checkBlob is blob for content of any size: it is read once, in pieces.
func (l *Layout) checkBlob(ctx context.Context, d Descriptor) error {
	f, size, err := l.open(blobName(d.Hex()))
	if err != nil {
		return err
	}
	defer f.Close()
	if size != d.Size {
		return refuse(BlobSize, "%s has %d bytes, its descriptor says %d", d.Digest, size, d.Size)
	}
	h := sha256.New()
	buf := make([]byte, min(copyBufferBytes, size+1))
	n, err := io.CopyBuffer(struct{ io.Writer }{h}, canceled{ctx, io.LimitReader(f, size+1)}, buf)
	switch {
	case err != nil:
		return fmt.Errorf("read %s: %w", d.Digest, err)
	case n != d.Size:
		return refuse(BlobSize, "%s changed while being read", d.Digest)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != d.Hex() {
		return refuse(BlobDigest, "%s has the SHA-256 %s", d.Digest, got)
	}
	return nil
}

// canceled is a reader that ends with its context.
type canceled struct {
	ctx context.Context
	r   io.Reader
}

func (c canceled) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// entry is one manifest that an index lists.
type entry struct {
	Descriptor
	artifactType string
	tag          string
	name         string // for containerd
	raw          json.RawMessage
}

// isCalled reports whether some tool would take the entry for what goes by a tag.
func (e entry) isCalled(tag string) bool {
	return e.tag == tag || strings.HasSuffix(e.tag, ":"+tag) || strings.HasSuffix(e.name, ":"+tag)
}

// index is index.json or an image index, with what is needed to write it again.
type index struct {
	fields  map[string]json.RawMessage
	entries []entry
}

func readIndex(raw []byte) (index, error) {
	fields, err := object(raw)
	if err != nil {
		return index{}, refuse(BadManifest, "index: %v", err)
	}
	if err := checkSchema(fields); err != nil {
		return index{}, err
	}
	list, err := member[[]json.RawMessage](fields, "manifests")
	if err != nil {
		return index{}, refuse(BadManifest, "index: %v", err)
	}
	if len(list) > maxEntries {
		return index{}, refuse(TooLarge, "an index of %d manifests, at most %d", len(list), maxEntries)
	}
	out := index{fields: fields}
	for _, raw := range list {
		e, err := readEntry(raw)
		if err != nil {
			return index{}, err
		}
		out.entries = append(out.entries, e)
	}
	return out, nil
}

func readEntry(raw json.RawMessage) (entry, error) {
	d, err := readDescriptor(raw)
	if err != nil {
		return entry{}, err
	}
	fields, err := object(raw)
	if err != nil {
		return entry{}, refuse(BadDescriptor, "%v", err)
	}
	e := entry{Descriptor: d, raw: raw}
	if e.artifactType, err = member[string](fields, "artifactType"); err != nil {
		return entry{}, refuse(BadDescriptor, "%v", err)
	}
	annotations, err := member[map[string]string](fields, "annotations")
	if err != nil {
		return entry{}, refuse(BadDescriptor, "%v", err)
	}
	e.tag, e.name = annotations[refName], annotations[containerName]
	return e, nil
}

func checkSchema(fields map[string]json.RawMessage) error {
	version, err := member[int](fields, "schemaVersion")
	if err != nil || version != 2 {
		return refuse(BadManifest, "schemaVersion %.16q, want 2", fields["schemaVersion"])
	}
	return nil
}

// index reads index.json.
func (l *Layout) index() (index, error) {
	raw, err := l.small(indexFile, MaxManifestBytes)
	if err != nil {
		return index{}, refuse(NotALayout, "%v", err)
	}
	return readIndex(raw)
}

// Resolve finds the descriptor that a reference means and reads its manifest.
func (l *Layout) Resolve(ref Reference) (Descriptor, error) {
	x, err := l.index()
	if err != nil {
		return Descriptor{}, fmt.Errorf("%s: %w", ref, err)
	}
	d, err := l.resolve(x, ref)
	if err == nil {
		err = d.Check()
	}
	if err == nil {
		_, err = l.manifest(d)
	}
	if err != nil {
		return Descriptor{}, fmt.Errorf("%s: %w", ref, err)
	}
	return d, nil
}

func (l *Layout) resolve(x index, ref Reference) (Descriptor, error) {
	var found []Descriptor
	referrers := map[Descriptor]bool{} // so that none is read twice
	for _, e := range x.entries {
		switch {
		case ref.Digest != "" && e.Digest != ref.Digest, ref.Tag != "" && !e.isCalled(ref.Tag):
			continue
		case slices.Contains(found, e.Descriptor):
			continue
		case ref.Digest == "" && ref.Tag == "":
			own, err := l.isArtifact(e, referrers)
			if err != nil {
				return Descriptor{}, err
			}
			if !own {
				continue
			}
		}
		found = append(found, e.Descriptor)
	}
	switch {
	case len(found) == 0:
		return Descriptor{}, refuse(NotFound, "nothing in %s goes by that name", indexFile)
	case len(found) == 1:
		return found[0], nil
	case ref.Digest != "":
		return Descriptor{}, refuse(BadDescriptor, "%s gives that digest different sizes or media types", indexFile)
	case ref.Tag != "":
		return Descriptor{}, refuse(Ambiguous, "%s gives that tag to %d manifests", indexFile, len(found))
	}
	return Descriptor{}, refuse(Ambiguous, "the layout holds %d artefacts: name one, DIR:TAG or DIR@sha256:HEX", len(found))
}

// isArtifact tells what somebody put into the layout from what refers to it. The latter
// has no tag, or one that says so: whatever else has one is there to be run by it.
// referrers are those that are known to refer.
func (l *Layout) isArtifact(e entry, referrers map[Descriptor]bool) (bool, error) {
	if isReferrerTag(e.tag) {
		return false, nil
	}
	if !referrers[e.Descriptor] {
		m, err := l.manifest(e.Descriptor)
		if err != nil || m["subject"] == nil {
			return err == nil, err
		}
		referrers[e.Descriptor] = true
	}
	return e.tag != "" || e.name != "", nil
}

// isReferrerTag reports whether a tag is that of an index of referrers, or one by which
// cosign finds what it has about an image: the image's digest, and perhaps a suffix.
func isReferrerTag(tag string) bool {
	digits, ok := strings.CutPrefix(tag, fallbackPrefix)
	digits, _, _ = strings.Cut(digits, ".")
	return ok && checkDigest(digestPrefix+digits) == nil
}

// manifest reads a manifest or index, and holds it against its media type.
func (l *Layout) manifest(d Descriptor) (map[string]json.RawMessage, error) {
	raw, err := l.blob(d, MaxManifestBytes)
	if err != nil {
		return nil, err
	}
	return readManifest(d, raw)
}

// readManifest refuses bytes that could be taken for another kind of manifest than
// the descriptor says (image-spec's advice after CVE-2021-41190).
func readManifest(d Descriptor, raw []byte) (map[string]json.RawMessage, error) {
	fields, err := object(raw)
	if err != nil {
		return nil, refuse(BadManifest, "%s: %v", d.Digest, err)
	}
	if err := checkSchema(fields); err != nil {
		return nil, err
	}
	inside, err := member[string](fields, "mediaType")
	if err != nil {
		return nil, refuse(BadManifest, "%s: %v", d.Digest, err)
	}
	isDocker := d.MediaType == MediaTypeDockerManifest || d.MediaType == MediaTypeDockerList
	if inside != d.MediaType && (inside != "" || isDocker) {
		return nil, refuse(BadManifest, "%s calls itself %.80q, its descriptor says %s", d.Digest, inside, d.MediaType)
	}
	not := []string{"manifests"}
	if d.isIndex() {
		not = []string{"config", "layers"}
	}
	for _, name := range not {
		if fields[name] != nil {
			return nil, refuse(BadManifest, "%s is said to be %s and has a member %q", d.Digest, d.MediaType, name)
		}
	}
	return fields, nil
}
