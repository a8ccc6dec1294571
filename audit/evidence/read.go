package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"syscall"
)

// Open returns the file with this digest and its length. The last Read tells whether
// the bytes were the right ones: it returns ErrDamaged in place of io.EOF when they
// were not, so whoever passes them on meanwhile has to take them back. Errors:
// ErrDigest, ErrNotFound, ErrDamaged, or one of the file system.
func (s *Store) Open(digest string) (io.ReadCloser, int64, error) {
	path, info, err := s.find(digest)
	if err == nil && info == nil {
		err = fmt.Errorf("%s: %w", digest, ErrNotFound)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("open evidence: %w", err)
	}
	f, size, err := openFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist): // removed since
		return nil, 0, fmt.Errorf("open evidence: %s: %w", digest, ErrNotFound)
	case err != nil:
		return nil, 0, fmt.Errorf("open evidence: %w", err)
	}
	return &checked{f: f, hash: sha256.New(), want: digest}, size, nil
}

// openFile opens a regular file. find has looked at the name, but this is another
// moment: a link that took its place is not followed, and a pipe is not waited for.
func openFile(path string) (*os.File, int64, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, 0, fmt.Errorf("%w: a symbolic link", ErrDamaged)
	}
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%w: no file (%s)", ErrDamaged, info.Mode().Type())
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// checked holds what is read against the digest.
type checked struct {
	f    *os.File
	hash hash.Hash
	want string
	end  error
}

// Read implements io.Reader.
func (c *checked) Read(p []byte) (int, error) {
	if c.end != nil {
		return 0, c.end
	}
	n, err := c.f.Read(p)
	c.hash.Write(p[:n])
	if err == io.EOF && hex.EncodeToString(c.hash.Sum(nil)) != c.want {
		err = fmt.Errorf("read evidence %s: %w: other bytes", c.want, ErrDamaged)
	}
	c.end = err
	return n, err
}

// Close implements io.Closer.
func (c *checked) Close() error { return c.f.Close() }
