package ca

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/hallmark-pki/hallmark/keys"
	"go.step.sm/crypto/kms/apiv1"
	stepkms "go.step.sm/crypto/kms/pkcs11"
	stepuri "go.step.sm/crypto/kms/uri"
)

// ErrKeyExists is returned where a key was to be made and there is one already: a CA
// whose key is older than the CA has an unknown past.
var ErrKeyExists = errors.New("there is such a key already")

// generateOnToken makes a P-256 key on a token. The URI names the token and, by
// object, the key that there must not be yet; it gets a random id unless it has one.
func generateOnToken(ctx context.Context, uri string, o keys.Options) error {
	u, err := stepuri.ParseWithScheme(stepkms.Scheme, uri)
	if err != nil {
		return fmt.Errorf("make key %s: %w", keys.Redact(uri), err)
	}
	if u.Get("object") == "" || u.Get("token") == "" {
		return fmt.Errorf("make key %s: the URI must have token=… and object=…", keys.Redact(uri))
	}
	key, err := keys.Open(ctx, uri, o)
	switch {
	case err == nil:
		return errors.Join(fmt.Errorf("make key %s: %w", keys.Redact(uri), ErrKeyExists), key.Close())
	case keys.Is(err, keys.Ambiguous):
		return fmt.Errorf("make key %s: %w", keys.Redact(uri), ErrKeyExists)
	case !keys.Is(err, keys.NoKey):
		return err
	}
	var pin []byte
	if !strings.Contains(uri, "pin-source=") && !strings.Contains(uri, "pin-value=") && o.PIN != nil {
		if pin, err = o.PIN(u.Get("token")); err != nil {
			return err
		}
	}
	token, err := stepkms.New(ctx, apiv1.Options{Type: apiv1.PKCS11, URI: uri, Pin: string(pin)})
	if err != nil {
		return fmt.Errorf("make key %s: %w", keys.Redact(uri), err)
	}
	_, err = token.CreateKey(&apiv1.CreateKeyRequest{Name: objectURI(u), SignatureAlgorithm: apiv1.ECDSAWithSHA256})
	if err := errors.Join(err, token.Close()); err != nil {
		return fmt.Errorf("make key %s: %w", keys.Redact(uri), err)
	}
	return nil
}

func objectURI(u *stepuri.URI) string {
	id := u.GetEncoded("id")
	if len(id) == 0 {
		id = make([]byte, 8)
		rand.Read(id) // never fails (crypto/rand.Read documents it)
	}
	return stepuri.New(stepkms.Scheme, url.Values{"id": {"0x" + hex.EncodeToString(id)}, "object": {u.Get("object")}}).String()
}
