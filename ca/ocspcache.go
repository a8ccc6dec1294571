package ca

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// ocspKey is a question that an answer can be kept for.
type ocspKey struct {
	issuer string // id
	serial string // as records spell it
	form   ocspForm
}

// ocspAnswer is a signed answer, ready to be sent.
type ocspAnswer struct {
	der         []byte
	from, until time.Time // served in between; it is valid for longer

	// Header values, shared by all that are sent.
	length, etag, modified, expires []string
}

func newOCSPAnswer(der []byte, thisUpdate, nextUpdate time.Time) *ocspAnswer {
	sum := sha256.Sum256(der)
	return &ocspAnswer{
		der: der, from: thisUpdate.Add(-backdate), until: thisUpdate.Add(ocspRefresh),
		length: []string{strconv.Itoa(len(der))}, etag: []string{`"` + hex.EncodeToString(sum[:16]) + `"`},
		modified: []string{thisUpdate.UTC().Format(http.TimeFormat)}, expires: []string{nextUpdate.UTC().Format(http.TimeFormat)},
	}
}

// fresh reports whether the answer may be served. One from the future may not: the
// clock stood wrong when it was made.
func (a *ocspAnswer) fresh(now time.Time) bool { return now.After(a.from) && now.Before(a.until) }

// ocspSlot is the place of a certificate's answer. Requests that ask for it point here,
// so that emptying the one place stops all of them.
type ocspSlot struct{ answer atomic.Pointer[ocspAnswer] }

// ocspCache keeps answers. Its promise: an answer made of what the store said before a
// revocation is not served to a request that comes after forget returned. The zero
// value is empty and ready. Safe for concurrent use.
type ocspCache struct {
	mu       sync.RWMutex
	forgot   uint64 // calls of forget
	answers  map[ocspKey]*ocspSlot
	requests map[string]*ocspSlot // by the bytes of a request, or the path of one; those differ in their first byte
}

// byRequest is the short way: nothing of the request is looked at.
func (c *ocspCache) byRequest(request []byte, now time.Time) *ocspAnswer {
	c.mu.RLock()
	slot := c.requests[string(request)]
	c.mu.RUnlock()
	return slot.get(now)
}

func (c *ocspCache) byPath(path string, now time.Time) *ocspAnswer {
	c.mu.RLock()
	slot := c.requests[path]
	c.mu.RUnlock()
	return slot.get(now)
}

func (c *ocspCache) byKey(key ocspKey, now time.Time) *ocspAnswer {
	c.mu.RLock()
	slot := c.answers[key]
	c.mu.RUnlock()
	return slot.get(now)
}

func (s *ocspSlot) get(now time.Time) *ocspAnswer {
	if s == nil {
		return nil
	}
	if a := s.answer.Load(); a != nil && a.fresh(now) {
		return a
	}
	return nil
}

// begin is called before the store is read; put refuses what was read before a
// revocation that forget has been told of since.
func (c *ocspCache) begin() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.forgot
}

func (c *ocspCache) put(key ocspKey, a *ocspAnswer, begun uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if begun != c.forgot {
		return
	}
	if c.answers == nil {
		c.answers, c.requests = map[ocspKey]*ocspSlot{}, map[string]*ocspSlot{}
	}
	slot := c.answers[key]
	if slot == nil {
		c.makeRoom()
		slot = &ocspSlot{}
		c.answers[key] = slot
	}
	slot.answer.Store(a)
}

// makeRoom throws some answer away when there are too many. Which one hardly matters: it
// is signed again in a tenth of a millisecond.
func (c *ocspCache) makeRoom() {
	if len(c.answers) < maxOCSPAnswers {
		return
	}
	for key, slot := range c.answers {
		slot.answer.Store(nil)
		delete(c.answers, key)
		return
	}
}

// link lets a request find its answer without being parsed.
func (c *ocspCache) link(request string, key ocspKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	slot := c.answers[key]
	if slot == nil {
		return
	}
	if len(c.requests) >= maxOCSPAnswers {
		for other := range c.requests {
			delete(c.requests, other)
			break
		}
	}
	c.requests[request] = slot
}

// forget drops what is kept about certificates that have been revoked, and what is
// being made about any.
func (c *ocspCache) forget(issuer string, serials ...string) {
	if len(serials) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgot++
	for _, serial := range serials {
		for _, form := range ocspForms() {
			key := ocspKey{issuer, serial, form}
			if slot := c.answers[key]; slot != nil {
				slot.answer.Store(nil)
				delete(c.answers, key)
			}
		}
	}
}

func (c *ocspCache) len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.answers)
}
