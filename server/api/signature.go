package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// TypeCMS is the media type of a signature that is answered as it is (RFC 7193 §2), and
// not in base64 as a member of Signature. It is for who asks for it by name in Accept, and
// for formats whose signature is CMS; what else there is to say is in the headers below.
// The verdicts of the rules are left out: all that had to pass did.
const TypeCMS = "application/cms"

// Headers of an answer of TypeCMS. They hold what the members of Signature hold.
const (
	headerSerial    = "Hallmark-Serial"
	headerSHA256    = "Hallmark-Sha256"
	headerAt        = "Hallmark-At"
	headerID        = "Hallmark-Id"
	headerState     = "Hallmark-State"
	headerConfirmBy = "Hallmark-Confirm-By"
)

// WantsCMS reports whether an Accept header (RFC 9110 §12.5.1) names TypeCMS.
func WantsCMS(accept string) bool {
	for one := range strings.SplitSeq(accept, ",") {
		name, parameters, _ := strings.Cut(one, ";")
		if strings.EqualFold(strings.TrimSpace(name), TypeCMS) {
			return strings.ReplaceAll(parameters, " ", "") != "q=0"
		}
	}
	return false
}

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
	req, err := c.newJSON(ctx, http.MethodPost, "/v1/signatures", in)
	if err != nil {
		return Signature{}, err
	}
	req.Header.Set("Accept", TypeCMS+", application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return Signature{}, fmt.Errorf("reach server: %w", err)
	}
	defer resp.Body.Close()
	var out Signature
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != TypeCMS {
		err = readAnswer(resp, &out)
		return out, err
	}
	var raw []byte
	if err := readAnswer(resp, &raw); err != nil {
		return Signature{}, err
	}
	return signatureOf(resp.Header, raw)
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
