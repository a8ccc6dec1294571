package ca

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"

	"go.step.sm/crypto/keyutil"
	"go.step.sm/crypto/pemutil"
)

var (
	// ErrPassphrase is returned when a key does not open with the passphrase given.
	ErrPassphrase = errors.New("wrong passphrase")
	// ErrNoPassphrase is returned for an empty passphrase: keys are never stored in the clear.
	ErrNoPassphrase = errors.New("no passphrase")
)

const encryptedKeyType = "ENCRYPTED PRIVATE KEY"

// encrypter is encryptKey, or what tests put in its place: the cost of guessing a
// passphrase is not what most of them are about.
type encrypter func(key crypto.Signer, passphrase []byte, random io.Reader) ([]byte, error)

// key returns the key as PEM.
func (e encrypter) key(key crypto.Signer, passphrase []byte) ([]byte, error) {
	if e == nil {
		e = encryptKey
	}
	return e(key, passphrase, rand.Reader)
}

// encryptKey returns the key as PEM: PKCS #8 (RFC 5958 §3), AES-256-CBC under
// PBKDF2-HMAC-SHA256 with the iterations pemutil sets (600 000: 0.2 s on one core).
func encryptKey(key crypto.Signer, passphrase []byte, random io.Reader) ([]byte, error) {
	if len(passphrase) == 0 {
		return nil, ErrNoPassphrase
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	block, err := pemutil.EncryptPKCS8PrivateKey(random, der, passphrase, x509.PEMCipherAES256)
	if err != nil {
		return nil, fmt.Errorf("encrypt key: %w", err)
	}
	return pem.EncodeToMemory(block), nil
}

// decryptKey opens what encryptKey made. The error wraps ErrPassphrase when the
// passphrase is wrong, which cannot be told from damage to the file.
func decryptKey(raw, passphrase []byte) (crypto.Signer, error) {
	block, rest := pem.Decode(raw)
	if block == nil || block.Type != encryptedKeyType || len(bytes.TrimSpace(rest)) != 0 {
		return nil, fmt.Errorf("decrypt key: not one PEM block %q", encryptedKeyType)
	}
	if len(passphrase) == 0 {
		return nil, ErrNoPassphrase
	}
	der, err := decryptPKCS8(block.Bytes, passphrase)
	if err != nil {
		return nil, fmt.Errorf("decrypt key: %w (or the file is damaged)", ErrPassphrase)
	}
	// CBC padding lets one wrong passphrase in 256 through: what it leaves is no key.
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("decrypt key: %w (or the file is damaged)", ErrPassphrase)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("decrypt key: %T does not sign", key)
	}
	return signer, nil
}

// decryptPKCS8 opens what is in the PEM block.
func decryptPKCS8(raw, passphrase []byte) (der []byte, err error) {
	defer func() {
		if r := recover(); r != nil { // the library trusts that what is encrypted has whole blocks
			err = fmt.Errorf("damaged: %v", r)
		}
	}()
	return pemutil.DecryptPKCS8PrivateKey(raw, passphrase)
}

// newP256 makes a key of the kind used throughout: P-384 verifies ten times slower in Go.
func newP256() (crypto.Signer, error) {
	return keyutil.GenerateSigner("EC", "P-256", 0)
}
