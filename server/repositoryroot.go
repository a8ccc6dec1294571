package server

import (
	"context"
	"crypto"

	"github.com/hallmark-pki/hallmark/distribution"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

type rootInput struct {
	Body api.NewRepositoryRoot
}

// importRoot publishes a root of the update repository that follows the newest one, if
// enough of the old one's keys and of its own have signed it. Everything below it is
// signed anew with the next look at the repository.
func (s *Server) importRoot(ctx context.Context, in *rootInput) (*body[api.UpdateRepository], error) {
	if err := s.Distribute(ctx); err != nil {
		return nil, err
	}
	key, err := s.CA.DistributionSigner(ctx) // before the transaction: opening it takes a moment
	if err != nil {
		return nil, err
	}
	keys := distribution.Keys{Root: func(context.Context) (crypto.Signer, error) { return key, nil }}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		file, err := distribution.ImportRoot(ctx, readerOf(tx), keys, in.Body.Metadata)
		if err != nil {
			return invalid("metadata", err.Error(), "'hallmark trust root next' makes it from the newest root, 'hallmark trust root sign' signs it")
		}
		if err := store.RepositoryFiles.Put(tx, store.RepositoryFile{Name: file.Name, Body: file.Body, At: s.Now()}); err != nil {
			return err
		}
		return store.Events.Insert(tx, s.event(ctx, "import-root", file.Name, map[string]string{"sha256": distribution.Fingerprint(file.Body)}))
	})
	if err != nil {
		return nil, err
	}
	return s.repositoryState(ctx, nil)
}
