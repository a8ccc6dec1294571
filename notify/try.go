package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/hallmark-pki/hallmark/store"
)

// client is who carries requests, under our rules.
func client(given *http.Client) *http.Client {
	c := http.Client{Transport: &http.Transport{
		Proxy:                  nil,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		MaxResponseHeaderBytes: maxAnswerHeader,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        time.Minute,
		DisableCompression:     true,
	}}
	if given != nil {
		c = *given
	}
	c.Jar, c.Timeout = nil, 0 // try has a timeout of its own
	// What is signed for one address must not be sent to another.
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

// result is how a try ended.
type result struct {
	err        error // nil: delivered
	thisEvent  bool  // the failure is about the event, not about the webhook
	final      bool  // there is no use in trying again
	retryAfter time.Duration
}

// body is what is sent for a notice, in each try the same.
func body(n store.Notice) ([]byte, error) {
	return marshal(struct {
		ID   string          `json:"id"`
		Type string          `json:"type"`
		At   time.Time       `json:"at"`
		Data json.RawMessage `json:"data"`
	}{webhookID(n), n.Type, n.At.UTC(), n.Body})
}

// try makes one request.
func (l *lane) try(ctx context.Context, n store.Notice) result {
	raw, err := body(n)
	if err != nil { // Put would have refused it
		return result{err: fmt.Errorf("notice on record: %w", err), thisEvent: true, final: true}
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.hook.URL, bytes.NewReader(raw))
	if err != nil {
		return result{err: errors.New("the URL is malformed")}
	}
	now := l.Now()
	signature := Sign(l.hook.Secret, webhookID(n), now, raw)
	if len(l.hook.Previous) > 0 {
		signature += signatureParting + Sign(l.hook.Previous, webhookID(n), now, raw)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "hallmark")
	r.Header.Set(HeaderID, webhookID(n))
	r.Header.Set(HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	r.Header.Set(HeaderSignature, signature)
	answer, err := l.http.Do(r)
	if err != nil {
		var wrapped *url.Error // it repeats the URL, which may hold a token
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return result{err: err}
	}
	defer answer.Body.Close()
	io.CopyN(io.Discard, answer.Body, maxAnswerBytes) // the status is the answer
	return judge(answer, now)
}

// judge reads an answer's status, as Standard Webhooks explains it.
func judge(answer *http.Response, now time.Time) result {
	if answer.StatusCode/100 == 2 {
		return result{}
	}
	aboutEvent := []int{
		http.StatusBadRequest, http.StatusConflict, http.StatusGone, http.StatusRequestEntityTooLarge,
		http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity,
	}
	return result{
		err:        fmt.Errorf("status %d", answer.StatusCode),
		thisEvent:  slices.Contains(aboutEvent, answer.StatusCode),
		final:      answer.StatusCode == http.StatusGone,
		retryAfter: retryAfter(answer.Header.Get("Retry-After"), now),
	}
}

// retryAfter reads the header of that name, seconds or a date. What it cannot read is
// no wish; a wish too long is cut to maxRetryAfter.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 63); err == nil {
		return time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second
	} else if errors.Is(err, strconv.ErrRange) {
		return maxRetryAfter
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}
