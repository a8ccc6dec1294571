package server

import (
	"context"

	"github.com/hallmark-pki/hallmark/store"
)

// auditorKeys are the public keys of those who signed an assessment as auditors. A
// certificate and the log name them by their digests; who is to check the signature
// without asking us needs the keys.
func (s *Server) auditorKeys(ctx context.Context, rec store.Assessment) ([][]byte, error) {
	var out [][]byte
	err := s.Store.View(ctx, func(r store.Reader) error {
		for _, id := range []string{rec.AuditorSPKI, rec.SecondSPKI} {
			if id == "" {
				continue
			}
			key, err := store.AuditorKeys.Get(r, id)
			if err != nil {
				return err
			}
			out = append(out, key.PublicKey)
		}
		return nil
	})
	return out, err
}
