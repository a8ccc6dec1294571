// Package fetch answers: how does a program on a user's machine follow an address
// that it found in a certificate, without becoming somebody's tool?
//
// The address is untrusted: whoever signed the file chose it. So, and without
// exceptions: https only; no user name or password in it, and no cookies, client
// certificates or proxies of ours; no connection to an address that is not on the
// public internet, which is checked on the very address that is dialled and not on
// an earlier answer of DNS; no redirect to another host; bounded size and time.
//
// It stands apart from package verify, which links nothing of the network.
package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/hallmark-pki/hallmark/verify"
)

// Bounds of one fetch.
const (
	// maxBody is what verify reads of one address.
	maxBody = 4 << 20
	// maxHeader bounds the response's header; a static host sends some hundred bytes.
	maxHeader = 32 << 10
	// maxURL: ext allows 512 bytes of repository and adds 81.
	maxURL = 1024
	// timeout bounds the whole fetch, redirects included: somebody waits for an install.
	timeout = 10 * time.Second
	// maxRedirects on the same host: http servers redirect for a missing slash.
	maxRedirects = 3
)

// Errors that say which rule refused.
var (
	ErrAddress  = errors.New("address is not on the public internet")
	ErrURL      = errors.New("not an https URL without credentials")
	ErrRedirect = errors.New("redirect to another host, or too many")
	ErrTooLarge = errors.New("response too large")
)

// Client fetches. It is safe for concurrent use.
type Client struct {
	http    *http.Client
	allowed func(netip.Addr) bool
}

var _ verify.Fetcher = (*Client)(nil)

// New returns a Client. roots are the certificate authorities for https; nil means
// the system's.
func New(roots *x509.CertPool) *Client {
	c := &Client{allowed: isPublic}
	dialer := &net.Dialer{Timeout: timeout, Control: c.control}
	c.http = &http.Client{
		Timeout:       timeout,
		CheckRedirect: checkRedirect,
		Transport: &http.Transport{
			// A proxy from the environment would dial for us what Control forbids.
			Proxy:       nil,
			DialContext: dialer.DialContext,
			TLSClientConfig: &tls.Config{
				MinVersion: tls.VersionTLS12,
				RootCAs:    roots,
			},
			DisableCompression:     true, // no decompression, no bombs
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: maxHeader,
			ResponseHeaderTimeout:  timeout,
			TLSHandshakeTimeout:    timeout,
		},
	}
	return c
}

// control sees the address that is about to be connected to: DNS has no say any more.
func (c *Client) control(network, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !strings.HasPrefix(network, "tcp") || !c.allowed(at.Addr().Unmap()) {
		return fmt.Errorf("%s: %w", address, ErrAddress)
	}
	return nil
}

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

// checkURL holds for the first address and for each redirect.
func checkURL(u *url.URL) error {
	if u.Scheme != "https" || u.User != nil || u.Hostname() == "" || u.Opaque != "" || u.Fragment != "" {
		return ErrURL
	}
	return nil
}

func checkRedirect(r *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects || r.URL.Host != via[0].URL.Host || checkURL(r.URL) != nil {
		return ErrRedirect
	}
	return nil
}

// Fetch returns what is at the address, or verify.ErrNotFound where the server says
// 404 or 410.
func (c *Client) Fetch(ctx context.Context, address string) ([]byte, error) {
	body, err := c.fetch(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("fetch %.200q: %w", address, err)
	}
	return body, nil
}

func (c *Client) fetch(ctx context.Context, address string) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil || len(address) > maxURL {
		return nil, ErrURL
	}
	if err := checkURL(u); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, ErrURL
	}
	r.Header.Set("User-Agent", "hallmark-verify")
	response, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return nil, verify.ErrNotFound
	default:
		return nil, fmt.Errorf("status %d", response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxBody {
		return nil, ErrTooLarge
	}
	return body, nil
}
