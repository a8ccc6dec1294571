package ca

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"github.com/hallmark-pki/hallmark/durable"
	"math/big"
	"path/filepath"
	"time"
)

// offlineCRL makes an empty list for a CA whose key is not kept at hand.
func offlineCRL(cert *x509.Certificate, key crypto.Signer, number *big.Int, now time.Time) ([]byte, error) {
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: number, ThisUpdate: now, NextUpdate: now.Add(offlineCRLValidity),
	}, cert, key)
	if err != nil {
		return nil, fmt.Errorf("make CRL of %s: %w", cert.Subject.CommonName, err)
	}
	return der, nil
}

// RenewOfflineCRLs makes the lists of the root and of the timestamping CA anew,
// with the next number. It needs keys/root.pem and keys/timestamping.pem and is due
// once a year.
func RenewOfflineCRLs(ctx context.Context, dir string, passphrase []byte, now time.Time) error {
	for _, name := range []string{nameRoot, nameTimestamping} {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := renewOfflineCRL(dir, name, passphrase, now); err != nil {
			return fmt.Errorf("renew CRL of %s: %w", name, err)
		}
	}
	return nil
}

func renewOfflineCRL(dir, name string, passphrase []byte, now time.Time) error {
	file := filepath.Join(dir, "crls", name+".crl")
	old, err := readFile(file, maxFileBytes)
	if err != nil {
		return err
	}
	last, err := x509.ParseRevocationList(old)
	if err != nil {
		return err
	}
	cert, err := readCertificate(filepath.Join(dir, "certs", name+".pem"))
	if err != nil {
		return err
	}
	raw, err := readFile(filepath.Join(dir, "keys", name+".pem"), maxFileBytes)
	if err != nil {
		return err
	}
	key, err := decryptKey(raw, passphrase)
	if err != nil {
		return err
	}
	crl, err := offlineCRL(cert, key, new(big.Int).Add(last.Number, big.NewInt(1)), now.UTC().Truncate(time.Second))
	if err != nil {
		return err
	}
	return durable.WriteFile(file, crl, 0o644)
}
