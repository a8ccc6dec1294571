package keys

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var unexported = cmp.AllowUnexported(pkcs11URI{})

func TestParseURI(t *testing.T) {
	for raw, want := range map[string]pkcs11URI{
		"pkcs11:": {},
		"pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;object=my-certificate;type=private?pin-source=file:/etc/token_pin": {
			token: "The Software PKCS#11 Softtoken", object: "my-certificate", pinSource: "file:/etc/token_pin"},
		"PKCS11:manufacturer=Snake%20Oil,%20Inc.;model=1.0;serial=DECC0401648?module-path=/usr/lib/p.so&pin-value=a+b": {
			manufacturer: "Snake Oil, Inc.", model: "1.0", serial: "DECC0401648", modulePath: "/usr/lib/p.so", pinValue: "a+b"},
		"pkcs11:module-path=/usr/lib/p.so;slot-id=5;pin-source=/run/pin;id=01A2": {
			modulePath: "/usr/lib/p.so", slotID: "5", pinSource: "/run/pin", id: []byte{1, 0xa2}},
		"pkcs11:id=%69%95%3E%5C%f4": {id: []byte("i\x95>\\\xf4")},
		"pkcs11:id=a%00":            {id: []byte("a\x00")},
		"pkcs11:slot-id=0":          {slotID: "0"},
	} {
		got, err := parseURI(raw)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
		} else if d := cmp.Diff(want, got, unexported); d != "" {
			t.Errorf("%s: %s", raw, d)
		}
	}
}

func TestParseURIRefused(t *testing.T) {
	const good = "pkcs11:token=audits;object=quill;id=01?module-path=p.so&pin-value=314159"
	if _, err := parseURI(good); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, new, says string }{
		"other scheme":        {"pkcs11:", "pkcs12:", "not a pkcs11: URI"},
		"too long":            {"quill", strings.Repeat("q", maxURI), "of at most"},
		"fragment":            {"quill", "quill#1", "fragment"},
		"no value":            {"object=quill", "object", "without a value"},
		"empty value":         {"object=quill", "object=", "empty"},
		"empty attribute":     {"object=quill;", "object=quill;;", "without a value"},
		"empty query":         {"module-path=p.so&pin-value=314159", "", "without a value"},
		"unknown attribute":   {"object=", "objekt=", "unknown attribute objekt"},
		"in capitals":         {"object=", "Object=", "unknown attribute"},
		"vendor attribute":    {"object=", "x-object=", "unknown attribute"},
		"escaped name":        {"object=", "%6fbject=", "unknown attribute"},
		"key in the query":    {"?module", "?object=quill&module", "unknown attribute"},
		"wrong separator":     {"&pin-value", ";pin-value", "separated by &"},
		"twice":               {"token=audits", "token=audits;token=audits", "token is given twice"},
		"twice, in two parts": {"token=", "module-path=q.so;token=", "module-path is given twice"},
		"PIN in the path":     {"token=audits", "token=audits&pin-value=314159", "pin-value stands in it"},
		"PIN behind ?":        {"&pin-value", "?PIN-VALUE", "pin-value stands in it"},
		"PIN behind a comma":  {"&pin-value", ",pin-value", "pin-value stands in it"},
		"two PINs":            {"?module", "?pin-source=x&module", "both pin-source and pin-value"},
		"a public key":        {"object=", "type=public;object=", "a private key is wanted"},
		"slot in hex":         {"token=audits", "slot-id=0x5", "not a decimal number"},
		"slot with zero":      {"token=audits", "slot-id=05", "not a decimal number"},
		"slot below zero":     {"token=audits", "slot-id=-1", "not a decimal number"},
		"slot too large":      {"token=audits", "slot-id=4294967296", "not a decimal number"},
		"half an escape":      {"quill", "quill%4", "two hex digits"},
		"zero byte":           {"quill", "quill%00", "zero byte"},
		"id empty":            {"id=01", "id=", "empty"},
		"id of odd length":    {"id=01", "id=012", "neither percent-encoded"},
		"id as text":          {"id=01", "id=quill", "neither percent-encoded"},
		"id, half an escape":  {"id=01", "id=%0", "two hex digits"},
	} {
		t.Run(name, func(t *testing.T) {
			raw := strings.Replace(good, c.old, c.new, 1)
			if raw == good {
				t.Fatalf("%q is not in the URI", c.old)
			}
			u, err := parseURI(raw)
			var e *Error
			if !errors.As(err, &e) || e.Reason != BadURI || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("error %v, want one that says %q", err, c.says)
			}
			if strings.Contains(err.Error(), "314159") {
				t.Errorf("the PIN is told: %v", err)
			}
			if d := cmp.Diff(pkcs11URI{}, u, unexported); d != "" {
				t.Error("half a result with an error", d)
			}
		})
	}
}

