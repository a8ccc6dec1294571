package workload

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/outbound"
	"github.com/hallmark-pki/hallmark/store"
)

// Reason says why a token was refused, for programs to switch on.
type Reason string

const (
	Malformed   Reason = "malformed"         // not a signed JWT with issuer and audience
	Unknown     Reason = "unknown-machine"   // no machine on record looks like that, or several
	Unverified  Reason = "unverified"        // not signed by the issuer, expired, not yet valid
	TooOld      Reason = "too-old"           // issued more than an hour ago, in the future, or it does not say when
	UsedUp      Reason = "used-up"           // taken as often as one run would use it
	Disabled    Reason = "disabled"          // the machine's account is disabled
	Unavailable Reason = "issuer-unreadable" // the issuer's keys cannot be read now
	BadMachine  Reason = "bad-machine"       // a machine that cannot be meant
)

// Refusal is the error for a token that is nobody's.
type Refusal struct {
	Reason Reason
	Detail string
}

func (r *Refusal) Error() string { return "token refused (" + string(r.Reason) + "): " + r.Detail }

func refuse(reason Reason, format string, args ...any) *Refusal {
	return &Refusal{reason, fmt.Sprintf(format, args...)}
}

// algorithms taken: no "none", and none with a shared secret.
func algorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// claims of a token. Before its signature is verified they only say which machine's
// issuer to ask.
type claims struct {
	issuer, subject, id string
	audiences           []string
	issuedAt, expires   time.Time
	all                 map[string]any
}

// parse reads the payload of a compact JWT (RFC 7515 §7.1), and verifies nothing.
func parse(token string) (c claims, err error) {
	bad := refuse(Malformed, "not a signed JSON Web Token with iss and aud")
	parts := strings.Split(token, ".")
	if len(token) > maxToken || len(parts) != 3 {
		return c, bad
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(parts[1])
	if err != nil {
		return c, bad
	}
	if c.all, err = object(raw); err != nil {
		return c, bad
	}
	c.issuer, _ = c.all["iss"].(string)
	c.subject, _ = c.all["sub"].(string)
	c.id, _ = c.all["jti"].(string)
	switch aud := c.all["aud"].(type) {
	case string:
		c.audiences = []string{aud}
	case []any:
		for _, a := range aud {
			text, ok := a.(string)
			if !ok {
				return c, bad
			}
			c.audiences = append(c.audiences, text)
		}
	}
	c.issuedAt, c.expires = seconds(c.all["iat"]), seconds(c.all["exp"])
	if c.issuer == "" || len(c.audiences) == 0 || len(c.audiences) > maxAudiences || slices.Contains(c.audiences, "") {
		return c, bad
	}
	return c, nil
}

func object(raw []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var all map[string]any
	if err := dec.Decode(&all); err != nil || all == nil {
		return nil, errors.New("no JSON object")
	}
	if dec.More() {
		return nil, errors.New("more than one JSON value")
	}
	return all, nil
}

// seconds reads a NumericDate (RFC 7519 §2); zero for anything else.
func seconds(v any) time.Time {
	n, ok := v.(json.Number)
	if !ok {
		return time.Time{}
	}
	f, err := n.Float64()
	if err != nil || f < 1 || f > 1<<40 {
		return time.Time{}
	}
	return time.Unix(int64(f), 0)
}

// fits reports whether a token looks as a machine's do. Everything that the machine names
// must be there, byte by byte.
func fits(m store.Machine, c claims) bool {
	if m.Issuer != c.issuer || !slices.Contains(c.audiences, m.Audience) || m.Subject != "" && m.Subject != c.subject {
		return false
	}
	if m.Subject == "" && len(m.Claims) == 0 {
		return false
	}
	for name, want := range m.Claims {
		if got, ok := text(c.all[name]); !ok || got != want {
			return false
		}
	}
	return true
}

// text is a claim's value as a machine's record writes it.
func text(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return fmt.Sprint(v), true
	}
	return "", false
}

// reserved claims have a meaning of their own and are not for Machine.Claims.
var reserved = []string{"iss", "aud", "sub", "exp", "nbf", "iat", "jti"}

// Check refuses a machine with tokens that cannot be meant.
func Check(m store.Machine) error {
	bad := func(format string, args ...any) error { return refuse(BadMachine, format, args...) }
	if err := outbound.CheckURL(m.Issuer); err != nil || strings.ContainsAny(m.Issuer, "?#") {
		return bad("issuer: an https URL without a query is wanted")
	}
	for name, value := range map[string]string{"issuer": m.Issuer, "audience": m.Audience, "subject": m.Subject} {
		if len(value) > MaxText {
			return bad("%s: longer than %d bytes", name, MaxText)
		}
	}
	switch {
	case m.Audience == "" || strings.ContainsFunc(m.Audience, notPrintable):
		return bad("audience: printable ASCII without blanks is wanted")
	case m.Subject == "" && len(m.Claims) == 0:
		return bad("subject: is wanted, or claims that say which project it is")
	case strings.Contains(m.Subject, "*") || strings.ContainsFunc(m.Subject, control):
		return bad("subject: is compared byte by byte, so a pattern would fit nothing")
	case len(m.Claims) > MaxClaims:
		return bad("claims: %d, at most %d", len(m.Claims), MaxClaims)
	}
	for name, value := range m.Claims {
		if name == "" || len(name) > MaxText || value == "" || len(value) > MaxText || slices.Contains(reserved, name) ||
			strings.Contains(value, "*") || strings.ContainsFunc(name+value, control) {
			return bad("claims: %q: a name that is not one of %s, and its one value without a pattern, are wanted", name, strings.Join(reserved, ", "))
		}
	}
	return nil
}

func notPrintable(r rune) bool { return r <= ' ' || r > '~' }

func control(r rune) bool { return r < ' ' || r == 0x7f }
