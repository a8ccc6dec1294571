package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Headers of an answer of TypeCMS. They hold what the members of Signature hold.
const (
	headerSerial    = "Hallmark-Serial"
	headerSHA256    = "Hallmark-Sha256"
	headerAt        = "Hallmark-At"
	headerID        = "Hallmark-Id"
	headerState     = "Hallmark-State"
	headerConfirmBy = "Hallmark-Confirm-By"
)

// Headers calls set for each header of an answer of TypeCMS.
func (s Signature) Headers(set func(name, value string)) {
	set("Content-Type", TypeCMS)
	set(headerSerial, s.Serial)
	set(headerSHA256, s.SHA256)
	set(headerAt, s.At.UTC().Format(time.RFC3339Nano))
	set(headerID, s.ID)
	if s.State != "" {
		set(headerState, s.State)
	}
	if !s.ConfirmBy.IsZero() {
		set(headerConfirmBy, s.ConfirmBy.UTC().Format(time.RFC3339Nano))
	}
}

// Sign has a digest signed: Post to /v1/signatures, with the signature itself as the
// answer where its format is CMS. Rules is nil then.
func (c *Client) Sign(ctx context.Context, in NewSignature) (Signature, error) {
	var out Signature
	raw, header, err := c.postFor(ctx, "/v1/signatures", TypeCMS, in, &out)
	if raw == nil || err != nil {
		return out, err
	}
	return signatureOf(header, raw)
}

// signatureOf puts an answer of TypeCMS together.
func signatureOf(h http.Header, cms []byte) (Signature, error) {
	s := Signature{
		CMS: cms, Serial: h.Get(headerSerial), SHA256: h.Get(headerSHA256), ID: h.Get(headerID), State: h.Get(headerState), Allowed: true,
	}
	for _, t := range []struct {
		name string
		to   *time.Time
	}{{headerAt, &s.At}, {headerConfirmBy, &s.ConfirmBy}} {
		text := h.Get(t.name)
		if text == "" && t.to == &s.ConfirmBy {
			continue
		}
		var err error
		if *t.to, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return Signature{}, fmt.Errorf("decode answer: header %s: %w", t.name, err)
		}
	}
	if len(cms) == 0 || s.Serial == "" || s.ID == "" {
		return Signature{}, fmt.Errorf("decode answer: %w", io.ErrUnexpectedEOF)
	}
	return s, nil
}
