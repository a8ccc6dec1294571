// Package fetch answers: how does a program on a user's machine follow an address
// that it found in a certificate, without becoming somebody's tool?
//
// The address is untrusted: whoever signed the file chose it. So it is followed under
// the rules of package outbound, without exceptions: https only, nothing of ours sent
// along, no connection to an address that is not on the public internet, no redirect
// to another host, bounded size and time.
//
// It is linked into hallmark-fetch, which hallmark-verify starts: what judges links
// nothing of the network. See package verify/child.
package fetch

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/hallmark-pki/hallmark/outbound"
	"github.com/hallmark-pki/hallmark/verify"
)

// Bounds of one fetch.
const (
	// maxBody is what verify reads of one address.
	maxBody = 4 << 20
	// maxURL: ext allows 512 bytes of repository and adds 81.
	maxURL = 1024
	// timeout bounds the whole fetch, redirects included: somebody waits for an install.
	timeout = 10 * time.Second
)

// Errors that say which rule refused: those of package outbound.
var (
	ErrAddress  = outbound.ErrAddress
	ErrURL      = outbound.ErrURL
	ErrRedirect = outbound.ErrRedirect
	ErrTooLarge = outbound.ErrTooLarge
)

// Client fetches. It is safe for concurrent use.
type Client struct {
	policy outbound.Policy
}

var _ verify.Fetcher = (*Client)(nil)

// New returns a Client. roots are the certificate authorities for https; nil means
// the system's.
func New(roots *x509.CertPool) *Client {
	return &Client{policy: outbound.Policy{RootCAs: roots, MaxBytes: maxBody, Timeout: timeout, UserAgent: "hallmark-fetch"}}
}

// Fetch returns what is at the address, or verify.ErrNotFound where the server says
// 404 or 410.
func (c *Client) Fetch(ctx context.Context, address string) ([]byte, error) {
	if len(address) > maxURL {
		return nil, fmt.Errorf("fetch %.200q: %w", address, ErrURL)
	}
	body, err := outbound.Get(ctx, c.policy, address)
	var status *outbound.StatusError
	if errors.As(err, &status) && (status.Code == http.StatusNotFound || status.Code == http.StatusGone) {
		err = verify.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("fetch %.200q: %w", address, err)
	}
	return body, nil
}
