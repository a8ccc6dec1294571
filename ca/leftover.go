package ca

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/store"
)

// Revocable returns what Revoke would act on: the certificate on record under a serial
// number, or, where only the intent to issue it is, what can be rebuilt of it. An intent
// that nothing followed may have been signed before the crash. That certificate was
// given to nobody, but whoever could read the process or the key device may have it; so
// it can be put on record, as revoked.
//
// What is rebuilt has Leftover set, and a DER whose signature is empty: all else is as
// it was linted. The error wraps store.ErrNotFound.
func Revocable(r store.Reader, serial string) (store.Certificate, error) {
	cert, err := store.Certificates.Get(r, serial)
	if !errors.Is(err, store.ErrNotFound) {
		return cert, err
	}
	intent, inErr := store.Intents.Get(r, serial)
	if errors.Is(inErr, store.ErrNotFound) || inErr == nil && !isVendors(intent) {
		return store.Certificate{}, err
	}
	if inErr != nil {
		return store.Certificate{}, inErr
	}
	return rebuild(intent)
}

// isVendors tells announcements of vendors' certificates from those of the CA's own
// short-lived ones, whose keys are gone with the process and which no list names.
func isVendors(i store.Intent) bool { return i.Way != wayResponder }

// rebuild makes the record of an intent that no certificate followed.
func rebuild(intent store.Intent) (store.Certificate, error) {
	fail := func(err error) (store.Certificate, error) {
		return store.Certificate{}, fmt.Errorf("rebuild certificate %s from its intent: %w", intent.Serial, err)
	}
	algorithm, err := innerAlgorithm(intent.TBS)
	if err != nil {
		return fail(err)
	}
	der, err := asn1.Marshal(struct {
		TBS       asn1.RawValue
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}{asn1.RawValue{FullBytes: intent.TBS}, asn1.RawValue{FullBytes: algorithm}, asn1.BitString{}})
	if err != nil {
		return fail(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return fail(err)
	}
	if got := SerialKey(cert.SerialNumber); got != intent.Serial {
		return fail(fmt.Errorf("its content has serial number %s", got))
	}
	spki, err := spkiSHA256(cert.PublicKey)
	if err != nil {
		return fail(err)
	}
	return store.Certificate{
		Serial: intent.Serial, Tier: intent.Tier, Issuer: intent.Issuer, Vendor: intent.Vendor, DER: der, SPKISHA256: spki,
		NotBefore: cert.NotBefore, NotAfter: cert.NotAfter, Assessments: intent.Assessments, Build: intent.Build,
		IssuedAt: intent.At, RequestedBy: intent.RequestedBy, Leftover: true,
	}, nil
}

// innerAlgorithm returns the DER of signature, RFC 5280 §4.1.2.3, which the algorithm
// outside must repeat.
func innerAlgorithm(tbs []byte) ([]byte, error) {
	var outer, serial, algorithm asn1.RawValue
	var version int
	rest, err := asn1.Unmarshal(tbs, &outer)
	if err != nil || len(rest) > 0 {
		return nil, errors.Join(errors.New("to-be-signed content is not one DER value"), err)
	}
	// What follows the algorithm is ParseCertificate's to read.
	rest = outer.Bytes
	for _, field := range []struct {
		to     any
		params string
	}{{&version, "optional,explicit,default:0,tag:0"}, {&serial, ""}, {&algorithm, ""}} {
		if rest, err = asn1.UnmarshalWithParams(rest, field.to, field.params); err != nil {
			return nil, fmt.Errorf("read to-be-signed content: %w", err)
		}
	}
	return algorithm.FullBytes, nil
}

// leftoverNote is the reason on record of a leftover that nobody was seen with.
const leftoverNote = "announced, never recorded and given to nobody: a crash or a failed write came between"

// RevokeLeftovers puts every intent that no certificate followed, and that is older than
// age, on record as revoked from its notBefore, so that nothing signed with it ever
// counts, and publishes the lists. It returns the serial numbers. With age zero no
// issuance may be under way: one whose leftover is revoked fails to record its
// certificate, and gives it to nobody.
func (c *CA) RevokeLeftovers(ctx context.Context, age time.Duration, by string) ([]string, error) {
	left, err := c.Leftovers(ctx, age)
	if err != nil {
		return nil, fmt.Errorf("revoke leftovers: %w", err)
	}
	var done []string
	for batch := range slices.Chunk(left, leftoverBatch) {
		err := c.store.Update(ctx, func(tx store.Tx) error {
			for _, intent := range batch {
				if err := c.revokeLeftover(tx, intent, by); err != nil {
					return fmt.Errorf("%s: %w", intent.Serial, err)
				}
			}
			return nil
		})
		if err != nil {
			return done, fmt.Errorf("revoke leftovers: %w", err)
		}
		for _, intent := range batch {
			done = append(done, intent.Serial)
		}
		c.forgetAnswers(done...)
	}
	if len(done) == 0 {
		return nil, nil
	}
	if err := c.PublishCRLs(ctx); err != nil {
		return done, fmt.Errorf("revoke leftovers: on record, but the lists are not out: %w", err)
	}
	return done, nil
}

func (c *CA) revokeLeftover(tx store.Tx, intent store.Intent, by string) error {
	cert, err := rebuild(intent)
	if err != nil {
		return err
	}
	from := cert.NotBefore
	if now := c.now(); from.After(now) { // announced by a clock that stood ahead
		from = now
	}
	return c.RevokeIn(tx, intent.Serial, store.Revocation{RevocationDate: from, Reason: ReasonUnspecified, Note: leftoverNote, By: by})
}
