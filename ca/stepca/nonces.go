package stepca

import (
	"crypto/rand"
	"encoding/base64"
	"sync"
)

// nonces are those that were handed out and have not come back (RFC 8555 §6.5). They
// are in memory: anybody may ask for one, so that on disk they would be anybody's way
// to fill it.
type nonces struct {
	mu   sync.Mutex
	out  map[string]bool
	ring [maxNonces]string // in the order of handing out
	next int
}

func newNonces() *nonces { return &nonces{out: map[string]bool{}} }

func (n *nonces) create() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	nonce := base64.RawURLEncoding.EncodeToString(b[:])
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.out, n.ring[n.next])
	n.out[nonce], n.ring[n.next] = true, nonce
	n.next = (n.next + 1) % len(n.ring)
	return nonce
}

func (n *nonces) use(nonce string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	fresh := n.out[nonce]
	delete(n.out, nonce)
	return fresh
}
