package oci

import (
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
)

// Media types, OCI image-spec 1.1 and Notary Project signature specification 1.0.
const (
	MediaTypeManifest       = "application/vnd.oci.image.manifest.v1+json"
	MediaTypeIndex          = "application/vnd.oci.image.index.v1+json"
	MediaTypeDockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	MediaTypeDockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	MediaTypeSignature      = "application/vnd.cncf.notary.signature"
	MediaTypeEnvelope       = "application/jose+json"
	MediaTypePayload        = "application/vnd.cncf.notary.payload.v1+json"
)

// Descriptor names content, OCI image-spec 1.1, descriptor.md.
type Descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"` // "sha256:" and 64 lower-case hex
	Size      int64  `json:"size"`   // bytes
}

const digestPrefix = "sha256:"

// NewDescriptor names a manifest by its digest.
func NewDescriptor(mediaType string, digest [32]byte, size int64) Descriptor {
	return Descriptor{mediaType, digestPrefix + hex.EncodeToString(digest[:]), size}
}

// Hex is the digest without its algorithm; of a descriptor that passed Check, 64
// lower-case hex.
func (d Descriptor) Hex() string { return strings.TrimPrefix(d.Digest, digestPrefix) }

// SHA256 is the digest's bytes; of a descriptor that passed Check.
func (d Descriptor) SHA256() [32]byte {
	var out [32]byte
	if b, err := hex.DecodeString(d.Hex()); err == nil && len(b) == len(out) {
		copy(out[:], b)
	}
	return out
}

// Check refuses what cannot name a manifest that is to be signed: only images and
// indexes are, under the four media types that they have.
func (d Descriptor) Check() error {
	if !slices.Contains([]string{MediaTypeManifest, MediaTypeIndex, MediaTypeDockerManifest, MediaTypeDockerList}, d.MediaType) {
		return refuse(BadDescriptor, "media type %.80q is none of an image or an index", d.MediaType)
	}
	if err := checkDigest(d.Digest); err != nil {
		return err
	}
	if d.Size < 1 || d.Size > MaxManifestBytes {
		return refuse(BadDescriptor, "a manifest of %d bytes, want 1 to %d", d.Size, MaxManifestBytes)
	}
	return nil
}

func (d Descriptor) isIndex() bool {
	return d.MediaType == MediaTypeIndex || d.MediaType == MediaTypeDockerList
}

func (d Descriptor) isManifest() bool {
	return d.isIndex() || d.MediaType == MediaTypeManifest || d.MediaType == MediaTypeDockerManifest
}

// checkDigest wants SHA-256: another algorithm is another name for the same bytes, and
// evidence is filed under one.
func checkDigest(s string) error {
	digits, ok := strings.CutPrefix(s, digestPrefix)
	if !ok {
		return refuse(DigestAlgorithm, "%.80q is not a SHA-256", s)
	}
	if len(digits) != 64 || strings.Trim(digits, "0123456789abcdef") != "" {
		return refuse(BadDescriptor, "digest %.80q is not 64 lower-case hex", s)
	}
	return nil
}

// readDescriptor reads a descriptor inside of a manifest. Members beside the three
// mean nothing for what is signed.
func readDescriptor(raw json.RawMessage) (Descriptor, error) {
	fields, err := object(raw)
	if err != nil {
		return Descriptor{}, refuse(BadDescriptor, "%v", err)
	}
	var d Descriptor
	if d.MediaType, err = text(fields, "mediaType", maxTextBytes); err != nil {
		return Descriptor{}, refuse(BadDescriptor, "%v", err)
	}
	if d.Digest, err = text(fields, "digest", maxTextBytes); err != nil {
		return Descriptor{}, refuse(BadDescriptor, "%v", err)
	}
	if _, ok := fields["size"]; !ok {
		return Descriptor{}, refuse(BadDescriptor, "no size")
	}
	if d.Size, err = member[int64](fields, "size"); err != nil {
		return Descriptor{}, refuse(BadDescriptor, "%v", err)
	}
	if d.Size < 0 {
		return Descriptor{}, refuse(BadDescriptor, "%d bytes", d.Size)
	}
	return d, checkDigest(d.Digest)
}
