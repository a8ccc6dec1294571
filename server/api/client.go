package api

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// maxAnswerBytes bounds what a client reads of one answer: the largest is an
	// assessment with its envelope.
	maxAnswerBytes = 64 << 20
	// maxToldBytes bounds the memory set aside for an answer before its bytes are there.
	maxToldBytes = 1 << 20
	// clientTimeout bounds one call; the slowest waits for the ledger to publish, or for
	// probes. A transfer of evidence has no bound but its context's.
	clientTimeout = 60 * time.Second
	// continueTimeout is how long an upload waits for the server to say that it wants
	// the bytes.
	continueTimeout = 10 * time.Second
)

// Client calls a hallmark server. It is safe for concurrent use.
type Client struct {
	base     string
	http     *http.Client
	transfer *http.Client // the same without a bound on time
	token    string       // shown instead of a client certificate
}

// WithToken returns a client that shows an OpenID Connect token (RFC 6750 §2.1) with each
// request to the same server.
func (c *Client) WithToken(token string) *Client {
	with := *c
	with.token = token
	return &with
}

func (c *Client) newRequest(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err == nil && c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	return req, err
}

// NewClient returns a client of the server at base (https URL). Only server
// certificates under roots are accepted. identity may be nil for public routes.
func NewClient(base string, roots *x509.CertPool, identity *tls.Certificate) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return nil, fmt.Errorf("server URL %q: want https://host[:port]", base)
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots}
	if identity != nil {
		conf.Certificates = []tls.Certificate{*identity}
	}
	transport := &http.Transport{
		TLSClientConfig: conf, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 64, Proxy: http.ProxyFromEnvironment, ExpectContinueTimeout: continueTimeout,
	}
	refuse := func(*http.Request, []*http.Request) error {
		return errors.New("the server redirected, which a hallmark server never does")
	}
	return &Client{
		base:     strings.TrimSuffix(u.String(), "/"),
		http:     &http.Client{Transport: transport, Timeout: clientTimeout, CheckRedirect: refuse},
		transfer: &http.Client{Transport: transport, CheckRedirect: refuse},
	}, nil
}

// URL is where the server is, without a slash at its end.
func (c *Client) URL() string { return c.base }

func (c *Client) transport() *http.Transport { return c.http.Transport.(*http.Transport) }

// Signer is the key of the identity that the client presents, nil when it has none: what
// it signs verifies under the client certificate.
func (c *Client) Signer() crypto.Signer {
	if certs := c.transport().TLSClientConfig.Certificates; len(certs) > 0 {
		if key, ok := certs[0].PrivateKey.(crypto.Signer); ok {
			return key
		}
	}
	return nil
}

// Get reads path (with its query) into out.
func (c *Client) Get(ctx context.Context, path string, out any) error {
	return c.call(ctx, http.MethodGet, path, nil, out)
}

// Post sends in as JSON to path and reads the answer into out. Either may be nil.
func (c *Client) Post(ctx context.Context, path string, in, out any) error {
	return c.call(ctx, http.MethodPost, path, in, out)
}

// List reads all pages of path into one slice.
func List[T any](ctx context.Context, c *Client, path string, query url.Values) ([]T, error) {
	all := []T{}
	for {
		var page Page[T]
		if err := c.Get(ctx, path+"?"+query.Encode(), &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Next == "" {
			return all, nil
		}
		query.Set("after", page.Next)
	}
}

// newJSON is a request with a JSON body, or with none where in is nil.
func (c *Client) newJSON(ctx context.Context, method, path string, in any) (*http.Request, error) {
	if in == nil {
		return c.newRequest(ctx, method, path, nil)
	}
	raw, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	req, err := c.newRequest(ctx, method, path, bytes.NewReader(raw))
	if err == nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, err
}

func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	req, err := c.newJSON(ctx, method, path, in)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("reach server: %w", err)
	}
	defer resp.Body.Close()
	return readAnswer(resp, out)
}

// Upload sends size bytes to path as they are, and reads the answer into out. It asks
// first: a server that refuses is not sent the bytes.
func (c *Client) Upload(ctx context.Context, path string, from io.Reader, size int64, out any) error {
	req, err := c.newRequest(ctx, http.MethodPut, path, io.NopCloser(from))
	if err != nil {
		return err
	}
	req.ContentLength = size
	req.Header.Set("Content-Type", "application/octet-stream")
	req.Header.Set("Expect", "100-continue")
	resp, err := c.transfer.Do(req)
	if err != nil {
		return fmt.Errorf("reach server: %w", err)
	}
	defer resp.Body.Close()
	return readAnswer(resp, out)
}

// Download writes what is at path to a file, or whatever to is, and returns how much
// that was. An answer that breaks off, or has more than most bytes, is an error; whether
// the bytes are the right ones is for the caller to see.
func (c *Client) Download(ctx context.Context, path string, to io.Writer, most int64) (int64, error) {
	req, err := c.newRequest(ctx, http.MethodGet, path, nil)
	if err != nil {
		return 0, err
	}
	resp, err := c.transfer.Do(req)
	if err != nil {
		return 0, fmt.Errorf("reach server: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return 0, readAnswer(resp, nil)
	}
	n, err := io.Copy(to, io.LimitReader(resp.Body, most+1))
	if err == nil && n > most {
		err = fmt.Errorf("larger than %d bytes", most)
	}
	if err != nil {
		return n, fmt.Errorf("read answer: %w", err)
	}
	return n, nil
}

// readAnswer reads an answer that fits into memory.
func readAnswer(resp *http.Response, out any) error {
	raw, err := readBody(resp)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return parseProblem(resp.StatusCode, raw)
	}
	return decodeAnswer(raw, out)
}

// readBody reads into memory of the size that the server tells; that a server tells a
// large one and then sends little costs at most maxToldBytes.
func readBody(resp *http.Response) ([]byte, error) {
	if resp.ContentLength > 0 && resp.ContentLength <= maxToldBytes {
		raw := make([]byte, resp.ContentLength)
		if _, err := io.ReadFull(resp.Body, raw); err != nil {
			return nil, fmt.Errorf("read answer: %w", err)
		}
		return raw, nil
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if len(raw) > maxAnswerBytes {
		return nil, fmt.Errorf("answer of the server is larger than %d bytes", maxAnswerBytes)
	}
	return raw, nil
}

func decodeAnswer(raw []byte, out any) error {
	switch out := out.(type) {
	case nil:
		return nil
	case *[]byte:
		*out = raw
		return nil
	default:
		if err := json.Unmarshal(raw, out); err != nil {
			return fmt.Errorf("decode answer: %w", err)
		}
		return nil
	}
}

func parseProblem(status int, raw []byte) error {
	p := &Problem{}
	if err := json.Unmarshal(raw, p); err != nil || p.Title == "" {
		return &Problem{Title: http.StatusText(status), Status: status, Detail: "the server answered " + http.StatusText(status)}
	}
	p.Status = status
	return p
}
