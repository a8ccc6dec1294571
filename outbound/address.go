package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
)

// special lists what is neither private nor link-local by netip's own predicates
// and still not on the public internet (IANA keeps the lists), or leads back inside.
func special() []netip.Prefix {
	return prefixes(
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"2001::/23", "2001:db8::/32", "3fff::/20",
	)
}

func prefixes(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// isPublic reports whether an address is one of the public internet. Of IPv6 that is what
// IANA gives out, 2000::/3, and no more: what comes to be used of the rest is looked at
// then. Where an address of IPv6 stands for one of IPv4, that one must be public.
func isPublic(a netip.Addr) bool {
	if a.Zone() != "" {
		return false
	}
	if inside, ok := embedded(a); ok {
		return !slices.ContainsFunc(inside, func(v4 netip.Addr) bool { return !isPublic(v4) })
	}
	if !a.IsGlobalUnicast() || a.IsPrivate() || !a.Is4() && !prefixes("2000::/3")[0].Contains(a) {
		return false
	}
	return !slices.ContainsFunc(special(), func(p netip.Prefix) bool { return p.Contains(a) })
}

// embedded returns the addresses of IPv4 that packets to an address of IPv6 end up at, or
// are sent through: a translator's (RFC 6052 §2.1), a tunnel's (RFC 3056 §2, and RFC 4380
// §4 with the server's and, inverted, the client's). Networks without IPv4 reach all of it
// through the first, so these are not refused as a whole.
func embedded(a netip.Addr) ([]netip.Addr, bool) {
	b := a.As16()
	v4 := func(at int, mask byte) netip.Addr {
		return netip.AddrFrom4([4]byte{b[at] ^ mask, b[at+1] ^ mask, b[at+2] ^ mask, b[at+3] ^ mask})
	}
	p := prefixes("64:ff9b::/96", "2002::/16", "2001::/32")
	switch {
	case p[0].Contains(a):
		return []netip.Addr{v4(12, 0)}, true
	case p[1].Contains(a):
		return []netip.Addr{v4(2, 0)}, true
	case p[2].Contains(a):
		return []netip.Addr{v4(4, 0), v4(12, 0xff)}, true
	}
	return nil, false
}

func (p Policy) allows(a netip.Addr) bool {
	a = a.Unmap() // ::ffff:10.0.0.1 is 10.0.0.1
	if p.AllowPrivate || isPublic(a) {
		return true
	}
	for _, prefix := range p.Allow {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

// control sees the address that is about to be connected to: DNS has no say any more.
func (p Policy) control(network, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !strings.HasPrefix(network, "tcp") || !p.allows(at.Addr()) {
		return fmt.Errorf("%s: %w", address, ErrAddress)
	}
	return nil
}

// dial connects to host:port under the rule for addresses.
func (p Policy) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := &net.Dialer{Timeout: p.timeout(), Control: p.control}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%.200q: %w", address, ErrURL)
	}
	if _, err := netip.ParseAddr(host); err == nil || p.Resolver == nil {
		return d.DialContext(ctx, network, address)
	}
	list, err := p.Resolver(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("resolve %.200q: %w", host, err)
	}
	failed := fmt.Errorf("resolve %.200q: no address", host)
	for i, a := range list {
		if i == maxAddresses {
			break
		}
		conn, err := d.DialContext(ctx, network, net.JoinHostPort(a.String(), port))
		if err == nil {
			return conn, nil
		}
		if i == 0 {
			failed = err
		} else {
			failed = errors.Join(failed, err)
		}
	}
	return nil, failed
}
