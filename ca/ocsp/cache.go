package ocsp

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Key names a question that an answer can be kept for.
type Key struct {
	Issuer string // its name here
	Serial string // as records spell it
	Form   Form
}

// Answer is a signed answer, ready to be sent.
type Answer struct {
	DER         []byte
	from, until time.Time // served in between; it is valid for longer

	// Header values, shared by all that are sent.
	length, etag, modified, expires []string
}

// NewAnswer makes an answer that is served from then on until half of its validity is
// over: the other half is left to whoever gets it.
func NewAnswer(der []byte, from, thisUpdate, nextUpdate time.Time) *Answer {
	sum := sha256.Sum256(der)
	return &Answer{
		DER: der, from: from, until: thisUpdate.Add(nextUpdate.Sub(thisUpdate) / 2),
		length: []string{strconv.Itoa(len(der))}, etag: []string{`"` + hex.EncodeToString(sum[:16]) + `"`},
		modified: []string{thisUpdate.UTC().Format(http.TimeFormat)}, expires: []string{nextUpdate.UTC().Format(http.TimeFormat)},
	}
}

// fresh reports whether the answer may be served. One from the future may not: the
// clock stood wrong when it was made.
func (a *Answer) fresh(now time.Time) bool { return now.After(a.from) && now.Before(a.until) }

// place is that of a certificate's answer. Requests that ask for it point here,
// so that emptying the one place stops all of them.
type place struct{ answer atomic.Pointer[Answer] }

// Cache keeps answers. Its promise: an answer made of what the store said before a
// revocation is not served to a request that comes after Forget returned. The zero
// value is empty and ready. Safe for concurrent use.
type Cache struct {
	mu       sync.RWMutex
	forgot   uint64 // calls of Forget
	answers  map[Key]*place
	requests map[string]*place // by the bytes of a request, or the path of one; those differ in their first byte
}

// ByRequest is the short way, or nil: nothing of the request is looked at.
func (c *Cache) ByRequest(request []byte, now time.Time) *Answer {
	c.mu.RLock()
	slot := c.requests[string(request)]
	c.mu.RUnlock()
	return slot.get(now)
}

func (c *Cache) byPath(path string, now time.Time) *Answer {
	c.mu.RLock()
	slot := c.requests[path]
	c.mu.RUnlock()
	return slot.get(now)
}

// ByKey returns the answer to a question that was parsed, or nil.
func (c *Cache) ByKey(key Key, now time.Time) *Answer {
	c.mu.RLock()
	slot := c.answers[key]
	c.mu.RUnlock()
	return slot.get(now)
}

func (s *place) get(now time.Time) *Answer {
	if s == nil {
		return nil
	}
	if a := s.answer.Load(); a != nil && a.fresh(now) {
		return a
	}
	return nil
}

// Begin is called before the store is read; Put refuses what was read before a
// revocation that Forget has been told of since.
func (c *Cache) Begin() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.forgot
}

// Put keeps an answer; begun is what Begin returned before the store was read for it.
func (c *Cache) Put(key Key, a *Answer, begun uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if begun != c.forgot {
		return
	}
	if c.answers == nil {
		c.answers, c.requests = map[Key]*place{}, map[string]*place{}
	}
	slot := c.answers[key]
	if slot == nil {
		c.makeRoom()
		slot = &place{}
		c.answers[key] = slot
	}
	slot.answer.Store(a)
}

// makeRoom throws some answer away when there are too many. Which one hardly matters: it
// is signed again in a tenth of a millisecond.
func (c *Cache) makeRoom() {
	if len(c.answers) < maxAnswers {
		return
	}
	for key, slot := range c.answers {
		slot.answer.Store(nil)
		delete(c.answers, key)
		return
	}
}

// Link lets a request find its answer without being parsed, unless it is long.
func (c *Cache) Link(request []byte, key Key) {
	if len(request) <= maxKeptRequestBytes {
		c.link(string(request), key)
	}
}

// linkPath is Link for a request in a path, where it is longer.
func (c *Cache) linkPath(path string, key Key) {
	if len(path) <= 2*maxKeptRequestBytes {
		c.link(path, key)
	}
}

func (c *Cache) link(request string, key Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	slot := c.answers[key]
	if slot == nil {
		return
	}
	if len(c.requests) >= maxAnswers {
		for other := range c.requests {
			delete(c.requests, other)
			break
		}
	}
	c.requests[request] = slot
}

// Forget drops what is kept about certificates that have been revoked, and what is
// being made about any.
func (c *Cache) Forget(issuer string, serials ...string) {
	if len(serials) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgot++
	for _, serial := range serials {
		for _, form := range Forms() {
			key := Key{issuer, serial, form}
			if slot := c.answers[key]; slot != nil {
				slot.answer.Store(nil)
				delete(c.answers, key)
			}
		}
	}
}

// Len is how many answers are kept.
func (c *Cache) Len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.answers)
}

// Full reports whether the next answer takes another one's place.
func (c *Cache) Full() bool { return c.Len() >= maxAnswers }
