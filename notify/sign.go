package notify

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of Standard Webhooks.
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"
)

const (
	secretPrefix     = "whsec_"
	signaturePrefix  = "v1," // HMAC-SHA256
	signatureParting = " "
)

// ErrSecret is returned for a secret that is not "whsec_" and the base64 of 24 to 64
// bytes.
var ErrSecret = errors.New("webhook secret is not whsec_ and the base64 of 24 to 64 bytes")

// NewSecret makes a secret in its written form.
func NewSecret() string {
	var secret [newSecretBytes]byte
	rand.Read(secret[:]) // never fails (crypto/rand.Read documents it)
	return FormatSecret(secret[:])
}

// FormatSecret writes a secret as Standard Webhooks does.
func FormatSecret(secret []byte) string {
	return secretPrefix + base64.StdEncoding.EncodeToString(secret)
}

// ParseSecret reads the written form of a secret. The error is ErrSecret and does not
// repeat it.
func ParseSecret(s string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(s, secretPrefix)
	if !ok {
		return nil, ErrSecret
	}
	secret, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || !isSecret(secret) || FormatSecret(secret) != s {
		return nil, ErrSecret
	}
	return secret, nil
}

func isSecret(secret []byte) bool {
	return len(secret) >= minSecretBytes && len(secret) <= maxSecretBytes
}

// Sign returns a signature as it stands in the header: "v1," and the base64 of
// HMAC-SHA256 of the id, at in seconds since 1970, and the body.
func Sign(secret []byte, id string, at time.Time, body []byte) string {
	h := hmac.New(sha256.New, secret)
	fmt.Fprintf(h, "%s.%d.", id, at.Unix())
	h.Write(body)
	return signaturePrefix + base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// Reason is why a request is refused.
type Reason string

// The reasons of a VerifyError.
const (
	// MissingHeader: one of the three headers is not there, or is there twice.
	MissingHeader Reason = "missing header"
	// BadHeader: an id with a full stop, a timestamp that is no number, or too long.
	BadHeader Reason = "bad header"
	// TooOld: the request was signed more than Tolerance ago; it may be a copy.
	TooOld Reason = "too old"
	// TooNew: the request is signed for a time more than Tolerance away.
	TooNew Reason = "too new"
	// BadSignature: no signature is of this secret, id, timestamp and body.
	BadSignature Reason = "bad signature"
)

// VerifyError says why Verify refuses a request.
type VerifyError struct {
	Reason Reason
	Header string // the one that it is about, if it is about one
}

// Error implements error.
func (e *VerifyError) Error() string {
	if e.Header == "" {
		return "verify webhook: " + string(e.Reason)
	}
	return "verify webhook: " + string(e.Reason) + ": " + e.Header
}

// Verify judges a request that a webhook received: was it sent by who knows the secret,
// about now? body is the body as it came, before any parsing. The error is ErrSecret or
// a *VerifyError. A receiver whose secret changes calls it with either.
//
// A request that passes may still be one that came before: webhook-id is the same then.
func Verify(secret []byte, header http.Header, body []byte, now time.Time) error {
	if !isSecret(secret) {
		return ErrSecret
	}
	var value [3]string
	for i, name := range []string{HeaderID, HeaderTimestamp, HeaderSignature} {
		values := header.Values(name)
		if len(values) != 1 || values[0] == "" {
			return &VerifyError{MissingHeader, name}
		}
		if value[i] = values[0]; len(value[i]) > maxHeaderBytes {
			return &VerifyError{BadHeader, name}
		}
	}
	id, stamp, signatures := value[0], value[1], value[2]
	if strings.Contains(id, ".") { // else what is signed could be read in two ways
		return &VerifyError{BadHeader, HeaderID}
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || strconv.FormatInt(seconds, 10) != stamp {
		return &VerifyError{BadHeader, HeaderTimestamp}
	}
	if seconds < now.Add(-Tolerance).Unix() {
		return &VerifyError{TooOld, HeaderTimestamp}
	}
	if seconds > now.Add(Tolerance).Unix() {
		return &VerifyError{TooNew, HeaderTimestamp}
	}
	want := []byte(Sign(secret, id, time.Unix(seconds, 0), body))
	for i, signature := range strings.Split(signatures, signatureParting) {
		if i == maxSignatures {
			return &VerifyError{BadHeader, HeaderSignature}
		}
		if hmac.Equal([]byte(signature), want) {
			return nil
		}
	}
	return &VerifyError{Reason: BadSignature}
}
