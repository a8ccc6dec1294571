package rebuild

import (
	"context"

	"github.com/hallmark-pki/hallmark/attest/repository"
)

// Independently is an attestation repository in which outcomes are filed whatever the
// vendor has filed: one that could fill its quota up, or an artifact's room, could keep
// a mismatch from being known.
func Independently(r *repository.Repository) Repository { return independent{r} }

type independent struct{ *repository.Repository }

// Put files without the vendor's quota.
func (i independent) Put(ctx context.Context, vendor string, envelope []byte) ([]string, error) {
	return i.Independent().Put(ctx, vendor, envelope)
}
