package ca

import (
	"context"
	"fmt"

	"github.com/hallmark-pki/hallmark/store"
)

// unused is the note in the record of a certificate that was abandoned.
const unused = "no signature came of it, and its key is gone"

// Abandon revokes a certificate for one build that no signature came of: its key is gone,
// and a certificate that nobody uses is not to be one more that somebody has to explain. A certificate that a signature on record names stays, and
// so does one that is revoked; both are no error. When publishing fails the revocation is
// on record all the same, and the next PublishCRLs carries it.
func (c *CA) Abandon(ctx context.Context, serial string) error {
	revoked := false
	err := c.store.Update(ctx, func(tx store.Tx) error {
		revoked = false
		cert, err := store.Certificates.Get(tx, serial)
		if err != nil {
			return err
		}
		if cert.Build == "" {
			return refuse(CodeBadRequest, "", "certificate %s is not for one build", serial)
		}
		// An answer that was lost on its way from the disk: the signature counts.
		for _, err := range store.Signatures.By(tx, "serial", serial) {
			return err
		}
		if cert.Revocation != nil {
			return nil
		}
		revoked = true
		return c.RevokeIn(tx, serial, store.Revocation{Reason: ReasonCessationOfOperation, Note: unused, By: "ca"})
	})
	if err != nil {
		return fmt.Errorf("abandon certificate %s: %w", serial, err)
	}
	if !revoked {
		return nil
	}
	if err := c.PublishRevoked(ctx, serial); err != nil {
		return fmt.Errorf("abandon certificate %s: on record, but the list is not out: %w", serial, err)
	}
	return nil
}
