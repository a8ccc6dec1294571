package outbound

import (
	"net/netip"
	"testing"
)

func TestIsPublic(t *testing.T) {
	for address, want := range map[string]bool{
		"1.1.1.1": true, "93.184.216.34": true, "2606:4700::1111": true,
		"10.1.2.3": false, "172.16.0.1": false, "192.168.0.1": false, "127.0.0.1": false, "169.254.1.1": false, "100.64.0.1": false,
		"0.0.0.0": false, "0.1.2.3": false, "224.0.0.1": false, "255.255.255.255": false, "240.0.0.1": false, "192.0.0.8": false,
		"198.18.0.1": false, "203.0.113.1": false, "::": false, "::1": false, "fe80::1": false, "fc00::1": false, "fd00::1": false,
		"ff02::1": false, "2001:db8::1": false, "2002:7f00:1::": false, "64:ff9b::7f00:1": false, "::127.0.0.1": false, "fe80::1%eth0": false,
		"2a00:1450::1": true, "3ffe::1": true, "4000::1": false, "8000::1": false, "fbff::1": false, "1fff::1": false, "::ffff:0:1.1.1.1": false,
		"3fff::1": false, "5f00::1": false, "100::1": false, "fec0::1": false, "64:ff9b:1::1.1.1.1": false, "2001:20::1": false, "2606:4700::1%eth0": false,
		// Translated, 6to4 and Teredo (server 1.1.1.1, client 8.8.8.8 inverted).
		"64:ff9b::1.1.1.1": true, "64:ff9b::10.0.0.1": false, "64:ff9b::169.254.169.254": false, "64:ff9b::192.0.2.1": false, "64:ff9b::1.1.1.1%eth0": false,
		"2002:101:101::1": true, "2002:a00:1::1": false, "2002:a9fe:a9fe::1": false, "2002:c0a8:101::1": false,
		"2001:0:101:101::f7f7:f7f7": true, "2001:0:a00:1::f7f7:f7f7": false, "2001:0:101:101::f5ff:fffe": false, "2001:0:101:101::": false,
	} {
		if got := isPublic(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %t", address, got)
		}
	}
}

func TestAllow(t *testing.T) {
	p := Policy{Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}
	for address, want := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "1.1.1.1": true,
		"10.2.0.1": false, "127.0.0.1": false, "::ffff:127.0.0.1": false,
	} {
		if got := p.allows(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %t", address, got)
		}
	}
	if (Policy{}).allows(netip.MustParseAddr("::ffff:10.1.2.3")) || !(Policy{AllowPrivate: true}).allows(netip.MustParseAddr("10.1.2.3")) {
		t.Error("the zero value is not the strict one, or AllowPrivate does nothing")
	}
}
