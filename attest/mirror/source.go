// Package mirror copies evidence from an attestation repository that somebody serves
// over HTTPS into one of ours: how do we get all of it, keep what it once held, and not
// become its owner's tool?
//
// A Mirror copies much: what a list names, or what has grown since the last time. It
// can be stopped at any moment and run again; a file is replaced as a whole, and what is
// here already is not fetched.
//
// A Puller looks for one artifact at the addresses that a vendor's audited scope
// names, when the gate finds too little here.
//
// Both fetch through package outbound. What they get is held against the digest it was
// fetched under, line by line: a line that is no envelope about that artifact is left
// out and reported. Lines that are here stay, also when the other side has dropped
// them. Signatures are not looked at; whoever relies on a line verifies it.
package mirror

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/hallmark-pki/hallmark/attest/repository"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/outbound"
)

// source fetches files of the layout from one address.
type source struct {
	http *http.Client
	base string // https URL, as in certificates
}

func newSource(p outbound.Policy, base string) (*source, error) {
	if err := outbound.CheckURL(base); err != nil {
		return nil, fmt.Errorf("repository %.200q: %w", base, err)
	}
	p.MaxBytes = repository.MaxFile
	return &source{outbound.Client(p), base}, nil
}

// Fetch returns what a repository at an https URL holds about a SHA-256 (lower-case
// hex), one envelope for each line that is about it; others are left out. None is no error.
func Fetch(ctx context.Context, p outbound.Policy, base, digest string) ([][]byte, error) {
	from, err := newSource(p, base)
	if err != nil {
		return nil, err
	}
	lines, _, err := from.fetch(ctx, digest)
	return lines, err
}

// fetch returns the lines about an artifact that may stand in its file, and how many
// others there were. What the address does not have is no lines and no error.
func (s *source) fetch(ctx context.Context, digest string) (good [][]byte, bad int, err error) {
	sum, err := hex.DecodeString(digest)
	if err != nil || len(sum) != 32 {
		return nil, 0, fmt.Errorf("%w: %.80q", repository.ErrDigest, digest)
	}
	raw, err := s.get(ctx, ext.EvidenceURL(s.base, [32]byte(sum)))
	if err != nil {
		return nil, 0, err
	}
	for _, line := range repository.SplitLines(raw) {
		if repository.CheckLine(line, digest) != nil {
			bad++
			continue
		}
		good = append(good, line)
	}
	return good, bad, nil
}

// get returns a body, nil when there is none.
func (s *source) get(ctx context.Context, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("get %.200q: %w", address, outbound.ErrURL)
	}
	response, err := s.http.Do(r)
	if err != nil {
		return nil, fmt.Errorf("get evidence: %w", err) // net/http's error names the address
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // so that the connection can be used again
		return nil, nil
	default:
		return nil, fmt.Errorf("get %.200q: %w", address, &outbound.StatusError{Code: response.StatusCode})
	}
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("get %.200q: %w", address, err)
	}
	return raw, nil
}

var errNoWriter = errors.New("mirror: no repository to copy into")
