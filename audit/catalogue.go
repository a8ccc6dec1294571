package audit

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"path"
	"slices"
	"sync"
)

//go:embed frameworks/*.yaml
var embedded embed.FS

// ErrKnown is returned by Add for a framework whose id or URI is taken.
var ErrKnown = errors.New("framework is known already")

// Catalogue is the set of frameworks a CA assesses against. Fill it before use;
// after that any number of goroutines may read it.
type Catalogue struct {
	frameworks []Framework // in the order they were added
	editions   sync.Map    // by digest in hex: a Framework that was current once
}

// Embedded returns a new catalogue of the frameworks that come with the program.
func Embedded() (*Catalogue, error) {
	return readEmbedded(func([]byte) bool { return true })
}

// EmbeddedPart is Embedded with no more than it takes to have the frameworks of these
// ids, as far as they come with the program: a short command spends a third of its time
// reading all of them.
func EmbeddedPart(ids ...string) (*Catalogue, error) {
	return readEmbedded(func(raw []byte) bool {
		return slices.ContainsFunc(ids, func(id string) bool { return bytes.Contains(raw, []byte("id: "+id+"\n")) })
	})
}

func readEmbedded(wanted func(raw []byte) bool) (*Catalogue, error) {
	names, err := embedded.ReadDir("frameworks")
	if err != nil {
		return nil, err
	}
	c := new(Catalogue)
	for _, name := range names {
		raw, err := embedded.ReadFile(path.Join("frameworks", name.Name()))
		if err != nil {
			return nil, err
		}
		if !wanted(raw) {
			continue
		}
		f, err := ParseFramework(raw)
		if err == nil {
			err = c.Add(f)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name.Name(), err)
		}
	}
	return c, nil
}

// Add adds a framework, or returns an error that wraps ErrKnown.
func (c *Catalogue) Add(f Framework) error {
	for _, known := range c.frameworks {
		if known.ID == f.ID {
			return fmt.Errorf("id %q: %w", f.ID, ErrKnown)
		}
		if known.URI == f.URI {
			return fmt.Errorf("uri %q of %q: %w as %q", f.URI, f.ID, ErrKnown, known.ID)
		}
	}
	c.frameworks = append(c.frameworks, f)
	return nil
}

// Lookup finds a framework by its id.
func (c *Catalogue) Lookup(id string) (Framework, bool) {
	return c.find(func(f Framework) bool { return f.ID == id })
}

// LookupURI finds a framework by its URI.
func (c *Catalogue) LookupURI(uri string) (Framework, bool) {
	return c.find(func(f Framework) bool { return f.URI == uri })
}

// All lists the frameworks in the order they were added.
func (c *Catalogue) All() []Framework { return slices.Clone(c.frameworks) }

func (c *Catalogue) find(is func(Framework) bool) (Framework, bool) {
	i := slices.IndexFunc(c.frameworks, is)
	if i < 0 {
		return Framework{}, false
	}
	return c.frameworks[i], true
}
