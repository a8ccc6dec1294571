package outbound

import "time"

// Bounds on what strangers make us do.
const (
	// DefaultMaxBytes bounds a body where the policy says nothing: four times the
	// largest envelope that package attest reads.
	DefaultMaxBytes = 4 << 20
	// DefaultTimeout bounds an exchange where the policy says nothing. Somebody may be
	// waiting for it.
	DefaultTimeout = 10 * time.Second
	// MaxURL is the length of an address in bytes; what browsers and proxies carry.
	MaxURL = 2048
	// MaxRedirects on the same host: servers redirect for a missing slash.
	MaxRedirects = 3

	// maxHeader bounds a response's header; a static host sends some hundred bytes, a
	// source forge some thousand.
	maxHeader = 32 << 10
	// maxAddresses bounds how many addresses of one name are tried; large sites answer
	// with fewer than ten.
	maxAddresses = 16
	// maxTunnels bounds the connections through one Proxy at once; git opens one or two.
	maxTunnels = 16
	// tunnelBuffer is what is read at once in each direction of a tunnel.
	tunnelBuffer = 32 << 10
)
