package coalesce

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// gate is a connection whose writes wait to be let through, one by one, and are kept.
type gate struct {
	net.Conn
	through  chan error // what each Write is to return; closed: nil from now on
	calls    []string
	deadline time.Time // for writing
	closed   int
}

func newGate() *gate { return &gate{through: make(chan error)} }

func (g *gate) Write(p []byte) (int, error) {
	var expired <-chan time.Time
	if !g.deadline.IsZero() {
		expired = time.After(time.Until(g.deadline))
	}
	select {
	case err := <-g.through:
		if err != nil {
			return 0, err
		}
	case <-expired:
		return 0, os.ErrDeadlineExceeded
	}
	g.calls = append(g.calls, string(p))
	return len(p), nil
}

func (g *gate) SetWriteDeadline(t time.Time) error { g.deadline = t; return nil }
func (g *gate) SetReadDeadline(time.Time) error    { return nil }
func (g *gate) Close() error                       { g.closed++; return nil }

func (g *gate) all() string { return strings.Join(g.calls, "") }

func write(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if n, err := c.Write([]byte(s)); n != len(s) || err != nil {
		t.Errorf("Write(%d bytes) = %d, %v", len(s), n, err)
	}
}

// TestTogether: what is written while something leaves is the next call, in order.
func TestTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		c := newConn(g)
		write(t, c, "a")
		synctest.Wait() // "a" is on its way
		for _, s := range []string{"headers ", "data ", "end"} {
			write(t, c, s)
		}
		close(g.through)
		synctest.Wait()
		if len(g.calls) != 2 || g.calls[0] != "a" || g.calls[1] != "headers data end" {
			t.Errorf("calls %q", g.calls)
		}
		write(t, c, "later")
		synctest.Wait()
		if g.all() != "aheaders data endlater" {
			t.Errorf("calls %q", g.calls)
		}
	})
}

// TestWriteKeepsNothing: the caller may use its buffer again.
func TestWriteKeepsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		c := newConn(g)
		buf := []byte("first")
		c.Write(buf)
		copy(buf, "other")
		close(g.through)
		synctest.Wait()
		if g.all() != "first" {
			t.Errorf("sent %q", g.all())
		}
	})
}

// TestSlowReader: a client that does not read costs what waits and what is leaving.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		c := newConn(g)
		record := bytes.Repeat([]byte("x"), 16<<10)
		written := 0
		go func() {
			for range 20 {
				c.Write(record)
				written++
			}
		}()
		synctest.Wait()
		if most := 2 * maxWaiting / len(record); written > most {
			t.Errorf("%d records were taken of which none has left, want at most %d", written, most)
		}
		close(g.through)
		synctest.Wait()
		if written != 20 || len(g.all()) != 20*len(record) {
			t.Errorf("%d records written, %d bytes arrived", written, len(g.all()))
		}
		if cap(c.waiting) > keptBytes || cap(c.spare) > keptBytes {
			t.Errorf("idle, it keeps %d and %d bytes", cap(c.waiting), cap(c.spare))
		}
	})
}

// TestError: the error of a call is that of the next Write, of one that waits, and of all later.
func TestError(t *testing.T) {
	broken := errors.New("broken")
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		c := newConn(g)
		write(t, c, "on its way")
		synctest.Wait()
		write(t, c, strings.Repeat("x", maxWaiting))
		waited := make(chan error, 1)
		go func() {
			_, err := c.Write([]byte("waits"))
			waited <- err
		}()
		synctest.Wait()
		g.through <- broken
		if err := <-waited; !errors.Is(err, broken) {
			t.Errorf("the Write that waited: %v", err)
		}
		for range 2 {
			if n, err := c.Write([]byte("x")); n != 0 || !errors.Is(err, broken) {
				t.Errorf("a later Write = %d, %v", n, err)
			}
		}
		synctest.Wait()
		if len(g.calls) != 0 {
			t.Errorf("sent after the error: %q", g.calls)
		}
	})
}

// TestClose: what was written leaves first; nothing more is taken.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		c := newConn(g)
		write(t, c, "the last ")
		synctest.Wait()
		write(t, c, "words")
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if _, err := c.Write([]byte("more")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Write after Close: %v", err)
		}
		if err := c.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second Close: %v", err)
		}
		synctest.Wait()
		if g.closed != 0 {
			t.Error("closed before everything had left")
		}
		close(g.through)
		synctest.Wait()
		if g.all() != "the last words" || g.closed != 1 {
			t.Errorf("sent %q, closed %d times", g.all(), g.closed)
		}
	})
}

