package timesource

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/beevik/ntp"
)

const (
	schemeNTP = "ntp"
	portNTP   = "123" // RFC 5905 §7.2
)

// ntpServer is asked as a client does, RFC 5905 §8.
type ntpServer struct{ address string }

// Parse reads the URI of a source: "ntp://host" or "ntp://host:port".
func Parse(uri string) (Source, error) {
	if len(uri) > maxURI {
		return nil, fmt.Errorf("time source: longer than %d bytes", maxURI)
	}
	u, err := url.Parse(uri)
	if err != nil {
		return nil, fmt.Errorf("time source: %w", err)
	}
	port := u.Port()
	if port == "" {
		port = portNTP
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || u.Scheme != schemeNTP || u.Hostname() == "" || u.User != nil ||
		u.Path != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return nil, fmt.Errorf("time source %q is not ntp://host or ntp://host:port", uri)
	}
	return ntpServer{net.JoinHostPort(u.Hostname(), port)}, nil
}

func (s ntpServer) Name() string { return schemeNTP + "://" + s.address }

// Ask exchanges one packet. An answer that is not to the question, of a server that is
// not synchronised itself, or that asks to be left alone is an error.
func (s ntpServer) Ask(ctx context.Context, now func() time.Time) (Answer, error) {
	response, err := ntp.QueryWithOptions(s.address, ntp.QueryOptions{
		Timeout: askTimeout, GetSystemTime: now,
		Dialer: func(_, remote string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, "udp", remote)
			if err == nil {
				context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
			}
			return conn, err
		},
	})
	if err == nil {
		err = response.Validate()
	}
	if ctx.Err() != nil {
		err = errors.Join(ctx.Err(), err)
	}
	if err != nil {
		return Answer{}, fmt.Errorf("ask %s: %w", s.Name(), err)
	}
	return Answer{Offset: response.ClockOffset, Error: response.RootDistance}, nil
}
