package mirror

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hallmark-pki/hallmark/attest/repository"
	"github.com/hallmark-pki/hallmark/outbound"
	"github.com/hallmark-pki/hallmark/recent"
)

// Puller looks for evidence at addresses that vendors host themselves, and files what
// it finds here, within the vendor's quota: what the gate has judged stays on record,
// whatever becomes of the vendor's host. Safe for concurrent use.
type Puller struct {
	Into   *repository.Repository
	Policy outbound.Policy
	// Own are the URLs below which our own repository is served; they are not asked.
	Own []string
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	once  sync.Once
	slots chan struct{}
	asked recent.Values[string, time.Time] // by address and digest

	mu   sync.Mutex
	busy map[string]int // pulls under way, by vendor
}

// ErrBusy is returned when too many pulls run already.
var ErrBusy = errors.New("too many looks at vendors' repositories at once")

// Pull looks at each address for evidence about an artifact and returns how many lines
// were new here. An address that was asked about it a moment ago is left out, and so is
// one of ours. An error means that some address could not be read or what it holds could
// not be filed; what others had is filed all the same.
func (p *Puller) Pull(ctx context.Context, vendor, digest string, addresses []string) (added int, err error) {
	p.once.Do(func() { p.slots = make(chan struct{}, maxPulls) })
	if !p.enter(vendor) {
		return 0, ErrBusy
	}
	defer p.leave(vendor)
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	default:
		return 0, ErrBusy
	}
	ctx, cancel := context.WithTimeout(ctx, pullTimeout)
	defer cancel()
	var errs []error
	for _, address := range p.due(digest, addresses) {
		n, err := p.pullFrom(ctx, vendor, digest, address)
		added += n
		if err != nil {
			errs = append(errs, fmt.Errorf("evidence at %.200q: %w", address, err))
		}
	}
	return added, errors.Join(errs...)
}

// enter counts a vendor's pull: one whose host does not answer must not take all slots.
func (p *Puller) enter(vendor string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy[vendor] >= maxVendorPulls {
		return false
	}
	if p.busy == nil {
		p.busy = map[string]int{}
	}
	p.busy[vendor]++
	return true
}

func (p *Puller) leave(vendor string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy[vendor]--; p.busy[vendor] == 0 {
		delete(p.busy, vendor)
	}
}

// due picks the addresses that are to be asked now, and notes that they are.
func (p *Puller) due(digest string, addresses []string) []string {
	now := time.Now
	if p.Now != nil {
		now = p.Now
	}
	var out []string
	for _, a := range addresses {
		if len(out) == maxAddresses || p.isOwn(a) || slices.Contains(out, a) {
			continue
		}
		key := a + " " + digest
		if last, ok := p.asked.Get(key); ok && now().Sub(last) < pullAgain {
			continue
		}
		p.asked.Put(key, now())
		out = append(out, a)
	}
	return out
}

func (p *Puller) isOwn(address string) bool {
	return slices.ContainsFunc(p.Own, func(own string) bool {
		own = strings.TrimSuffix(own, "/")
		return address == own || strings.HasPrefix(address, own+"/")
	})
}

func (p *Puller) pullFrom(ctx context.Context, vendor, digest, address string) (int, error) {
	from, err := newSource(p.Policy, address)
	if err != nil {
		return 0, err
	}
	lines, _, err := from.fetch(ctx, digest)
	if err != nil || len(lines) == 0 {
		return 0, err
	}
	return p.Into.Merge(ctx, vendor, digest, lines)
}
