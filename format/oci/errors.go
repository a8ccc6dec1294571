package oci

import (
	"fmt"

	"github.com/hallmark-pki/hallmark/format"
)

// Reason says what is wrong. The values are stable: programs switch on them.
type Reason string

const (
	// BadReference: not DIR, DIR:TAG or DIR@sha256:HEX.
	BadReference Reason = "bad-reference"
	// NotALayout: no folder with an oci-layout of version 1.0.0 and an index.json.
	NotALayout Reason = "not-a-layout"
	// NotFound: the layout has nothing under that tag or digest.
	NotFound Reason = "not-found"
	// Ambiguous: more than one artefact is meant, or one tag stands at two manifests.
	Ambiguous Reason = "ambiguous"
	// BadDescriptor: a descriptor whose media type, digest or size cannot be meant, or
	// two descriptors of one digest that differ.
	BadDescriptor Reason = "bad-descriptor"
	// DigestAlgorithm: a digest that is not SHA-256.
	DigestAlgorithm Reason = "digest-algorithm"
	// BlobMissing: a blob that a manifest names is not in the layout.
	BlobMissing Reason = "blob-missing"
	// BlobSize: a blob is longer or shorter than its descriptor says.
	BlobSize Reason = "blob-size"
	// BlobDigest: a blob is not the one that its descriptor names.
	BlobDigest Reason = "blob-digest"
	// NotRegular: a file of the layout is a folder, device, FIFO or socket, or leads out of it.
	NotRegular Reason = "not-regular"
	// BadManifest: a manifest that is malformed, or is not what its descriptor says.
	BadManifest Reason = "bad-manifest"
	// TooLarge: a bound on size or number was exceeded.
	TooLarge Reason = "too-large"
	// BadEnvelope: not a JWS in the form described above.
	BadEnvelope Reason = "bad-envelope"
	// BadSignature: the JWS does not verify under the key.
	BadSignature Reason = "bad-signature"
	// WrongAlgorithm: the JWS names another algorithm than the key's, or the key is of none.
	WrongAlgorithm Reason = "algorithm"
	// OtherArtifact: the signature is about another manifest.
	OtherArtifact Reason = "other-artifact"
	// Changed: the artefact is not the one that the signature was made over.
	Changed Reason = "changed"
	// AlreadySigned: the artefact carries another signature by this CA.
	AlreadySigned Reason = "already-signed"
)

// Error is a refusal with its Reason.
type Error struct {
	Reason Reason
	Detail string
}

func (e *Error) Error() string { return string(e.Reason) + ": " + e.Detail }

// Is makes errors.Is(err, &Error{Reason: r}) ask for the reason alone. A format.Error
// asks for the reason of the same name.
func (e *Error) Is(target error) bool {
	switch t := target.(type) {
	case *Error:
		return t.Reason == e.Reason
	case *format.Error:
		return string(t.Reason) == string(e.Reason)
	}
	return false
}

func refuse(r Reason, format string, args ...any) error {
	return &Error{r, fmt.Sprintf(format, args...)}
}
