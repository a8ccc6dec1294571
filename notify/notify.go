// Package notify tells others what happened, by webhooks: who is told, how do they
// know that it was us, and what if they are not there?
//
// Put queues news in the transaction that makes it; Sender delivers it. A receiver
// calls Verify. docs/webhooks.md is the page for whoever runs a receiver.
//
// # On the wire
//
// One POST for each event and webhook, after the Standard Webhooks specification 1.0.0
// (github.com/standard-webhooks/standard-webhooks):
//
//	POST /hook HTTP/1.1
//	Content-Type: application/json
//	webhook-id: msg_1c9a…                  32 hex digits; the same in each try
//	webhook-timestamp: 1772366400          of this try, in seconds since 1970
//	webhook-signature: v1,K5oZfzN95Z9U…    one or two, separated by a space
//
//	{"id":"msg_1c9a…","type":"assessment.expiring","at":"2026-03-01T12:00:00Z","data":{…}}
//
// A signature is the base64 of HMAC-SHA256, under the secret that the two sides share,
// of webhook-id "." webhook-timestamp "." body. Data is a flat object of texts and
// numbers (Types lists them); times are RFC 3339 in UTC.
//
// # Delivery
//
// An answer of 200 to 299 is success, everything else is not; redirects are not
// followed. A delivery is tried at least once and, until it succeeds, again after 5 s,
// 20 s, 80 s and so on up to every 6 hours, each with up to a quarter more, or later
// where the answer says Retry-After. The first failure later than GiveUpAfter after the
// first try is the last; so is an answer of 410. What was tried is on record, so a
// restart changes nothing; a crash between the answer and the record makes one more
// delivery, which the receiver knows by its webhook-id. Order is not promised.
//
// Webhooks do not wait for each other. An answer that is about the one event (400, 409,
// 410, 413, 415, 422) delays that event only. Any other failure is the webhook's: it
// counts as a try of everything that is due there, so that one that is away for a day
// is not asked a thousand times an hour.
package notify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hallmark-pki/hallmark/store"
)

// Put queues a notice, once for each ID: it returns false, and changes nothing, when
// that was told before. ID, Type, At and Body count, Body being the event's data, a
// flat JSON object of texts and numbers; texts that are too long are cut. An error of
// anything but the store is a fault of the caller's code.
func Put(tx store.Tx, n store.Notice) (bool, error) {
	body, err := check(n)
	if err != nil {
		return false, fmt.Errorf("notice %.80q: %w", n.ID, err)
	}
	err = store.Notices.Insert(tx, store.Notice{ID: n.ID, Type: n.Type, At: n.At.UTC(), Body: body})
	if errors.Is(err, store.ErrExists) {
		return false, nil
	}
	return err == nil, err
}

// Pending counts the notices that some webhook waits for, up to limit.
func Pending(r store.Reader, limit int) (int, error) {
	n := 0
	for _, err := range store.Notices.Between(r, "pending", "", "") {
		if err != nil {
			return n, err
		}
		if n++; n >= limit {
			break
		}
	}
	return n, nil
}

// check judges a notice and returns its data as it will be sent.
func check(n store.Notice) ([]byte, error) {
	if n.ID == "" || len(n.ID) > maxIDBytes {
		return nil, fmt.Errorf("id of %d bytes", len(n.ID))
	}
	if !isType(n.Type) {
		return nil, fmt.Errorf("type %.80q is not words with full stops between them", n.Type)
	}
	if year := n.At.UTC().Year(); year < 2000 || year > 9999 {
		return nil, fmt.Errorf("time %v", n.At)
	}
	return tidy(n.Body)
}

// isType reports whether s is two or more words of [a-z0-9_] with full stops between.
func isType(s string) bool {
	words := strings.Split(s, ".")
	for _, w := range words {
		if !isWord(w) {
			return false
		}
	}
	return len(words) > 1 && len(s) <= maxNameBytes
}

func isWord(s string) bool {
	return s != "" && len(s) <= maxNameBytes &&
		!strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' })
}

// tidy checks an event's data and cuts what is too long.
func tidy(raw []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var data map[string]any
	if err := dec.Decode(&data); err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	if _, err := dec.Token(); data == nil || err != io.EOF {
		return nil, errors.New("data is not one object")
	}
	if len(data) > maxFields {
		return nil, fmt.Errorf("%d fields, at most %d", len(data), maxFields)
	}
	for name, value := range data {
		if !isWord(name) {
			return nil, fmt.Errorf("field name %.80q", name)
		}
		switch v := value.(type) {
		case string:
			data[name] = cut(v, maxFieldBytes)
		case json.Number:
			if len(v) > maxNumber {
				return nil, fmt.Errorf("field %s: a number of %d digits", name, len(v))
			}
		default:
			return nil, fmt.Errorf("field %s is neither text nor number", name)
		}
	}
	return marshal(data)
}

// marshal is json.Marshal without escapes for HTML, which no receiver needs.
func marshal(v any) ([]byte, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return []byte(strings.TrimSuffix(b.String(), "\n")), nil
}

// cut shortens s so that it has at most most bytes in JSON, and marks that with "…".
func cut(s string, most int) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if jsonLen(s) <= most {
		return s
	}
	n := len("…") + 2
	for i, r := range s {
		if n += jsonLen(string(r)) - 2; n > most {
			return s[:i] + "…"
		}
	}
	return s
}

// jsonLen is the length of s as a JSON string.
func jsonLen(s string) int {
	raw, err := marshal(s)
	if err != nil || !utf8.ValidString(s) {
		panic("notify: text that JSON refuses") // ToValidUTF8 has seen it
	}
	return len(raw)
}

// Event is what a webhook receives.
type Event struct {
	ID   string         `json:"id"`   // as in the header webhook-id
	Type string         `json:"type"` // of Types, or of a later release
	At   time.Time      `json:"at"`   // when it happened, or was found
	Data map[string]any `json:"data"` // texts and numbers (float64)
}

// ParseEvent reads the body of a request that Verify has accepted. Fields that it does
// not know are left out, so that a receiver lives on when hallmark tells more.
func ParseEvent(body []byte) (Event, error) {
	if len(body) > MaxBodyBytes {
		return Event{}, fmt.Errorf("parse event: %d bytes, at most %d", len(body), MaxBodyBytes)
	}
	var e Event
	if err := json.Unmarshal(body, &e); err != nil {
		return Event{}, fmt.Errorf("parse event: %w", err)
	}
	if e.ID == "" || !isType(e.Type) || e.At.IsZero() || e.Data == nil {
		return Event{}, errors.New("parse event: id, type, at or data is missing or malformed")
	}
	for name, value := range e.Data {
		switch value.(type) {
		case string, float64:
		default:
			return Event{}, fmt.Errorf("parse event: data field %.80q is neither text nor number", name)
		}
	}
	return e, nil
}
