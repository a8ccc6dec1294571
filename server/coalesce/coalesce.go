// Package coalesce answers: how do the pieces of an answer leave in one system call?
//
// Over HTTP/2, net/http writes an answer in three pieces, its headers, its data and its end;
// each becomes a TLS record, a write(2) and a wake-up of the client. A connection from here
// holds what is written until everybody else who can run has had a turn. On a busy server the
// pieces of an answer meet there; on an idle one each leaves at once, as without.
package coalesce

import (
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"time"
)

const (
	// maxWaiting is how many bytes wait before Write waits for them to leave: four of TLS's
	// largest records. The bytes of one Write are never parted, so it may be one Write more;
	// and as many may be leaving.
	maxWaiting = 64 << 10
	// lingerTimeout is how long what waits may take to leave once nobody waits for that: as
	// long as crypto/tls gives its last record.
	lingerTimeout = 5 * time.Second
	// keptBytes is how large a buffer an idle connection keeps: most answers fit.
	keptBytes = 16 << 10
)

// Listen returns a listener whose connections coalesce what is written to them.
func Listen(l net.Listener) net.Listener { return listener{l} }

type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return newConn(c), nil
}

// conn sends from a goroutine of its own, which ends when nothing waits. What differs from a
// connection that sends by itself: Write returns before the bytes have left, so that their error
// is that of the next Write; Close, and a deadline in the past, let what was written leave,
// within lingerTimeout.
type conn struct {
	net.Conn
	mu      sync.Mutex
	moved   sync.Cond // some of waiting has left, or never will
	waiting []byte
	spare   []byte // the other buffer
	sending bool   // there is such a goroutine
	closed  bool   // and once there is none, so is the connection
	late    bool   // the deadline is in the past
	err     error  // of every further Write
}

func newConn(inner net.Conn) *conn {
	c := &conn{Conn: inner}
	c.moved.L = &c.mu
	return c
}

func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.refusal() == nil && len(c.waiting) >= maxWaiting {
		c.moved.Wait()
	}
	if err := c.refusal(); err != nil {
		return 0, err
	}
	c.waiting = append(c.waiting, p...)
	if !c.sending {
		c.sending = true
		go c.send()
	}
	return len(p), nil
}

// refusal is what Write answers, nil while it takes bytes.
func (c *conn) refusal() error {
	switch {
	case c.err != nil:
		return c.err
	case c.closed:
		return net.ErrClosed
	case c.late:
		return os.ErrDeadlineExceeded
	}
	return nil
}

// send sends what waits, and what comes meanwhile.
func (c *conn) send() {
	runtime.Gosched() // behind everybody who can run
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.waiting) > 0 {
		leaving := c.waiting
		c.waiting = c.spare[:0]
		c.mu.Unlock()
		_, err := c.Conn.Write(leaving)
		c.mu.Lock()
		c.spare = leaving
		if err != nil {
			c.err, c.waiting = err, nil
		}
		c.moved.Broadcast()
	}
	c.sending = false
	for _, b := range []*[]byte{&c.waiting, &c.spare} {
		if cap(*b) > keptBytes {
			*b = nil
		}
	}
	if c.closed {
		c.Conn.Close() // nobody is left to tell
	}
}

// Close returns at once, as closing a socket does; Read does too.
func (c *conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	c.closed = true
	if !c.sending {
		return c.Conn.Close()
	}
	return errors.Join(c.linger(), c.Conn.SetReadDeadline(time.Unix(1, 0)))
}

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (c *conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetWriteDeadline bounds when what waits must have left as well. With a deadline in the past
// crypto/tls says that the record it has just written was the last.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.late = !t.IsZero() && !t.After(time.Now())
	if c.sending && c.late {
		return c.linger()
	}
	return c.Conn.SetWriteDeadline(t)
}

// linger gives what waits its time; whoever waits to write need not any longer.
func (c *conn) linger() error {
	c.moved.Broadcast()
	return c.Conn.SetWriteDeadline(time.Now().Add(lingerTimeout))
}