func TestRedact(t *testing.T) {
	for raw, want := range map[string]string{
		"pkcs11:token=a;object=b?module-path=/m.so&pin-value=314159":     "pkcs11:token=a;object=b?module-path=/m.so&pin-value=…",
		"pkcs11:pin-value=314159;token=a":                                "pkcs11:pin-value=…;token=a",
		"pkcs11:token=a?pin-value=314?159&pin-source=/run/pin":           "pkcs11:token=a?pin-value=…&pin-source=/run/pin",
		"pkcs11:pin-value=314?159":                                       "pkcs11:pin-value=…?…",
		"PKCS11:p%69n-value=314159;PIN-VALUE=314159;314159?pin=314159&a": "pkcs11:p%69n-value=…;PIN-VALUE=…;…?pin=…&…",
		"yubikey:slot-id=9c?pin-value=314159":                            "yubikey:slot-id=9c?pin-value=…",
		"pkcs11:token=a&pin-value=314159;object=b":                       "pkcs11:token=a&pin-value=…;object=b",
		"pkcs11:token=a?module-path=/m.so?pin-value=314159":              "pkcs11:token=a?module-path=/m.so?pin-value=…",
		"pkcs11:token=a?pin-source=/run/pin,Pin-Value=314159&x=y":        "pkcs11:token=a?pin-source=/run/pin,Pin-Value=…&x=…",
		"pkcs11:":        "pkcs11:",
		"assessment.key": "assessment.key",
		"a\x1b[2J":       `"a\x1b[2J"`,
		"":               `""`,
	} {
		if got := Redact(raw); got != want {
			t.Errorf("%s became %s, want %s", raw, got, want)
		}
	}
}

// A PIN stands in no error about a URI that is too long, or that was meant to be another.
func TestOpenTellsNoPIN(t *testing.T) {
	long := ";object=" + strings.Repeat("q", maxURI)
	for _, uri := range []string{
		"pkcs11:pin-value=314159" + long, "pkcs11:token=a&pin-value=314159" + long, "key.pem?pin-value=314159" + long,
		"file:key.pem?pin-value=314159", "file://token/pin-value=314159", "file:key%zz;pin-value=314159",
		"pkcs11:token=a&pin-value=314159", "pkcs11:token=a?module-path=/nowhere/m.so?pin-value=314159",
		"pkcs11:token=a?module-path=/nowhere/m.so&pin-source=file:pin?pin-value=314159",
	} {
		_, err := Open(t.Context(), uri, Options{})
		if err == nil || strings.Contains(err.Error(), "314159") {
			t.Errorf("%.70s: %.300v", uri, err)
		}
		if _, err := Generate(t.Context(), uri, Options{}, P256); err == nil || strings.Contains(err.Error(), "314159") {
			t.Errorf("generate %.70s: %.300v", uri, err)
		}
	}
}

// FuzzParseURI: a URI that is read and written is the same when it is read again; and
// no error, nor the redacted form, tells the PIN.
func FuzzParseURI(f *testing.F) {
	for _, seed := range []string{
		"pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;object=my-certificate;type=private?pin-source=file:/etc/token_pin",
		"pkcs11:module-path=/usr/lib/p.so;slot-id=5;id=01A2?pin-value=1234", "pkcs11:id=%69%95%3E%5C%f4;manufacturer=Snake%20Oil,%20Inc.",
		"pkcs11:", "PKCS11:serial=1?", "pkcs11:x-vendor=1", "file:///x", "ssh-agent:SHA256:abc",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		const secret = "5ecr3t-5ecr3t"
		if tampered := raw + "&pin-value=" + secret; strings.HasPrefix(raw, "pkcs11:") && strings.Contains(raw, "?") {
			if Redact(tampered); strings.Contains(Redact(tampered), secret) && !strings.Contains(raw, "5ecr3t") {
				t.Fatalf("told by %s", Redact(tampered))
			}
		}
		u, err := parseURI(raw)
		if err != nil {
			if d := cmp.Diff(pkcs11URI{}, u, unexported); d != "" {
				t.Fatal("half a result with an error", d)
			}
			return
		}
		again, err := parseURI(u.String())
		if len(u.String()) > maxURI {
			return // escapes lengthen it
		}
		if err != nil {
			t.Fatalf("%s was written as %s: %v", raw, u, err)
		}
		if d := cmp.Diff(u, again, unexported); d != "" {
			t.Fatal(d)
		}
	})
}
