package oci

import (
	"encoding/json"
	"fmt"
)

// Payload is what is signed about a manifest, Notary Project signature specification
// §Payload: {"targetArtifact":{…}}. The descriptor must pass Check.
func Payload(d Descriptor) ([]byte, error) {
	if err := d.Check(); err != nil {
		return nil, err
	}
	raw, err := json.Marshal(struct {
		Target Descriptor `json:"targetArtifact"`
	}{d})
	if err != nil {
		return nil, fmt.Errorf("payload: %w", err)
	}
	return raw, nil
}

// ParsePayload reads what Payload wrote, in whatever order and spacing, and nothing
// beside it: what else a signer may state there, such as annotations, this CA does not.
func ParsePayload(raw []byte) (Descriptor, error) {
	fields, err := object(raw)
	if err != nil {
		return Descriptor{}, refuse(BadEnvelope, "payload: %v", err)
	}
	target, ok := fields["targetArtifact"]
	if err := only(fields, "targetArtifact"); err != nil || !ok {
		return Descriptor{}, refuse(BadEnvelope, "payload: want targetArtifact alone")
	}
	inner, err := object(target)
	if err != nil {
		return Descriptor{}, refuse(BadEnvelope, "payload: %v", err)
	}
	if err := only(inner, "mediaType", "digest", "size"); err != nil {
		return Descriptor{}, refuse(BadEnvelope, "payload: %v", err)
	}
	d, err := readDescriptor(target)
	if err != nil {
		return Descriptor{}, err
	}
	return d, d.Check()
}
