package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/hallmark-pki/hallmark/attest/repository"
	"github.com/hallmark-pki/hallmark/outbound"
)

// Reader reads evidence at the addresses that a certificate names, as whoever installs an
// artifact does: what was handed in elsewhere is not there for them. Safe for concurrent use.
type Reader struct {
	// Here is served below the URLs Own, each vendor's part in a folder of its id, and is read
	// without the network.
	Here *repository.Repository
	Own  []string
	// Policy says what may be fetched from the others; NoFetch, that nothing is.
	Policy  outbound.Policy
	NoFetch bool

	once  sync.Once
	slots chan struct{}
}

// ErrNoFetch is returned for an address that is not ours where others are not asked.
var ErrNoFetch = errors.New("vendors' own repositories are not read here")

// Published returns the envelopes about a SHA-256 (lower-case hex) that the addresses hand
// out, each once. An error means that some address could not be read; what others hand out
// is returned all the same.
func (r *Reader) Published(ctx context.Context, digest string, addresses []string) ([][]byte, error) {
	r.once.Do(func() { r.slots = make(chan struct{}, maxPulls) })
	ctx, cancel := context.WithTimeout(ctx, pullTimeout)
	defer cancel()
	var out [][]byte
	var errs []error
	for _, address := range addresses[:min(len(addresses), maxAddresses)] {
		lines, err := r.read(ctx, digest, address)
		if err != nil {
			errs = append(errs, fmt.Errorf("evidence at %.200q: %w", address, err))
		}
		for _, line := range lines {
			if !slices.ContainsFunc(out, func(have []byte) bool { return bytes.Equal(have, line) }) {
				out = append(out, line)
			}
		}
	}
	return out, errors.Join(errs...)
}

func (r *Reader) read(ctx context.Context, digest, address string) ([][]byte, error) {
	for _, own := range r.Own {
		if vendor, ok := strings.CutPrefix(strings.TrimSuffix(address, "/")+"/", strings.TrimSuffix(own, "/")+"/"); ok {
			return r.Here.Get(ctx, strings.TrimSuffix(vendor, "/"), digest)
		}
	}
	if r.NoFetch {
		return nil, ErrNoFetch
	}
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	default:
		return nil, ErrBusy
	}
	return Fetch(ctx, r.Policy, address, digest)
}
