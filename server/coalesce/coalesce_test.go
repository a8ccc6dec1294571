package coalesce

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
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

// counted is a connection whose calls of Write are counted.
type counted struct {
	net.Conn
	calls int
}

func (c *counted) Write(p []byte) (int, error) {
	c.calls++
	return c.Conn.Write(p)
}

// pair returns a coalescing connection without a kernel, and its other end.
func pair(t *testing.T) (c *conn, inner *counted, peer net.Conn) {
	t.Helper()
	ours, peer := net.Pipe()
	t.Cleanup(func() { ours.Close(); peer.Close() })
	inner = &counted{Conn: ours}
	return newConn(inner), inner, peer
}

func write(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if n, err := c.Write([]byte(s)); n != len(s) || err != nil {
		t.Errorf("Write(%d bytes) = %d, %v", len(s), n, err)
	}
}

func read(t *testing.T, c net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Errorf("read %.40q, want %.40q, %v", got, want, err)
	}
}

// TestTogether: what is written before anybody else has had a turn leaves in one call, in order.
func TestTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, inner, peer := pair(t)
		c.planned = true // and its turn has not come
		buf := []byte("headers ")
		c.Write(buf)
		copy(buf, "another use of it")
		write(t, c, "data ")
		write(t, c, "end")
		go c.sendLater()
		read(t, peer, "headers data end")
		synctest.Wait()
		if inner.calls != 1 {
			t.Errorf("%d calls", inner.calls)
		}
		write(t, c, "the next")
		read(t, peer, "the next")
	})
}

// TestLarge: what is more than may be held leaves at once, with what is held, in one call.
func TestLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, inner, peer := pair(t)
		c.planned = true // and its turn never comes
		large := strings.Repeat("x", 5*maxWaiting)
		go func() {
			write(t, c, "headers ")
			write(t, c, large)
		}()
		read(t, peer, "headers "+large)
		synctest.Wait()
		if inner.calls != 1 || len(c.held) != 0 || cap(c.held) > keptBytes {
			t.Errorf("%d calls; it keeps %d bytes", inner.calls, cap(c.held))
		}
	})
}

// TestSlowReader: for a client that does not read, no more is held than may be.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, peer := pair(t)
		const pieces, size = 100, 1 << 10
		written := 0
		go func() {
			for range pieces {
				write(t, c, strings.Repeat("x", size))
				written++
			}
		}()
		synctest.Wait()
		if written > maxWaiting/size {
			t.Errorf("%d bytes were taken of which none has left", written*size)
		}
		read(t, peer, strings.Repeat("x", pieces*size))
		synctest.Wait()
		if written != pieces {
			t.Errorf("%d pieces written", written)
		}
	})
}

// TestError: the error of a call is that of the next Write, and of all later ones.
func TestError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, inner, peer := pair(t)
		peer.Close()
		write(t, c, "nobody is there")
		synctest.Wait()
		for range 2 {
			if n, err := c.Write([]byte("x")); n != 0 || !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("Write = %d, %v", n, err)
			}
		}
		synctest.Wait()
		if inner.calls != 1 {
			t.Errorf("%d calls", inner.calls)
		}
		if n, err := newConn(inner).Write(make([]byte, 2*maxWaiting)); n != 0 || !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("a large Write = %d, %v", n, err)
		}
	})
}

// TestClose: what was written leaves first; nothing more is taken.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, peer := pair(t)
		c.planned = true // and its turn never comes
		write(t, c, "the last words")
		go func() {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}()
		read(t, peer, "the last words")
		if _, err := peer.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("behind them: %v", err)
		}
		synctest.Wait()
		if _, err := c.Write([]byte("more")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Write after Close: %v", err)
		}
		c.Close() // again: does not wait for anything
	})
}

// TestCloseOnDeadClient: who does not read is given up after lingerTimeout, also while a Write
// without a deadline waits for it.
func TestCloseOnDeadClient(t *testing.T) {
	for name, size := range map[string]int{"held": 1, "in a call": 2 * maxWaiting} {
		synctest.Test(t, func(t *testing.T) {
			c, _, peer := pair(t)
			done := make(chan error, 1)
			go func() {
				_, err := c.Write(make([]byte, size))
				done <- err
			}()
			synctest.Wait()
			begun := time.Now()
			c.Close()
			if took := time.Since(begun); took > lingerTimeout {
				t.Errorf("%s: Close took %s", name, took)
			}
			if err := <-done; (err == nil) != (size == 1) {
				t.Errorf("%s: Write = %v", name, err)
			}
			if _, err := peer.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("%s: not closed: %v", name, err)
			}
		})
	}
}

// TestDeadlineInThePast: as crypto/tls does at the end. What was written leaves first.
func TestDeadlineInThePast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, peer := pair(t)
		c.planned = true // and its turn never comes
		write(t, c, "alert")
		go func() {
			if err := c.SetDeadline(time.Now()); err != nil {
				t.Error(err)
			}
		}()
		read(t, peer, "alert")
		synctest.Wait()
		if _, err := c.Write(make([]byte, 2*maxWaiting)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Write after the deadline: %v", err)
		}
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read after the deadline: %v", err)
		}
	})
}

// TestDeadline: one that comes while bytes are held, or on their way, holds for them.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, _ := pair(t)
		write(t, c, "x")
		synctest.Wait()
		c.SetWriteDeadline(time.Now().Add(time.Minute))
		begun := time.Now()
		if _, err := c.Write([]byte("y")); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begun) != time.Minute {
			t.Errorf("Write = %v after %s", err, time.Since(begun))
		}
	})
}

// TestSocket: many pieces over a real one, whole and in order.
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

// pipes is a listener for connections without a kernel, whose time is the test's.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// TestSlowClient: one that reads 10 KB a second has the whole answer, also when the server hangs
// up after it.
func TestSlowClient(t *testing.T) {
	example := httptest.NewTLSServer(nil)
	config := &tls.Config{Certificates: example.TLS.Certificates}
	example.Close()
	answer := bytes.Repeat([]byte("answer "), 40_000)
	for _, connection := range []string{"keep-alive", "close"} {
		t.Run(connection, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &http.Server{TLSConfig: config, WriteTimeout: 90 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Write(answer)
				})}
				l := make(pipes, 1)
				go server.ServeTLS(Listen(l), "", "")
				theirs, ours := net.Pipe()
				l <- ours
				client := tls.Client(theirs, &tls.Config{InsecureSkipVerify: true})
				if err := client.HandshakeContext(context.Background()); err != nil {
					t.Fatal(err)
				}
				io.WriteString(client, "GET / HTTP/1.1\r\nHost: ca.example\r\nConnection: "+connection+"\r\n\r\n")
				resp, err := http.ReadResponse(bufio.NewReader(slow{client}), nil)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(got, answer) {
					t.Errorf("%d bytes of %d arrived, %v", len(got), len(answer), err)
				}
				theirs.Close()
				close(l)
				server.Close()
			})
		})
	}
}

// slow reads 10 KB a second.
type slow struct{ net.Conn }

func (s slow) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p[:min(len(p), 4<<10)])
	time.Sleep(time.Duration(n) * time.Second / (10 << 10))
	return n, err
}