// TestCloseIdle: nothing waits, so it is closed at once.
func TestCloseIdle(t *testing.T) {
	g := newGate()
	if err := newConn(g).Close(); err != nil || g.closed != 1 {
		t.Errorf("Close = %v, closed %d times", err, g.closed)
	}
}

// TestCloseOnDeadClient: who never reads is given up after lingerTimeout.
func TestCloseOnDeadClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		c := newConn(g)
		write(t, c, "first")
		c.Close() // before anything is on its way
		time.Sleep(lingerTimeout + time.Second)
		synctest.Wait()
		if g.closed != 1 || len(g.calls) != 0 {
			t.Errorf("closed %d times, sent %q", g.closed, g.calls)
		}
	})
}

// TestDeadlineInThePast: as crypto/tls does at the end. What was written leaves, nothing more is taken
// until there is another deadline.
func TestDeadlineInThePast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		c := newConn(g)
		write(t, c, "alert")
		if err := c.SetDeadline(time.Now()); err != nil {
			t.Error(err)
		}
		if _, err := c.Write([]byte("more")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Write after the deadline: %v", err)
		}
		close(g.through)
		synctest.Wait()
		if g.all() != "alert" {
			t.Errorf("sent %q", g.all())
		}
		if err := c.SetWriteDeadline(time.Time{}); err != nil || !g.deadline.IsZero() {
			t.Errorf("SetWriteDeadline(none) = %v, deadline %s", err, g.deadline)
		}
		write(t, c, " again")
		synctest.Wait()
		if g.all() != "alert again" {
			t.Errorf("sent %q", g.all())
		}
	})
}

// TestDeadline: one that comes while bytes wait holds for them.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		c := newConn(g)
		c.SetWriteDeadline(time.Now().Add(time.Minute))
		write(t, c, "x")
		time.Sleep(time.Minute + time.Second)
		if _, err := c.Write([]byte("y")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Write = %v", err)
		}
		c.SetWriteDeadline(time.Time{})
		if _, err := c.Write([]byte("y")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Write after bytes were lost = %v", err)
		}
	})
}

// TestSocket: many pieces over a real one, read slowly, whole and in order.
func TestSocket(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := Listen(inner)
	defer l.Close()
	var want bytes.Buffer
	for i := range 5000 {
		want.Write(bytes.Repeat([]byte{byte(i)}, i%1500))
	}
	go func() {
		c, err := l.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		rest := want.Bytes()
		for i := range 5000 {
			n := i % 1500
			if _, err := c.Write(rest[:n]); err != nil {
				t.Error(err)
				return
			}
			rest = rest[n:]
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	client, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	got, err := io.ReadAll(client)
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%d bytes of %d arrived, %v", len(got), want.Len(), err)
	}
}

// TestHTTPS: answers are whole over both versions of HTTP, also when the server hangs up after
// them, which is when crypto/tls sets a deadline in the past.
func TestHTTPS(t *testing.T) {
	answer := bytes.Repeat([]byte("answer "), 200_000)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/last" {
			w.Header().Set("Connection", "close")
		}
		w.Write(answer)
	}))
	server.Listener = Listen(server.Listener)
	server.EnableHTTP2 = true
	server.Config.WriteTimeout = time.Minute
	server.StartTLS()
	defer server.Close()
	old := server.Client().Transport.(*http.Transport).Clone()
	old.ForceAttemptHTTP2, old.TLSClientConfig.NextProtos = false, []string{"http/1.1"}
	defer old.CloseIdleConnections()
	for version, client := range map[int]*http.Client{1: {Transport: old}, 2: server.Client()} {
		for _, path := range []string{"/", "/last", "/last", "/", "/last"} {
			resp, err := client.Get(server.URL + path)
			if err != nil {
				t.Fatalf("HTTP/%d %s: %v", version, path, err)
			}
			got, err := io.ReadAll(resp.Body)
			if err != nil || !bytes.Equal(got, answer) || resp.ProtoMajor != version {
				t.Errorf("HTTP/%d %s: %s, %d bytes of %d, %v", version, path, resp.Proto, len(got), len(answer), err)
			}
			resp.Body.Close()
		}
	}
}
