package repository

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/hallmark-pki/hallmark/attest"
)

// ReadBundle yields the envelopes of a bundle: JSON Lines like a file of the layout, but
// about any number of artifacts and of any size, since it is read line by line. Each
// line is an envelope that attest.ParseEnvelope reads, or a Sigstore bundle with one, of
// at most attest.MaxEnvelope bytes; the last may lack its line feed. The sequence ends after the first error:
// ErrCorrupt with the number of the line, or the reader's.
func ReadBundle(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(make([]byte, 0, 64<<10), attest.MaxEnvelope+1)
		lines.Split(splitLine)
		n := 0
		for lines.Scan() {
			n++
			line := lines.Bytes()
			if bytes.ContainsRune(line, '\r') {
				yield(nil, fmt.Errorf("%w: line %d: carriage return", ErrCorrupt, n))
				return
			}
			envelope, err := attest.AsEnvelope(bytes.Clone(line))
			if err == nil {
				_, err = attest.ParseEnvelope(envelope)
			}
			if err != nil {
				yield(nil, fmt.Errorf("%w: line %d: %w", ErrCorrupt, n, err))
				return
			}
			if !yield(envelope, nil) {
				return
			}
		}
		err := lines.Err()
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("%w: line %d: more than %d bytes", ErrCorrupt, n+1, attest.MaxEnvelope)
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// splitLine is bufio.ScanLines that leaves carriage returns where they are.
func splitLine(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// Bundle writes envelopes that ReadBundle reads, each once.
type Bundle struct {
	w    io.Writer
	seen map[[sha256.Size]byte]bool
}

// NewBundle returns a Bundle that writes to w.
func NewBundle(w io.Writer) *Bundle { return &Bundle{w: w, seen: map[[sha256.Size]byte]bool{}} }

// Add writes the envelopes that are not in the bundle yet.
func (b *Bundle) Add(envelopes ...[]byte) error {
	for _, e := range envelopes {
		sum := sha256.Sum256(e)
		if b.seen[sum] {
			continue
		}
		b.seen[sum] = true
		if _, err := b.w.Write(append(bytes.Clone(e), '\n')); err != nil {
			return fmt.Errorf("write bundle: %w", err)
		}
	}
	return nil
}

// Len is how many envelopes have been written.
func (b *Bundle) Len() int { return len(b.seen) }

// Import files all envelopes of a bundle under each of their subjects, and says how many
// there were and about which artifacts. It is for a folder that somebody serves himself:
// the vendor's quota does not bound it. Importing again changes nothing.
func (r *Repository) Import(ctx context.Context, vendor string, bundle io.Reader) (envelopes int, digests map[string]bool, err error) {
	digests = map[string]bool{}
	for line, err := range ReadBundle(bundle) {
		if err != nil {
			return envelopes, digests, err
		}
		filed, err := r.Independent().Put(ctx, vendor, line)
		if err != nil {
			return envelopes, digests, fmt.Errorf("envelope %d: %w", envelopes+1, err)
		}
		envelopes++
		for _, d := range filed {
			digests[d] = true
		}
	}
	return envelopes, digests, nil
}
