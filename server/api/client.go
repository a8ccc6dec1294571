package api

import (
	"bytes"
	"context"
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
	// clientTimeout bounds one call; the slowest waits for the ledger to publish.
	clientTimeout = 60 * time.Second
)

// Client calls a hallmark server. It is safe for concurrent use.
type Client struct {
	base string
	http *http.Client
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
	transport := &http.Transport{TLSClientConfig: conf, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 64, Proxy: http.ProxyFromEnvironment}
	refuse := func(*http.Request, []*http.Request) error {
		return errors.New("the server redirected, which a hallmark server never does")
	}
	return &Client{
		base: strings.TrimSuffix(u.String(), "/"),
		http: &http.Client{Transport: transport, Timeout: clientTimeout, CheckRedirect: refuse},
	}, nil
}

func (c *Client) transport() *http.Transport { return c.http.Transport.(*http.Transport) }

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

func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("reach server: %w", err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes+1))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if len(raw) > maxAnswerBytes {
		return fmt.Errorf("answer of the server is larger than %d bytes", maxAnswerBytes)
	}
	if resp.StatusCode >= 300 {
		return parseProblem(resp.StatusCode, raw)
	}
	return decodeAnswer(raw, out)
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
