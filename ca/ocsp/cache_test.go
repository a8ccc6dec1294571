package ocsp

import (
	"fmt"
	"testing"
	"time"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func TestCacheIsBounded(t *testing.T) {
	var c Cache
	for i := range maxAnswers + 100 {
		key := Key{Issuer: "x", Serial: fmt.Sprint(i)}
		c.Put(key, NewAnswer([]byte("x"), noon, noon, noon.Add(time.Hour)), c.Begin())
		c.Link([]byte(fmt.Sprint(i)), key)
	}
	if len(c.answers) != maxAnswers || len(c.requests) != maxAnswers {
		t.Errorf("%d answers, %d requests", len(c.answers), len(c.requests))
	}
	served := 0
	for i := range maxAnswers + 100 {
		if c.ByRequest([]byte(fmt.Sprint(i)), noon.Add(time.Minute)) != nil {
			served++
		}
	}
	if served > maxAnswers || served < maxAnswers/2 {
		t.Errorf("%d served", served)
	}
}

// TestAnswerIsServed from its beginning until half of its validity is over.
func TestAnswerIsServed(t *testing.T) {
	var c Cache
	key := Key{Issuer: "x", Serial: "1"}
	c.Put(key, NewAnswer([]byte("x"), noon.Add(-time.Minute), noon, noon.Add(8*time.Hour)), c.Begin())
	for after, want := range map[time.Duration]bool{
		-2 * time.Minute: false, 0: true, 4*time.Hour - time.Second: true, 4 * time.Hour: false,
	} {
		if got := c.ByKey(key, noon.Add(after)) != nil; got != want {
			t.Errorf("%s after it was made: served is %v", after, got)
		}
	}
}

// TestForget: neither what is kept is served, nor is kept what was being made.
func TestForget(t *testing.T) {
	var c Cache
	key := Key{Issuer: "x", Serial: "1", Form: Forms()[0]}
	answer := NewAnswer([]byte("x"), noon, noon, noon.Add(time.Hour))
	begun := c.Begin()
	c.Put(key, answer, begun)
	c.Link([]byte("request"), key)
	c.Forget("x", "1")
	now := noon.Add(time.Minute)
	if c.ByKey(key, now) != nil || c.ByRequest([]byte("request"), now) != nil {
		t.Error("what was forgotten is served")
	}
	if c.Put(key, answer, begun); c.ByKey(key, now) != nil {
		t.Error("what was begun before is kept")
	}
	if c.Put(key, answer, c.Begin()); c.ByKey(key, now) == nil {
		t.Error("what was begun after it is not kept")
	}
}
