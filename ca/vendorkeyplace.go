package ca

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/hallmark-pki/hallmark/keys"
	"github.com/hallmark-pki/hallmark/store"
)

// Where new signing keys of vendors go, as Config.VendorKeys says it.
const (
	// VendorKeysInFile keeps them encrypted in their records; "" does the same.
	VendorKeysInFile = "file"
	// placeVendor and placeID stand for the vendor's id and the key's own.
	placeVendor = "{vendor}"
	placeID     = "{id}"
)

// checkVendorPlace refuses a place that would make two keys one, or that somebody would
// have to type a PIN for while a signature waits.
func checkVendorPlace(place string) error {
	switch {
	case place == "" || place == VendorKeysInFile:
		return nil
	case keys.IsFile(place) || strings.HasPrefix(place, "ssh-agent:"):
		return fmt.Errorf("vendor keys: %s is no place for them: %q, or a key's URI such as pkcs11:…", keys.Redact(place), VendorKeysInFile)
	case !strings.Contains(place, placeID):
		return fmt.Errorf("vendor keys: put %s into the URI, or all keys would be one", placeID)
	case strings.Contains(place, "pin-value="):
		return errors.New("vendor keys: the URI goes into records: name a file with the PIN by pin-source=, not the PIN")
	case strings.HasPrefix(place, "pkcs11:") && !strings.Contains(place, "pin-source="):
		return errors.New("vendor keys: nobody is there to type a PIN when a key is made: name a file with it by pin-source=")
	}
	return nil
}

// makeVendorKey makes a key where they go now, and completes its record with where it is.
// A key on a token whose record does not become durable stays on the token, unused.
func (c *CA) makeVendorKey(ctx context.Context, rec *store.SigningKey) (crypto.Signer, error) {
	if c.vendorKeys == "" || c.vendorKeys == VendorKeysInFile {
		signer, err := newP256()
		if err != nil {
			return nil, err
		}
		rec.Encrypted, err = encryptKey(signer, c.passphrase, rand.Reader)
		return signer, err
	}
	uri := strings.NewReplacer(placeVendor, rec.Vendor, placeID, rec.ID).Replace(c.vendorKeys)
	made, err := generateOnToken(ctx, uri, keys.Options{})
	if err != nil {
		return nil, err
	}
	rec.Place = made
	return c.openVendorKey(ctx, *rec)
}

// openVendorKey opens a key where its record says it is. The hierarchy closes it.
func (c *CA) openVendorKey(ctx context.Context, rec store.SigningKey) (crypto.Signer, error) {
	if rec.Place == "" {
		return decryptKey(rec.Encrypted, c.passphrase)
	}
	// The key outlives the request that first needed it.
	key, err := keys.Open(context.WithoutCancel(ctx), rec.Place, keys.Options{})
	if err != nil {
		return nil, err
	}
	c.hierarchy.ring.keep(key)
	return key, nil
}
