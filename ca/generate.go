package ca

import (
	"context"
	"errors"
	"fmt"

	"github.com/hallmark-pki/hallmark/keys"
)

// ErrKeyExists is returned where a key was to be made and there is one already: a CA
// whose key is older than the CA has an unknown past.
var ErrKeyExists = errors.New("there is such a key already")

// generateOnToken makes a P-256 key outside of files, and returns the URI to find it by.
func generateOnToken(ctx context.Context, uri string, o keys.Options) (string, error) {
	made, err := keys.Generate(ctx, uri, o, keys.P256)
	if keys.Is(err, keys.Exists) {
		return "", fmt.Errorf("%w: %w", ErrKeyExists, err)
	}
	if err != nil {
		return "", err
	}
	return made.URI, nil
}
