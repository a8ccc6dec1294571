package outbound

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// proxyUser is the user name that goes with a Proxy's one-time password.
const proxyUser = "hallmark"

// Proxy is an HTTP proxy on this machine's loopback address for one child process that
// speaks https itself. It knows one method, CONNECT, and the targets it was made for;
// it dials under the rule for addresses, so the child's own resolver has no say, and
// it counts the bytes. TLS runs between the child and the target: certificates are for
// the child to check.
type Proxy struct {
	policy   Policy
	targets  map[string]bool
	password string
	listener net.Listener
	server   *http.Server
	deadline time.Time
	left     atomic.Int64
	running  sync.WaitGroup

	mu     sync.Mutex // guards what follows
	open   map[net.Conn]bool
	busy   int
	closed bool
	err    error
}

// Proxy starts a proxy for the named targets, each "host:port" or "host", which means
// port 443. All that goes through it, in both directions, is at most MaxBytes; after
// Timeout it passes nothing on any more. Close it.
func (p Policy) Proxy(hosts ...string) (*Proxy, error) {
	x := &Proxy{
		policy: p, targets: map[string]bool{}, open: map[net.Conn]bool{},
		password: rand.Text(), deadline: time.Now().Add(p.timeout()),
	}
	x.left.Store(p.maxBytes())
	for _, host := range hosts {
		target, err := targetOf(host)
		if err != nil {
			return nil, err
		}
		x.targets[target] = true
	}
	if len(x.targets) == 0 {
		return nil, fmt.Errorf("start a proxy without targets: %w", ErrTarget)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start a proxy: %w", err)
	}
	x.listener = listener
	x.server = &http.Server{
		Handler:           http.HandlerFunc(x.connect),
		ReadHeaderTimeout: p.timeout(),
		MaxHeaderBytes:    maxHeader,
	}
	x.running.Go(func() { _ = x.server.Serve(listener) })
	return x, nil
}

// targetOf spells a host and port in one way.
func targetOf(host string) (string, error) {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port, err = net.SplitHostPort(net.JoinHostPort(strings.Trim(host, "[]"), "443"))
	}
	if err != nil || name == "" || port == "" {
		return "", fmt.Errorf("%.200q: %w", host, ErrTarget)
	}
	return net.JoinHostPort(strings.ToLower(name), port), nil
}

// URL is what the child is told to use as its proxy. It holds a password, so that
// other users of the machine cannot use the proxy: hand it over in the environment and
// not on a command line, which everybody can read.
func (x *Proxy) URL() string {
	u := url.URL{Scheme: "http", Host: x.listener.Addr().String(), User: url.UserPassword(proxyUser, x.password)}
	return u.String()
}

// Err is the first refusal or failure to connect: ErrTarget, ErrAddress, ErrTooLarge or
// what the network said. A child's own message says less.
func (x *Proxy) Err() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.err
}

// Close cuts all tunnels and waits until nothing of the proxy is left running.
func (x *Proxy) Close() error {
	x.mu.Lock()
	x.closed = true
	for conn := range x.open {
		conn.Close()
	}
	x.mu.Unlock()
	err := x.server.Close()
	x.running.Wait()
	return err
}

func (x *Proxy) note(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.err == nil && !x.closed {
		x.err = err
	}
}

// enter counts a request that Close has to wait for; false when it is too late or there
// are too many.
func (x *Proxy) enter() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed || x.busy == maxTunnels {
		return false
	}
	x.busy++
	x.running.Add(1)
	return true
}

func (x *Proxy) leave() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.busy--
	x.running.Done()
}

// keep registers a connection for Close to cut; false when that has happened.
func (x *Proxy) keep(conn net.Conn) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return false
	}
	x.open[conn] = true
	return true
}

func (x *Proxy) drop(conn net.Conn) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.open, conn)
	conn.Close()
}

func (x *Proxy) isAuthorized(r *http.Request) bool {
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte(proxyUser+":"+x.password))
	return subtle.ConstantTimeCompare([]byte(r.Header.Get("Proxy-Authorization")), []byte(want)) == 1
}

// connect handles CONNECT, RFC 9110 §9.3.6.
func (x *Proxy) connect(w http.ResponseWriter, r *http.Request) {
	if !x.isAuthorized(r) {
		w.Header().Set("Proxy-Authenticate", `Basic realm="hallmark"`)
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	if r.Method != http.MethodConnect {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	target, err := targetOf(r.Host)
	if err != nil || !x.targets[target] {
		x.note(fmt.Errorf("%.200q: %w", r.Host, ErrTarget))
		w.WriteHeader(http.StatusForbidden)
		return
	}
	if !x.enter() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	defer x.leave()
	ctx, cancel := context.WithDeadline(r.Context(), x.deadline)
	defer cancel()
	far, err := x.policy.dial(ctx, "tcp", target)
	if err != nil {
		x.note(err)
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer x.drop(far)
	near, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		x.note(fmt.Errorf("take over the connection: %w", err))
		return
	}
	defer x.drop(near)
	if x.keep(far) && x.keep(near) {
		x.tunnel(near, buffered.Reader, far)
	}
}

// tunnel passes bytes both ways until both sides have ended, one broke, the deadline
// is over or the bytes are used up.
func (x *Proxy) tunnel(near net.Conn, fromNear *bufio.Reader, far net.Conn) {
	if near.SetDeadline(x.deadline) != nil || far.SetDeadline(x.deadline) != nil {
		return
	}
	if _, err := io.WriteString(near, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { x.pass(far, near, fromNear) })
	both.Go(func() { x.pass(near, far, far) })
	both.Wait()
}

// pass copies from one side to the other. At an end it closes the half; at anything
// else it cuts both sides.
func (x *Proxy) pass(to, owner net.Conn, from io.Reader) {
	chunk := make([]byte, tunnelBuffer)
	for {
		n, err := from.Read(chunk)
		if x.left.Add(-int64(n)) < 0 {
			x.note(ErrTooLarge)
			err = ErrTooLarge
		} else if n > 0 {
			if _, failed := to.Write(chunk[:n]); failed != nil {
				err = failed
			}
		}
		if errors.Is(err, io.EOF) {
			if half, ok := to.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
				return
			}
		}
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				x.note(err)
			}
			to.Close()
			owner.Close()
			return
		}
	}
}
