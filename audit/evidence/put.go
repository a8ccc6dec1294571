package evidence

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"

	"github.com/hallmark-pki/hallmark/durable"
)

// Put stores what r yields, to its end, if the SHA-256 of that is want, and returns its
// length. When it returns without error the file survives a power cut; on any error
// nothing is stored, and a file that was there is as it was. Errors: ErrDigest,
// ErrTooLarge, ErrMismatch, ErrDamaged, ctx's, r's, or one of the file system.
//
// A file that is there already is written again: whoever puts it shows that he has it,
// a rotten copy is made good, and two who put it at once do not have to wait for, or
// trust, each other. ctx is looked at between reads; a read that never ends is for
// whoever made r to end.
func (s *Store) Put(ctx context.Context, want string, r io.Reader) (size int64, err error) {
	path, _, err := s.find(want)
	if err == nil {
		err = s.makeShard(filepath.Dir(path))
	}
	if err == nil {
		err = durable.Write(path, 0o600, func(w io.Writer) (err error) {
			size, err = s.copy(ctx, w, r, want)
			return err
		})
	}
	if err != nil {
		return 0, fmt.Errorf("store evidence: %w", err)
	}
	return size, nil
}

func (s *Store) makeShard(dir string) error {
	if err := makeDir(dir); err != nil {
		return err
	}
	return realDir(dir)
}

// copy writes what r yields to w, as far as the bound, and judges it.
func (s *Store) copy(ctx context.Context, w io.Writer, r io.Reader, want string) (int64, error) {
	h := sha256.New()
	source := io.LimitReader(&cancelled{ctx, r}, s.max+1)
	size, err := io.CopyBuffer(io.MultiWriter(h, w), source, make([]byte, chunkBytes))
	switch {
	case err != nil:
		return 0, fmt.Errorf("%s: %w", want, err)
	case size > s.max:
		return 0, fmt.Errorf("%s: %w: more than %d bytes", want, ErrTooLarge, s.max)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		return 0, fmt.Errorf("%s: %w: %s", want, ErrMismatch, got)
	}
	return size, nil
}

// cancelled is a reader that ends with its context.
type cancelled struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (c *cancelled) Read(p []byte) (int, error) {
	if err := context.Cause(c.ctx); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
