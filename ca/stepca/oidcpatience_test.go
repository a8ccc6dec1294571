package stepca

import (
	"errors"
	"net/http"
	"testing"
	"time"
)

// slow is an issuer that takes its time and then fails.
type slow struct {
	asked int
	wait  func()
}

func (s *slow) RoundTrip(*http.Request) (*http.Response, error) {
	s.asked++
	s.wait()
	return nil, errors.New("no answer")
}

// Tokens queue while the issuer is asked for its keys. When it took longer to fail than the
// pause between two attempts, the next in line does not wait for it all over again: each
// token that somebody makes up would keep all others waiting.
func TestOIDCSlowIssuerIsLeftAlone(t *testing.T) {
	now := time.Now()
	remote := &slow{wait: func() { now = now.Add(2 * issuerPause) }}
	f := newFixture(t)
	a := f.with(Config{})
	i, err := newIssuer(Issuer{Name: "ci", Issuer: "https://ci.example.com", ClientID: "hallmark"}, func() time.Time { return now })
	check(t, err)
	i.client.Transport = remote
	for range 3 {
		if _, err := i.keys(a, issuerAge); err == nil {
			t.Fatal("keys from nowhere")
		}
	}
	if remote.asked != 1 {
		t.Errorf("asked %d times", remote.asked)
	}
	now = now.Add(issuerPause)
	i.keys(a, issuerAge)
	if remote.asked != 2 {
		t.Errorf("asked %d times after a pause, want 2", remote.asked)
	}
}
