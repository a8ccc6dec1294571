package oci

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strings"
)

// Files by which "docker load" goes, and which "docker save" puts beside index.json: Docker
// image specification 1.2. The second one counts where the first is missing.
const (
	dockerList    = "manifest.json"
	dockerOldList = "repositories"
)

// checkDocker refuses a layout whose own list for Docker has something else than the images
// below the manifest that was visited: whoever loads the layout would get that.
func (w *walk) checkDocker() error {
	raw, err := w.layout.small(dockerList, MaxManifestBytes)
	if errors.Is(err, &Error{Reason: BlobMissing}) {
		_, err := w.layout.small(dockerOldList, MaxManifestBytes)
		if !errors.Is(err, &Error{Reason: BlobMissing}) {
			return refuse(BadManifest, "%s without %s: Docker would load what that names", dockerOldList, dockerList)
		}
		return nil
	}
	if err != nil {
		return err
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return refuse(BadManifest, "%s: %v", dockerList, err)
	}
	for _, item := range list {
		image, err := readDockerItem(item)
		if err != nil {
			return refuse(BadManifest, "%s: %v", dockerList, err)
		}
		if !w.images[image] {
			return refuse(BadManifest, "%s lists an image that is not part of this one", dockerList)
		}
	}
	return nil
}

// readDockerItem returns an item as imageName names it.
func readDockerItem(raw json.RawMessage) ([sha256.Size]byte, error) {
	fields, err := members(raw, true)
	if err == nil {
		err = only(fields, "Config", "RepoTags", "Layers", "LayerSources")
	}
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	config, err := text(fields, "Config", maxTextBytes)
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	layers, err := member[[]string](fields, "Layers")
	return sha256.Sum256([]byte(strings.Join(append([]string{config}, layers...), "\n"))), err
}

// imageName is a digest of the files that an image's config and layers are in.
func imageName(parts []Descriptor) [sha256.Size]byte {
	var files []string
	for _, p := range parts {
		files = append(files, blobName(p.Hex()))
	}
	return sha256.Sum256([]byte(strings.Join(files, "\n")))
}
