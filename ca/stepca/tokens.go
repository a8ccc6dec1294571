package stepca

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/smallstep/certificates/db"
)

// tokenTable remembers used tokens. Its keys are SHA-256 digests of token ids, so
// that an id may hold anything.
const tokenTable = "step_token"

// tokenDB is the Authority's view of our store: revocations and used tokens.
// Certificates are recorded by Issue, before the Authority sees them, so nothing
// is stored twice.
type tokenDB struct {
	store Store
	now   func() time.Time
}

var _ db.AuthDB = (*tokenDB)(nil)

// UseToken returns true the first time it sees a token id, durably: a restart does
// not make a token good again. The record holds a digest of the token, not the token.
func (d *tokenDB) UseToken(id, token string) (bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), casTimeout)
	defer cancel()
	sum := sha256.Sum256([]byte(token))
	key := sha256.Sum256([]byte(id))
	record, err := json.Marshal(map[string]any{"v": 1, "d": map[string]string{
		"token_sha256": hex.EncodeToString(sum[:]), "used_at": d.now().UTC().Format(time.RFC3339),
	}})
	if err != nil {
		return false, err
	}
	err = d.store.Update(ctx, func(tx store.Tx) error {
		return tx.InsertRaw(tokenTable, hex.EncodeToString(key[:]), record)
	})
	if errors.Is(err, store.ErrExists) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("remember token: %w", err)
	}
	return true, nil
}

// IsRevoked takes a serial number in decimal.
func (d *tokenDB) IsRevoked(sn string) (bool, error) {
	cert, err := d.certificate(sn)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil && cert.Revocation != nil, err
}

// GetCertificate takes a serial number in decimal.
func (d *tokenDB) GetCertificate(sn string) (*x509.Certificate, error) {
	cert, err := d.certificate(sn)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(cert.DER)
}

func (d *tokenDB) certificate(sn string) (rec store.Certificate, err error) {
	serial, ok := new(big.Int).SetString(sn, 10)
	if !ok || serial.Sign() <= 0 {
		return rec, fmt.Errorf("serial number %q: %w", sn, store.ErrNotFound)
	}
	ctx, cancel := context.WithTimeout(context.Background(), casTimeout)
	defer cancel()
	err = d.store.View(ctx, func(r store.Reader) error {
		rec, err = store.Certificates.Get(r, ca.SerialKey(serial))
		return err
	})
	return rec, err
}

// Revoke has nothing to do: the certificate service has revoked by then.
func (d *tokenDB) Revoke(*db.RevokedCertificateInfo) error { return nil }

// The rest is about SSH certificates, which this CA does not issue.

func (d *tokenDB) IsSSHRevoked(string) (bool, error)          { return true, nil }
func (d *tokenDB) RevokeSSH(*db.RevokedCertificateInfo) error { return db.ErrNotImplemented }
func (d *tokenDB) IsSSHHost(string) (bool, error)             { return false, nil }
func (d *tokenDB) GetSSHHostPrincipals() ([]string, error)    { return nil, nil }

// Shutdown leaves the store open: it is not the Authority's.
func (d *tokenDB) Shutdown() error { return nil }
