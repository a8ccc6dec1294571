package oci

const (
	// MaxManifestBytes bounds a manifest, an index and index.json: what registries take,
	// OCI distribution-spec 1.1.
	MaxManifestBytes = 4 << 20
	// MaxEnvelopeBytes bounds a JWS: chain, timestamp and a staple with CRLs, in base64.
	MaxEnvelopeBytes = 2 << 20

	// maxLayoutBytes bounds the file oci-layout, which says one version.
	maxLayoutBytes = 4 << 10
	// maxEntries bounds the manifests that one index lists. A multi-platform image has
	// about 20, a layout of a release some hundred; the rest is a guess.
	maxEntries = 4096
	// maxLists bounds the indexes by which tools without referrers find signatures of one
	// artefact; there should be one.
	maxLists = 4
	// maxBlobs bounds the blobs below one manifest.
	maxBlobs = 4096
	// maxLevels bounds how deep indexes nest: an index of indexes of images.
	maxLevels = 3
	// maxSignatures bounds the signatures of one artefact that are read.
	maxSignatures = 64
	// maxSignaturesBytes bounds them together: four of the largest, or 64 with a staple of
	// some CRLs.
	maxSignaturesBytes = 4 * MaxEnvelopeBytes
	// maxJSONDepth bounds nesting: manifests nest six deep.
	maxJSONDepth = 32

	// maxTextBytes bounds media types, tags and header texts.
	maxTextBytes = 255
	// maxCertificates and maxCertificateBytes bound x5c, as the verifier does for CMS.
	maxCertificates     = 8
	maxCertificateBytes = 32 << 10
	// maxTokenBytes bounds a timestamp token, as the verifier does for CMS.
	maxTokenBytes = 64 << 10
	// maxSignatureValueBytes is that of RSA-4096, the longest there is.
	maxSignatureValueBytes = 512

	// copyBufferBytes is the read size for digests.
	copyBufferBytes = 256 << 10
)
