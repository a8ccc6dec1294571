package stepca

import (
	"context"
	"errors"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/smallstep/certificates/acme"
)

func isRefusal(err error) bool { return ca.IsRefusal(err) != nil }

// errNoKeys: keys are made and listed through our API.
var errNoKeys = errors.New("keys of ACME accounts are managed elsewhere")

// GetExternalAccountKey finds a key that an account may be bound with. One that may not
// be used is as if it were not there.
func (d *acmeDB) GetExternalAccountKey(ctx context.Context, provisioner, id string) (*acme.ExternalAccountKey, error) {
	var key store.ACMEKey
	err := d.server.a.store.View(ctx, func(r store.Reader) (err error) {
		if key, err = store.ACMEKeys.Get(r, id); err == nil {
			err = usable(r, key, d.server.now())
		}
		return err
	})
	if isRefusal(err) || errors.Is(err, store.ErrNotFound) {
		return nil, acme.NewDetailedError(acme.ErrorUnauthorizedType, "no account may be bound with the key %.40q", id)
	}
	if err != nil {
		return nil, err
	}
	return externalKey(provisioner, key), nil
}

func externalKey(provisioner string, key store.ACMEKey) *acme.ExternalAccountKey {
	return &acme.ExternalAccountKey{
		ID: key.ID, ProvisionerID: provisioner, AccountID: key.Account, HmacKey: key.Secret, CreatedAt: key.CreatedAt, BoundAt: key.BoundAt,
	}
}

// UpdateExternalAccountKey binds an account, once: of two that come at the same time
// the second is not bound, and nobody stands behind it.
func (d *acmeDB) UpdateExternalAccountKey(ctx context.Context, _ string, eak *acme.ExternalAccountKey) error {
	return d.server.a.store.Update(ctx, func(tx store.Tx) error {
		key, err := store.ACMEKeys.Get(tx, eak.ID)
		if err != nil {
			return err
		}
		if err := usable(tx, key, d.server.now()); err != nil {
			return err
		}
		if eak.AccountID == "" {
			return errors.New("no account to bind")
		}
		key.Account, key.BoundAt, key.Secret = eak.AccountID, eak.BoundAt.UTC(), nil
		if err := store.ACMEKeys.Put(tx, key); err != nil {
			return err
		}
		return store.Events.Insert(tx, store.NewEvent(d.server.now(), "acme-"+key.ID, "bind.acme-account", key.Vendor, map[string]string{"account": key.Account}))
	})
}

// GetExternalAccountKeyByAccountID is asked for the key's policy; there is none.
func (d *acmeDB) GetExternalAccountKeyByAccountID(context.Context, string, string) (*acme.ExternalAccountKey, error) {
	return nil, nil
}

// CreateExternalAccountKey implements acme.DB and refuses.
func (d *acmeDB) CreateExternalAccountKey(context.Context, string, string) (*acme.ExternalAccountKey, error) {
	return nil, errNoKeys
}

// GetExternalAccountKeys implements acme.DB and refuses.
func (d *acmeDB) GetExternalAccountKeys(context.Context, string, string, int) ([]*acme.ExternalAccountKey, string, error) {
	return nil, "", errNoKeys
}

// GetExternalAccountKeyByReference implements acme.DB and refuses.
func (d *acmeDB) GetExternalAccountKeyByReference(context.Context, string, string) (*acme.ExternalAccountKey, error) {
	return nil, errNoKeys
}

// DeleteExternalAccountKey implements acme.DB and refuses.
func (d *acmeDB) DeleteExternalAccountKey(context.Context, string, string) error { return errNoKeys }

// CreateNonce makes a nonce that is good once, until the process ends or maxNonces
// others have been made.
func (d *acmeDB) CreateNonce(context.Context) (acme.Nonce, error) {
	return acme.Nonce(d.server.nonces.create()), nil
}

// DeleteNonce uses a nonce up.
func (d *acmeDB) DeleteNonce(_ context.Context, nonce acme.Nonce) error {
	if !d.server.nonces.use(string(nonce)) {
		return acme.NewError(acme.ErrorBadNonceType, "the nonce is unknown or has been used")
	}
	return nil
}
