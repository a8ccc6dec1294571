package ca

import (
	"context"
	"crypto"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/hallmark-pki/hallmark/store"
)

// NewSigningKey makes a P-256 key for a vendor, encrypted under the CA's passphrase or on
// a token, as Config.VendorKeys says, and durable when it returns. The private key never
// leaves the service; on a token, not even that.
func (c *CA) NewSigningKey(ctx context.Context, vendor string) (store.SigningKey, error) {
	var id [16]byte
	rand.Read(id[:]) // never fails (crypto/rand.Read documents it)
	rec := store.SigningKey{ID: hex.EncodeToString(id[:]), Vendor: vendor, CreatedAt: c.now().UTC()}
	// Before it is made: nothing takes a key off a token again. And once more with the record.
	if err := c.store.View(ctx, func(r store.Reader) error { return roomForKey(r, vendor) }); err != nil {
		return store.SigningKey{}, fmt.Errorf("new signing key: %w", err)
	}
	signer, err := c.makeVendorKey(ctx, &rec)
	if err != nil {
		return store.SigningKey{}, fmt.Errorf("new signing key: %w", err)
	}
	if rec.SPKISHA256, err = spkiSHA256(signer.Public()); err != nil {
		return store.SigningKey{}, fmt.Errorf("new signing key: %w", err)
	}
	err = c.store.Update(ctx, func(tx store.Tx) error {
		if _, err := c.activeVendor(tx, vendor); err != nil {
			return err
		}
		if err := roomForKey(tx, vendor); err != nil {
			return err
		}
		return store.SigningKeys.Insert(tx, rec)
	})
	if err != nil {
		return store.SigningKey{}, fmt.Errorf("new signing key: %w", err)
	}
	c.signers.Store(rec.ID, signer)
	return rec, nil
}

// roomForKey refuses one key more than the service keeps for a vendor.
func roomForKey(r store.Reader, vendor string) error {
	n, err := store.SigningKeys.Count(r, "vendor", vendor)
	if err == nil && n >= maxVendorKeys {
		err = refuse(CodeTooManyKeys, "renew a certificate of one of them, or bring a key of your own", "the service keeps %d keys for %s", n, vendor)
	}
	return err
}

// Signer returns a key held by the service. It is decrypted once (a fifth of a
// second), or opened on its token, and then kept. The error is a *Refusal with CodeSigningKey for an id that
// there is not. The caller answers for the vendor's right to use it.
func (c *CA) Signer(ctx context.Context, id string) (crypto.Signer, error) {
	if s, ok := c.signers.Load(id); ok {
		return s.(crypto.Signer), nil
	}
	rec, err := c.signingKey(ctx, id)
	if err != nil {
		return nil, err
	}
	signer, err := c.openVendorKey(ctx, rec)
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", id, err)
	}
	if spki, err := spkiSHA256(signer.Public()); err != nil || spki != rec.SPKISHA256 {
		return nil, fmt.Errorf("signing key %s: the record holds another key", id)
	}
	kept, _ := c.signers.LoadOrStore(id, signer)
	return kept.(crypto.Signer), nil
}

// vendorSigner is Signer for a key that must be this vendor's.
func (c *CA) vendorSigner(ctx context.Context, id, vendor string) (crypto.Signer, error) {
	rec, err := c.signingKey(ctx, id)
	if err != nil {
		return nil, err
	}
	if rec.Vendor != vendor {
		return nil, noSigningKey(id) // no hint that another vendor has it
	}
	return c.Signer(ctx, id)
}

func (c *CA) signingKey(ctx context.Context, id string) (rec store.SigningKey, err error) {
	if id == "" {
		return rec, noSigningKey(id)
	}
	err = c.store.View(ctx, func(r store.Reader) error {
		rec, err = store.SigningKeys.Get(r, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return rec, noSigningKey(id)
	}
	return rec, err
}

func noSigningKey(id string) error {
	return refuse(CodeSigningKey, "make one first", "no signing key %q for this vendor", id)
}
