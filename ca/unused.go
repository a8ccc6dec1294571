package ca

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/store"
)

// IsUnused reports whether a certificate for one build still counts and no signature on
// record was made with it. A crash between the two, or an answer of the disk that was lost,
// leaves such a one: Abandon was not reached. Its key is gone with the process.
func IsUnused(r store.Reader, cert store.Certificate, now time.Time) (bool, error) {
	if cert.Build == "" || cert.Leftover || cert.Revocation != nil || now.After(cert.NotAfter) {
		return false, nil
	}
	for _, err := range store.Signatures.By(r, "serial", cert.Serial) {
		return false, err
	}
	return true, nil
}

// RevokeUnused revokes the certificates for one build that no signature came of, as Abandon
// would have, and publishes the lists. It returns the serial numbers. Those younger than age
// are left out, as a signature may be under way; with age zero none may be.
func (c *CA) RevokeUnused(ctx context.Context, age time.Duration, by string) ([]string, error) {
	var left, done []string
	err := c.store.View(ctx, func(r store.Reader) error {
		left = nil
		for cert, err := range store.Certificates.All(r, "") {
			if err != nil {
				return err
			}
			unused, err := IsUnused(r, cert, c.now())
			if err != nil {
				return err
			}
			if unused && !cert.IssuedAt.After(c.now().Add(-age)) {
				left = append(left, cert.Serial)
			}
		}
		return nil
	})
	for batch := range slices.Chunk(left, leftoverBatch) {
		if err != nil {
			break
		}
		err = c.store.Update(ctx, func(tx store.Tx) error { return c.revokeUnused(tx, batch, by) })
		if err == nil {
			done = append(done, batch...)
		}
	}
	if err != nil {
		return done, fmt.Errorf("revoke unused certificates: %w", err)
	}
	if len(done) == 0 {
		return nil, nil
	}
	if err := c.PublishRevoked(ctx, done...); err != nil {
		return done, fmt.Errorf("revoke unused certificates: on record, but the lists are not out: %w", err)
	}
	return done, nil
}

func (c *CA) revokeUnused(tx store.Tx, serials []string, by string) error {
	for _, serial := range serials {
		cert, err := store.Certificates.Get(tx, serial)
		if err != nil {
			return err
		}
		unusedStill, err := IsUnused(tx, cert, c.now())
		if err != nil {
			return err
		}
		if !unusedStill {
			continue
		}
		if err := c.RevokeIn(tx, serial, store.Revocation{Reason: ReasonCessationOfOperation, Note: unused, By: by}); err != nil {
			return fmt.Errorf("%s: %w", serial, err)
		}
	}
	return nil
}
