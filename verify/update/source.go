package update

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/hallmark-pki/hallmark/outbound"
)

// Source has the files of an update repository.
type Source interface {
	// Get returns the file of a path in the repository. An error that wraps
	// fs.ErrNotExist says that it is not there; a file of more than most bytes is an error
	// that wraps outbound.ErrTooLarge, found out without reading all of it.
	Get(ctx context.Context, name string, most int64) ([]byte, error)
	// String is what a person calls it.
	String() string
}

// Web is a repository below an https URL. The address is the machine owner's, so it may
// be in a private network; redirects stay on its host, and size and time are bounded.
type Web struct {
	Base  string // without a slash at its end
	Roots *x509.CertPool
}

// NewWeb checks the address.
func NewWeb(base string, roots *x509.CertPool) (Web, error) {
	base = strings.TrimRight(base, "/")
	if err := outbound.CheckURL(base); err != nil {
		return Web{}, fmt.Errorf("%.200q: %w", base, err)
	}
	if strings.ContainsAny(base, "?#") {
		return Web{}, fmt.Errorf("%.200q: a query cannot be followed by a file's name", base)
	}
	return Web{base, roots}, nil
}

func (w Web) String() string { return w.Base }

// Get implements Source.
func (w Web) Get(ctx context.Context, name string, most int64) ([]byte, error) {
	p := outbound.Policy{AllowPrivate: true, RootCAs: w.Roots, MaxBytes: most, Timeout: exchangeTimeout, UserAgent: "hallmark-fetch"}
	body, err := outbound.Get(ctx, p, w.Base+"/"+name)
	var status *outbound.StatusError
	switch {
	case errors.As(err, &status) && status.Code == http.StatusNotFound:
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	case errors.Is(err, outbound.ErrTooLarge):
		return nil, err
	case err != nil:
		return nil, &Error{Unreachable, err}
	}
	return body, nil
}

// Folder is a repository in a folder: a mirror, or what somebody carried here.
type Folder string

func (f Folder) String() string { return string(f) }

// Get implements Source. It follows no link out of the folder and waits for nothing: a
// stick is outside data.
func (f Folder) Get(_ context.Context, name string, most int64) ([]byte, error) {
	root, err := os.OpenRoot(string(f))
	if err != nil {
		return nil, refuse(Unreachable, "%v", err) // not wrapped: a missing folder is no missing file
	}
	defer root.Close()
	name = filepath.FromSlash(name)
	info, err := root.Stat(name) // before it is opened: a pipe would keep us waiting
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", name)
	}
	file, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return outbound.ReadAll(file, most)
}

// sourceFile is where an Updater looks by itself.
type sourceFile struct {
	URL    string `json:"url,omitempty"`
	Folder string `json:"folder,omitempty"`
}

// sourceOf is the form of a source that is written down.
func sourceOf(s Source) (sourceFile, error) {
	switch s := s.(type) {
	case Web:
		return sourceFile{URL: s.Base}, nil
	case Folder:
		dir, err := filepath.Abs(string(s))
		return sourceFile{Folder: dir}, err
	}
	return sourceFile{}, nil
}

// KnownSource returns the source that Add noted, ErrNotExist without one. roots are for
// an https source; nil means the system's.
func (u Updater) KnownSource(roots *x509.CertPool) (Source, error) {
	f, err := os.Open(u.file(sourceName))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var known sourceFile
	d := json.NewDecoder(io.LimitReader(f, maxMetadataBytes))
	d.DisallowUnknownFields()
	if err := d.Decode(&known); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	switch {
	case known.URL != "" && known.Folder == "":
		return NewWeb(known.URL, roots)
	case known.Folder != "" && known.URL == "":
		return Folder(known.Folder), nil
	}
	return nil, fmt.Errorf("%s names no source: %w", f.Name(), fs.ErrNotExist)
}
