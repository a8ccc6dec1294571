package outbound

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// CheckURL says whether an address has the form that is followed: an absolute https
// URL of at most MaxURL printable ASCII characters without user information and
// fragment. The error is ErrURL. It asks no name server.
func CheckURL(address string) error {
	if len(address) > MaxURL {
		return fmt.Errorf("%w: longer than %d bytes", ErrURL, MaxURL)
	}
	for i := range len(address) {
		if address[i] <= ' ' || address[i] > '~' {
			return fmt.Errorf("%w: a character that is not printable ASCII", ErrURL)
		}
	}
	u, err := url.Parse(address)
	if err != nil {
		return ErrURL
	}
	return checkURL(u)
}

// checkURL holds for the first address and for each redirect.
func checkURL(u *url.URL) error {
	if u.Scheme != "https" || u.User != nil || u.Hostname() == "" || u.Opaque != "" || u.Fragment != "" {
		return ErrURL
	}
	return nil
}

// CheckRedirect is the rule for redirects, in the form that http.Client takes: the
// same host and port, the same scheme, no credentials, at most MaxRedirects, and only
// for a GET or HEAD. The error is ErrRedirect.
func CheckRedirect(r *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) > MaxRedirects || r.URL.Host != first.URL.Host || r.URL.Scheme != first.URL.Scheme || r.URL.User != nil ||
		first.Method != http.MethodGet && first.Method != http.MethodHead {
		return ErrRedirect
	}
	return nil
}

// ReadAll reads to the end, or returns ErrTooLarge when there are more than most bytes.
func ReadAll(r io.Reader, most int64) ([]byte, error) {
	return io.ReadAll(&bounded{source: r, left: most})
}

// Client returns a client that keeps to the policy: every request it sends, first or
// redirected, is judged, and reading a body returns ErrTooLarge past the policy's
// bound. It keeps no connection open between requests, unless the policy says KeepAlive;
// then CloseIdleConnections ends them.
func Client(p Policy) *http.Client {
	return &http.Client{
		Timeout: p.timeout(),
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if checkURL(r.URL) != nil {
				return ErrRedirect
			}
			return CheckRedirect(r, via)
		},
		Transport: &transport{policy: p, base: &http.Transport{
			// A proxy from the environment would dial for us what the policy forbids.
			Proxy:                  nil,
			DialContext:            p.dial,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: p.RootCAs},
			DisableCompression:     true, // no decompression, no bombs
			DisableKeepAlives:      !p.KeepAlive,
			IdleConnTimeout:        p.timeout(),
			MaxResponseHeaderBytes: maxHeader,
			ResponseHeaderTimeout:  p.timeout(),
			TLSHandshakeTimeout:    p.timeout(),
		}},
	}
}

// transport judges requests and bounds answers.
type transport struct {
	policy Policy
	base   *http.Transport
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := checkURL(r.URL); err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, err
	}
	if r.Header.Get("User-Agent") == "" {
		r = r.Clone(r.Context())
		r.Header.Set("User-Agent", t.policy.userAgent())
	}
	response, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = body{&bounded{source: response.Body, left: t.policy.maxBytes()}, response.Body}
	return response, nil
}

// CloseIdleConnections is what http.Client.CloseIdleConnections calls.
func (t *transport) CloseIdleConnections() { t.base.CloseIdleConnections() }

type body struct {
	io.Reader
	io.Closer
}

// bounded is io.LimitedReader that tells a cut from an end.
type bounded struct {
	source io.Reader
	left   int64
}

// Read implements io.Reader.
func (b *bounded) Read(into []byte) (int, error) {
	if int64(len(into)) > b.left {
		into = into[:b.left+1] // one more, to see whether there is one
	}
	n, err := b.source.Read(into)
	if int64(n) > b.left {
		n, b.left = int(b.left), 0
		return n, ErrTooLarge
	}
	b.left -= int64(n)
	return n, err
}
