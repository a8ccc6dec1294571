package monitor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/outbound"
)

var (
	errURL      = errors.New("not an http or https URL without credentials, query and fragment")
	errNotFound = errors.New("not found")
)

// source fetches the log's files. Its address comes from the person who watches, so it
// may be private or without TLS; where the server sends us is not for the server to say.
// Package outbound has the rule.
type source struct {
	base *url.URL
	http *http.Client
}

func newSource(address string, timeout time.Duration) (*source, error) {
	u, err := url.Parse(address)
	if err != nil || len(address) > maxURL || u.Scheme != "http" && u.Scheme != "https" ||
		u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%.200q: %w", address, errURL)
	}
	return &source{base: u, http: &http.Client{
		Timeout:       timeout,
		CheckRedirect: outbound.CheckRedirect,
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DisableCompression:     true, // no decompression, no bombs
			MaxResponseHeaderBytes: maxHeader,
			IdleConnTimeout:        timeout,
		},
	}}, nil
}

// getPartial fetches a partial file, or the full one where the log has replaced the
// partial one by it, as c2sp.org/tlog-tiles lets it. Width 0 asks for the full one.
func (s *source) getPartial(ctx context.Context, path func(width uint8) string, width uint8, maxBytes int64) (raw []byte, isFull bool, err error) {
	raw, err = s.get(ctx, path(width), maxBytes)
	if width != 0 && errors.Is(err, errNotFound) {
		raw, err = s.get(ctx, path(0), maxBytes)
		return raw, true, err
	}
	return raw, width == 0, err
}

// get fetches a file of the log. Errors: ErrUnreachable, or ctx's.
func (s *source) get(ctx context.Context, path string, maxBytes int64) ([]byte, error) {
	body, err := s.fetch(ctx, path, maxBytes)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fmt.Errorf("%w: %s: %w", ErrUnreachable, path, err)
	}
	return body, nil
}

func (s *source) fetch(ctx context.Context, path string, maxBytes int64) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base.JoinPath(strings.Split(path, "/")...).String(), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "hallmark-monitor")
	response, err := s.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return nil, errNotFound
	default:
		return nil, fmt.Errorf("status %d", response.StatusCode)
	}
	return outbound.ReadAll(response.Body, maxBytes)
}
