// Package timeserver is an NTP server for tests that tells the time it is told to: what
// becomes of a clock when its sources are right, wrong, or say nothing?
package timeserver

import (
	"encoding/binary"
	"net"
	"sync/atomic"
	"time"
)

// Server answers on a loopback port.
type Server struct {
	URI string // ntp://127.0.0.1:port

	// Offset is how far its time is from now, in nanoseconds.
	Offset atomic.Int64
	// Busy has it ask to be left alone, at once (RFC 5905 §7.4).
	Busy atomic.Bool
	// Dead has it say nothing.
	Dead atomic.Bool

	now    func() time.Time
	change func(packet []byte) []byte
	conn   net.PacketConn
}

// Start starts a server whose clock is now and offset; change, unless nil, damages its
// answers. Close it.
func Start(now func() time.Time, offset time.Duration, change func(packet []byte) []byte) (*Server, error) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{URI: "ntp://" + conn.LocalAddr().String(), now: now, change: change, conn: conn}
	s.Offset.Store(int64(offset))
	go s.serve()
	return s, nil
}

// Close stops it.
func (s *Server) Close() error { return s.conn.Close() }

const packetBytes = 48

func (s *Server) serve() {
	buf := make([]byte, 1024)
	for {
		n, from, err := s.conn.ReadFrom(buf)
		if err != nil {
			return // closed
		}
		if n >= packetBytes && !s.Dead.Load() {
			s.conn.WriteTo(s.answer(buf[:n]), from)
		}
	}
}

// answer is a packet of RFC 5905 §7.3, stratum 2, sure to 15 ms.
func (s *Server) answer(query []byte) []byte {
	p := make([]byte, packetBytes)
	p[0], p[1], p[2], p[3] = 4<<3|4, 2, 6, 0xec
	if s.Busy.Load() {
		p[1] = 0
	}
	binary.BigEndian.PutUint32(p[4:], 65536/100)
	binary.BigEndian.PutUint32(p[8:], 65536/100)
	const era = 2208988800 // seconds from 1900 to 1970
	at := s.now().Add(time.Duration(s.Offset.Load()))
	for _, field := range []int{16, 32, 40} { // reference, receive, transmit
		binary.BigEndian.PutUint32(p[field:], uint32(at.Unix()+era))
		binary.BigEndian.PutUint32(p[field+4:], uint32(int64(at.Nanosecond())<<32/1e9))
	}
	copy(p[24:32], query[40:48])
	if s.change != nil {
		p = s.change(p)
	}
	return p
}
