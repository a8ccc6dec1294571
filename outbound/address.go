package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
)

// special lists what is neither private nor link-local by netip's own predicates
// and still not on the public internet (IANA keeps the lists), or leads back inside.
func special() []netip.Prefix {
	var out []netip.Prefix
	for _, s := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		// IPv6 that carries an IPv4 address or a tunnel to one, or is for documentation.
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "fec0::/10", "5f00::/16",
	} {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func isPublic(a netip.Addr) bool {
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Zone() != "" {
		return false
	}
	for _, p := range special() {
		if p.Contains(a) {
			return false
		}
	}
	return true
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
