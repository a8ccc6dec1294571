package oci

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/hallmark-pki/hallmark/format"
)

// Kind of the signatures made here.
const Kind format.Kind = "oci"

// Format implements format.Format for manifests in image layouts. A path is a
// Reference in its text form.
//
// What is signed is a descriptor, of which a digest is only a third: before ToBeSigned,
// Describe says the rest.
type Format struct {
	mediaType string
	size      int64
}

// Describe returns the format of one manifest: its media type and its size in bytes.
func (Format) Describe(mediaType string, size int64) format.Format { return Format{mediaType, size} }

// Kind implements format.Format.
func (Format) Kind() format.Kind { return Kind }

// Algorithm implements format.Format: evidence names the manifest's SHA-256.
func (Format) Algorithm() string { return format.SHA256 }

// Detect implements format.Format. A file of that very name is no layout, whatever its
// name looks like.
func (Format) Detect(path string) (bool, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil:
		return info.IsDir() && IsLayout(path), nil
	case !errors.Is(err, fs.ErrNotExist):
		return false, nil // whoever opens it will hear about it
	}
	// Also what names a layout and then no tag or digest: Open says what is wrong with it.
	for _, at := range []int{strings.Index(path, "@"), strings.LastIndex(path, ":")} {
		if at > 0 && IsLayout(path[:at]) {
			return true, nil
		}
	}
	return false, nil
}

// Open implements format.Format. The Artifact is an *Artifact.
func (Format) Open(path string) (format.Artifact, error) { return OpenArtifact(path) }

// ToBeSigned implements format.Format; it needs Describe.
func (f Format) ToBeSigned(digest [sha256.Size]byte) (format.ToBeSigned, error) {
	payload, err := Payload(NewDescriptor(f.mediaType, digest, f.size))
	if err != nil {
		return format.ToBeSigned{}, err
	}
	return format.ToBeSigned{Envelope: format.JWS, Payload: payload, MediaType: MediaTypePayload}, nil
}

// Attach implements format.Format. The path that it returns is the layout's manifest of
// the signature, as a Reference.
func (Format) Attach(path string, signature []byte, o format.Options) (string, error) {
	a, err := OpenArtifact(path)
	if err != nil {
		return "", err
	}
	defer a.Close()
	if got := a.Descriptor.SHA256(); o.Digest != ([sha256.Size]byte{}) && o.Digest != got {
		return "", refuse(Changed, "%s now means %s, the signature was made over %x", path, a.Descriptor.Digest, o.Digest)
	}
	if err := a.Check(context.Background()); err != nil {
		return "", err
	}
	m, err := a.layout.Attach(context.Background(), a.Descriptor, signature, o.Replace)
	if err != nil {
		return "", err
	}
	return Reference{Dir: a.reference.Dir, Digest: m.Digest}.String(), nil
}

// Artifact is a manifest in an open layout.
type Artifact struct {
	Descriptor Descriptor
	reference  Reference
	layout     *Layout
}

// OpenArtifact opens the layout of a reference and finds its manifest. The caller must
// Close it.
func OpenArtifact(reference string) (*Artifact, error) {
	ref := Reference{Dir: reference}
	if !IsLayout(reference) { // a folder may have a colon in its name
		var err error
		if ref, err = ParseReference(reference); err != nil {
			return nil, err
		}
	}
	l, err := Open(ref.Dir)
	if err != nil {
		return nil, err
	}
	d, err := l.Resolve(ref)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &Artifact{d, ref, l}, nil
}

// Close implements format.Artifact.
func (a *Artifact) Close() error { return a.layout.Close() }

// Check reads everything that the manifest names.
func (a *Artifact) Check(ctx context.Context) error { return a.layout.Check(ctx, a.Descriptor) }

// Signatures returns what Layout.Signatures does.
func (a *Artifact) Signatures() ([]Signature, error) { return a.layout.Signatures(a.Descriptor) }

// Digests implements format.Artifact: the manifest's, after everything below it was
// found to be what the manifest says.
func (a *Artifact) Digests() (format.Digests, error) {
	if err := a.Check(context.Background()); err != nil {
		return format.Digests{}, err
	}
	digest := a.Descriptor.SHA256()
	return format.Digests{SHA256: digest, Signed: digest}, nil
}

// Signature implements format.Artifact: of several, the one that was added last.
func (a *Artifact) Signature() ([]byte, error) {
	all, err := a.Signatures()
	if err != nil {
		return nil, err
	}
	return all[len(all)-1].Envelope, nil
}
