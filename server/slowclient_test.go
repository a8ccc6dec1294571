package server

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hallmark-pki/hallmark/server/coalesce"
)

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

// frame is one of HTTP/2.
func frame(kind, flags byte, stream uint32, payload ...byte) []byte {
	head := []byte{0, 0, byte(len(payload)), kind, flags}
	return append(binary.BigEndian.AppendUint32(head, stream), payload...)
}

// TestUnreadAnswerEnds: a client of HTTP/2 that opens all its windows and then does not read
// holds its request no longer than writeTimeout, as one of HTTP/1 does.
func TestUnreadAnswerEnds(t *testing.T) {
	example := httptest.NewTLSServer(nil)
	config := &tls.Config{Certificates: example.TLS.Certificates, NextProtos: []string{"h2"}}
	example.Close()
	synctest.Test(t, func(t *testing.T) {
		began, ended := make(chan bool, 1), make(chan bool, 1)
		s := &Server{Config: Config{Log: slog.New(slog.DiscardHandler)}}
		h := s.httpServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			began <- true
			for err := error(nil); err == nil; {
				_, err = w.Write(make([]byte, 32<<10))
			}
			ended <- true
		}))
		h.TLSConfig = config
		l := make(pipes, 1)
		go h.ServeTLS(coalesce.Listen(l), "", "")
		theirs, ours := net.Pipe()
		l <- ours
		client := tls.Client(theirs, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
		if err := client.HandshakeContext(context.Background()); err != nil {
			t.Fatal(err)
		}
		widest := binary.BigEndian.AppendUint32(nil, math.MaxInt32)
		hello := append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(4, 0, 0, append([]byte{0, 4}, widest...)...)...)
		hello = append(hello, frame(8, 0, 0, 0x7f, 0xff, 0, 0)...)
		client.Write(append(hello, frame(1, 5, 1, 0x82, 0x87, 0x84)...)) // GET https /
		<-began
		select {
		case <-ended:
		case <-time.After(2 * writeTimeout):
			t.Error("the request goes on")
		}
		theirs.Close()
		close(l)
		h.Shutdown(t.Context())
	})
}
