// Package outbound answers: how does a program follow addresses that strangers gave
// it, without becoming somebody's tool?
//
// An address may come from a certificate, from an assessment or from a form: whoever
// wrote it chose where we connect to, and would like it to be the database beside us.
// So, and without exceptions for being asked nicely:
//
//   - https only, TLS 1.2 or later; no user name or password in the URL, and no
//     cookies, client certificates or proxies of ours;
//   - no connection to an address that is not on the public internet. What is checked
//     is the very address that is dialled, not an earlier answer of DNS, so a name
//     that resolves to one address for the check and to another for the connection
//     (DNS rebinding) gains nothing;
//   - no redirect to another host or another scheme, and none at all of a POST;
//   - bounded size and bounded time; no decompression.
//
// Get and Post do one exchange. Client is for who needs the response's header or a
// stream. Policy.Proxy lends the same rules to a child process, such as git, which
// speaks HTTP itself. CheckRedirect and ReadAll are the parts for who may be given
// other addresses, because his own user types them.
//
// Everything here is safe for concurrent use.
package outbound

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Policy says what may be reached and how much of it. The zero value is the strict
// one, with the system's certificate authorities and the default bounds.
type Policy struct {
	// AllowPrivate lets every address be dialled: for tests, and for a CA whose
	// vendors are all inside one network. It takes away the main protection.
	AllowPrivate bool
	// Allow lists addresses that may be dialled although they are not public, such as
	// the network in which an operator's own source repositories stand.
	Allow []netip.Prefix
	// RootCAs are the certificate authorities for https; nil means the system's.
	RootCAs *x509.CertPool
	// MaxBytes bounds the body of one response, and everything that goes through one
	// Proxy, both ways. Zero means DefaultMaxBytes.
	MaxBytes int64
	// Timeout bounds one exchange with redirects and body, and the life of a Proxy.
	// Zero means DefaultTimeout.
	Timeout time.Duration
	// KeepAlive lets one Client use a connection for several requests to the same host,
	// which was judged when it was dialled. For who fetches a lot from one place.
	KeepAlive bool
	// UserAgent is sent with each request; empty means "hallmark".
	UserAgent string
	// Resolver answers which addresses a name has; nil means the system's resolver.
	// What it answers is checked like any other answer.
	Resolver func(ctx context.Context, host string) ([]netip.Addr, error)
}

func (p Policy) maxBytes() int64 {
	if p.MaxBytes <= 0 {
		return DefaultMaxBytes
	}
	return p.MaxBytes
}

func (p Policy) timeout() time.Duration {
	if p.Timeout <= 0 {
		return DefaultTimeout
	}
	return p.Timeout
}

func (p Policy) userAgent() string {
	if p.UserAgent == "" {
		return "hallmark"
	}
	return p.UserAgent
}

// Get returns the body at an address that answers 200. Errors: ErrURL, ErrAddress,
// ErrRedirect, ErrTooLarge, a *StatusError for any other status, ctx's error,
// context.DeadlineExceeded after Timeout, or what the network said.
func Get(ctx context.Context, p Policy, address string) ([]byte, error) {
	body, err := p.exchange(ctx, http.MethodGet, address, "", nil)
	if err != nil {
		return nil, fmt.Errorf("get %.200q: %w", address, err)
	}
	return body, nil
}

// Post sends a body and returns that of the answer, whose status must be 200 to 299.
// No redirect is followed. Errors are those of Get.
func Post(ctx context.Context, p Policy, address, contentType string, body []byte) ([]byte, error) {
	answer, err := p.exchange(ctx, http.MethodPost, address, contentType, body)
	if err != nil {
		return nil, fmt.Errorf("post to %.200q: %w", address, err)
	}
	return answer, nil
}

func (p Policy) exchange(ctx context.Context, method, address, contentType string, body []byte) ([]byte, error) {
	if err := CheckURL(address); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, p.timeout())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, ErrURL
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	response, err := Client(p).Do(r)
	if err != nil {
		return nil, bare(err)
	}
	defer response.Body.Close()
	ok := response.StatusCode == http.StatusOK || method == http.MethodPost && response.StatusCode/100 == 2
	if !ok {
		return nil, &StatusError{Code: response.StatusCode}
	}
	return io.ReadAll(response.Body)
}

// bare takes off the wrapper of net/http, which repeats method and URL.
func bare(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
