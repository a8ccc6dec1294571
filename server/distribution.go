package server

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/distribution"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

const (
	// retiredKept is how long a file stays that the newest timestamp does not lead to: for
	// clients that had begun.
	retiredKept = time.Hour
	// repositoryPath is where the update repository is served.
	repositoryPath = "/tuf/"
)

// repositoryName matches what is served: numbered metadata, the timestamp and targets.
// Compiled once, because every request is held against it.
var repositoryName = regexp.MustCompile(`^([1-9][0-9]{0,18}\.(root|snapshot|targets|status)\.json|timestamp\.json|targets/[0-9a-f]{64}\.(trust|status)\.json)$`)

// publishedTrust returns the trust bundle that is distributed; nil before there is one.
func (s *Server) publishedTrust(ctx context.Context) (body []byte, err error) {
	err = s.Store.View(ctx, func(r store.Reader) error {
		body = nil
		for f, err := range store.RepositoryFiles.All(r, distribution.TargetsFolder+"/") {
			if err != nil {
				return err
			}
			if !strings.HasPrefix(f.Name, distribution.TargetsFolder+"/") {
				break
			}
			if strings.HasSuffix(f.Name, "."+distribution.TrustFile) && f.RetiredAt.IsZero() {
				body = f.Body
			}
		}
		return nil
	})
	return body, err
}

// Distribute brings the update repository up to date. It is cheap when nothing has
// changed, and called whenever somebody asks for the timestamp.
func (s *Server) Distribute(ctx context.Context) error {
	err := errOvertaken
	for range freshTries {
		if err = s.distribute(ctx); !errors.Is(err, errOvertaken) {
			break
		}
	}
	return err
}

func (s *Server) distribute(ctx context.Context) error {
	status, err := s.currentStatus(ctx)
	if err != nil {
		return err
	}
	return s.distributeStatus(ctx, status)
}

func (s *Server) distributeStatus(ctx context.Context, status store.StatusBundle) error {
	trust, err := s.currentTrust(ctx)
	if err != nil {
		return err
	}
	var step distribution.Step
	var before []byte // the timestamp that the step was made from
	err = s.Store.View(ctx, func(r store.Reader) error {
		// Another request may have found a revocation and published it since status was read:
		// what is older must not take its place again.
		if newest, err := lastStatus(r); err != nil {
			return err
		} else if newest.Number > status.Number {
			return errOvertaken
		}
		have := readerOf(r)
		if before, err = have(distribution.Timestamp); err != nil {
			return err
		}
		step, err = distribution.Advance(ctx, have, s.repositoryKeys(), distribution.Content{Trust: trust, Status: status.Body}, s.Now())
		return err
	})
	if err != nil {
		return err
	}
	if step.Waiting != "" {
		s.Log.WarnContext(ctx, "update repository waits for a key that operators hold", "what", step.Waiting)
	}
	if len(step.Files) == 0 {
		return nil
	}
	return s.Store.Update(ctx, func(tx store.Tx) error { return writeStep(tx, step, before, s.Now()) })
}

func (s *Server) repositoryKeys() distribution.Keys {
	keys := distribution.Keys{
		Online: s.CA.StatusSigner(),
		Root:   func(ctx context.Context) (crypto.Signer, error) { return s.CA.DistributionSigner(ctx) },
	}
	if s.CA.HasFormerDistributionSigner() {
		keys.Former = s.CA.FormerDistributionSigner
	}
	return keys
}

// readerOf reads published files from a snapshot of the store.
func readerOf(r store.Reader) distribution.Reader {
	return func(name string) ([]byte, error) {
		f, err := store.RepositoryFiles.Get(r, name)
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil
		}
		return f.Body, err
	}
}

// writeStep puts the files on record, unless another process was first, and retires
// those that the new timestamp does not lead to.
func writeStep(tx store.Tx, step distribution.Step, before []byte, now time.Time) error {
	have, err := readerOf(tx)(distribution.Timestamp)
	if err != nil {
		return err
	}
	if string(have) != string(before) {
		return errOvertaken
	}
	for _, f := range step.Files {
		if err := store.RepositoryFiles.Put(tx, store.RepositoryFile{Name: f.Name, Body: f.Body, At: now}); err != nil {
			return err
		}
	}
	keep := map[string]bool{}
	for _, name := range step.Keep {
		keep[name] = true
	}
	var retire []store.RepositoryFile
	for f, err := range store.RepositoryFiles.All(tx, "") {
		if err != nil {
			return err
		}
		if isRoot := strings.HasSuffix(f.Name, ".root.json"); !isRoot && (!keep[f.Name] || !f.RetiredAt.IsZero()) {
			retire = append(retire, f)
		}
	}
	for _, f := range retire {
		if err := retireFile(tx, f, keep[f.Name], now); err != nil {
			return err
		}
	}
	return nil
}

func retireFile(tx store.Tx, f store.RepositoryFile, wanted bool, now time.Time) error {
	switch {
	case wanted: // it was retired, and is in use again
		f.RetiredAt = time.Time{}
	case f.RetiredAt.IsZero():
		f.RetiredAt = now
	case now.Sub(f.RetiredAt) > retiredKept:
		return store.RepositoryFiles.Delete(tx, f.Name)
	default:
		return nil
	}
	return store.RepositoryFiles.Put(tx, f)
}

// repositoryFile serves one file of the update repository. Whoever asks for the
// timestamp makes sure that it is the newest, and so does who asks for a root: clients
// begin with the one after theirs, and what follows may be signed by keys that it lists.
func (s *Server) repositoryFile(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if !repositoryName.MatchString(name) {
		http.NotFound(w, r)
		return
	}
	if name == distribution.Timestamp || strings.HasSuffix(name, ".root.json") {
		// An old timestamp says itself until when it counts: better than none.
		if err := s.Distribute(r.Context()); err != nil {
			s.Log.ErrorContext(r.Context(), "bring the update repository up to date", "error", err)
		}
	}
	var body []byte
	err := s.Store.View(r.Context(), func(tx store.Reader) (err error) {
		body, err = readerOf(tx)(name)
		return err
	})
	switch {
	case err != nil:
		s.serveDER(w, r, "", nil, err)
	case body == nil:
		http.NotFound(w, r)
	default:
		w.Header().Set("Content-Type", "application/json")
		if name == distribution.Timestamp {
			w.Header().Set("Cache-Control", "no-cache") // the others never change
		}
		_, _ = w.Write(body) // who has gone away needs no answer
	}
}

// repositoryState is what an administrator tells installers: by this they know the
// update repository for the first time.
func (s *Server) repositoryState(ctx context.Context, _ *struct{}) (*body[api.UpdateRepository], error) {
	if err := s.Distribute(ctx); err != nil {
		return nil, err
	}
	out := api.UpdateRepository{URL: strings.TrimSuffix(s.APIURL, "/") + strings.TrimSuffix(repositoryPath, "/")}
	err := s.Store.View(ctx, func(r store.Reader) error {
		raw, version, err := distribution.NewestRoot(readerOf(r))
		if err != nil {
			return err
		}
		if version == 0 {
			return fmt.Errorf("root of the update repository: %w", store.ErrNotFound)
		}
		out.RootVersion, out.Fingerprint = version, distribution.Fingerprint(raw)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return answer(out), nil
}
