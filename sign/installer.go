package sign

import (
	"context"
	"fmt"

	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/verify"
)

// Installer judges a signature as those will who install what was signed.
type Installer interface {
	// Judge returns why it would not be installed by somebody who has nothing but the trust
	// bundle of this CA and demands all that is stapled; nil where it would.
	Judge(ctx context.Context, f verify.Finished) error
}

// tryOut has a finished signature judged where an assessment asks that clients can verify
// it. What does not verify is our own mistake, a key or certificate that the bundle does not
// know: it is no refusal, it is not recorded, and nobody gets it. A provisional signature
// verifies once it is confirmed.
func (s *Service) tryOut(ctx context.Context, r Request, g ground, res Result) error {
	if s.c.Installer == nil || !g.confirmBy.IsZero() || !s.c.Gate.Clients(g.assessed) {
		return nil
	}
	over, err := s.toBeSigned(r)
	if err != nil {
		return err
	}
	err = s.c.Installer.Judge(ctx, verify.Finished{
		Name: r.Product, Digests: format.Digests{SHA256: r.Digest, Signed: r.signed()}, Algorithm: s.algorithm(r), Over: over, Signature: res.CMS,
	})
	if err != nil {
		return fmt.Errorf("a signature by certificate %s that clients would refuse: %w", g.record.Serial, err)
	}
	return nil
}
