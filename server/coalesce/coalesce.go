// Package coalesce answers: how do the pieces of an answer leave in one system call?
//
// Over HTTP/2, net/http writes an answer in three pieces, its headers, its data and its end;
// each becomes a TLS record, a write(2) and a wake-up of the client. A connection from here
// holds small pieces until everybody else who can run has had a turn. On a busy server the
// pieces of an answer meet there; on an idle one each leaves at once, as without.
package coalesce

import (
	"cmp"
	"net"
	"runtime"
	"time"
)

const (
	// maxWaiting is how many bytes are held; with more, Write sends them. A signature with its
	// headers is smaller, TLS's largest record is not.
	maxWaiting = 12 << 10
	// keptBytes is how large a buffer a connection keeps when nothing is held.
	keptBytes = 16 << 10
	// lingerTimeout is how long what is held may take to leave when the connection is closed:
	// as long as crypto/tls gives its last record. Of an answer after which the connection
	// closes, a client that reads less than 10 KB a second may miss the end.
	lingerTimeout = 5 * time.Second
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

// conn is a connection whose Write may return before the bytes have left; their error is then
// that of the next Write. Close, and a deadline in the past, wait until they have.
type conn struct {
	net.Conn
	turn    chan struct{} // holds one, of whoever uses what follows
	held    []byte
	planned bool  // a goroutine is going to send what is held
	err     error // of every further Write
}

func newConn(inner net.Conn) *conn { return &conn{Conn: inner, turn: make(chan struct{}, 1)} }

func (c *conn) take() { c.turn <- struct{}{} }
func (c *conn) give() { <-c.turn }

func (c *conn) Write(p []byte) (int, error) {
	c.take()
	defer c.give()
	if c.err != nil {
		return 0, c.err
	}
	c.held = append(c.held, p...)
	if len(c.held) > maxWaiting {
		if c.send(); c.err != nil {
			return 0, c.err
		}
	} else if !c.planned {
		c.planned = true
		go c.sendLater()
	}
	return len(p), nil
}

// send sends what is held, in the caller's turn.
func (c *conn) send() {
	if len(c.held) > 0 && c.err == nil {
		_, c.err = c.Conn.Write(c.held)
	}
	if c.held = c.held[:0]; cap(c.held) > keptBytes {
		c.held = nil
	}
}

func (c *conn) sendLater() {
	runtime.Gosched() // behind everybody who can run
	c.take()
	defer c.give()
	c.planned = false
	c.send()
}

// drain sends what is held, and whoever is sending has only lingerTimeout left.
func (c *conn) drain() {
	c.Conn.SetWriteDeadline(time.Now().Add(lingerTimeout)) // fails where it is closed, and then send does
	c.take()
	defer c.give()
	c.send()
}

func (c *conn) Close() error {
	c.drain()
	c.take()
	c.err = cmp.Or(c.err, net.ErrClosed)
	c.give()
	return c.Conn.Close()
}

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (c *conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetWriteDeadline bounds when what is held must have left as well. With a deadline in the past
// crypto/tls says that the record it has just written was the last.
func (c *conn) SetWriteDeadline(t time.Time) error {
	if !t.IsZero() && !t.After(time.Now()) {
		c.drain()
	}
	return c.Conn.SetWriteDeadline(t)
}
