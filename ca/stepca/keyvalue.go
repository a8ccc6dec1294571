package stepca

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/hallmark-pki/hallmark/store"
	"github.com/smallstep/nosql/database"
)

// keyValue is the part of smallstep's key-value store that its ACME uses, over ours:
// accounts, orders, authorizations, challenges and certificates are durable when
// answered, and there after a restart. Tables keep smallstep's names, all of which
// begin with "acme_" but for two that this CA writes nothing to.
type keyValue struct{ store Store }

var _ database.DB = (*keyValue)(nil)

func (k *keyValue) context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), casTimeout)
}

// Get returns a copy, or database.ErrNotFound.
func (k *keyValue) Get(bucket, key []byte) (value []byte, err error) {
	ctx, cancel := k.context()
	defer cancel()
	err = k.store.View(ctx, func(r store.Reader) error {
		raw, err := r.GetRaw(string(bucket), string(key))
		value = bytes.Clone(raw)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, database.ErrNotFound
	}
	return value, err
}

// Set writes.
func (k *keyValue) Set(bucket, key, value []byte) error {
	ctx, cancel := k.context()
	defer cancel()
	return k.store.Update(ctx, func(tx store.Tx) error { return tx.PutRaw(string(bucket), string(key), value) })
}

// CmpAndSwap writes if what is there is old; nil stands for nothing. It returns what is
// there afterwards, and whether it wrote.
func (k *keyValue) CmpAndSwap(bucket, key, old, value []byte) (now []byte, swapped bool, err error) {
	ctx, cancel := k.context()
	defer cancel()
	err = k.store.Update(ctx, func(tx store.Tx) error {
		raw, err := tx.GetRaw(string(bucket), string(key))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		now, swapped = bytes.Clone(raw), false
		if (err == nil) != (old != nil) || !bytes.Equal(raw, old) {
			return nil
		}
		now, swapped = value, true
		if value == nil {
			return tx.DeleteRaw(string(bucket), string(key))
		}
		return tx.PutRaw(string(bucket), string(key), value)
	})
	if err != nil {
		return nil, false, err
	}
	return now, swapped, nil
}

// Del removes; what is absent is not an error.
func (k *keyValue) Del(bucket, key []byte) error {
	ctx, cancel := k.context()
	defer cancel()
	return k.store.Update(ctx, func(tx store.Tx) error { return tx.DeleteRaw(string(bucket), string(key)) })
}

// CreateTable has nothing to do: tables of ours are there when written to.
func (k *keyValue) CreateTable([]byte) error { return nil }

// Open has nothing to do: the store is open.
func (k *keyValue) Open(string, ...database.Option) error { return nil }

// Close leaves the store open: it is not smallstep's.
func (k *keyValue) Close() error { return nil }

// List, Update and DeleteTable are not used by what we use of smallstep's ACME: lists
// are of keys for external account binding, transactions of nonces, and both are ours.

// List refuses.
func (k *keyValue) List(bucket []byte) ([]*database.Entry, error) {
	return nil, fmt.Errorf("list %s: %w", bucket, database.ErrOpNotSupported)
}

// Update refuses.
func (k *keyValue) Update(*database.Tx) error { return database.ErrOpNotSupported }

// DeleteTable refuses.
func (k *keyValue) DeleteTable([]byte) error { return database.ErrOpNotSupported }
