//go:build cgo && !nopkcs11

package keys

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"
)

// SoftHSM2 never locks a token, so what a token says of its PIN is told here.
func TestLockedPIN(t *testing.T) {
	never := Options{PIN: func(string) ([]byte, error) { return nil, errors.New("somebody was asked") }}
	u := pkcs11URI{pinValue: "1234"}
	login := uint(pkcs11.CKF_LOGIN_REQUIRED)
	for name, c := range map[string]struct {
		u     pkcs11URI
		flags uint
		pin   string
		want  Reason
	}{
		"fine":                   {u, login, "1234", ""},
		"few tries left":         {u, login | pkcs11.CKF_USER_PIN_FINAL_TRY, "1234", ""},
		"no login wanted":        {u, 0, "", ""},
		"no login, nobody asked": {pkcs11URI{}, 0, "", ""},
		"locked":                 {u, login | pkcs11.CKF_USER_PIN_LOCKED, "", LockedPIN},
		"locked, nobody asked":   {pkcs11URI{}, login | pkcs11.CKF_USER_PIN_LOCKED, "", LockedPIN},
	} {
		t.Run(name, func(t *testing.T) {
			pin, err := findPIN("pkcs11:", c.u, token{label: "audits", flags: c.flags}, never)
			if pin != c.pin || (c.want == "" && err != nil) || (c.want != "" && !Is(err, c.want)) {
				t.Errorf("PIN %q, %v", pin, err)
			}
		})
	}
}

func TestLoginError(t *testing.T) {
	for code, want := range map[pkcs11.Error]Reason{
		pkcs11.CKR_PIN_INCORRECT: WrongPIN, pkcs11.CKR_PIN_LEN_RANGE: WrongPIN, pkcs11.CKR_PIN_INVALID: WrongPIN,
		pkcs11.CKR_PIN_LOCKED: LockedPIN, pkcs11.CKR_PIN_EXPIRED: LockedPIN, pkcs11.CKR_TOKEN_NOT_PRESENT: NoToken,
	} {
		err := loginError("pkcs11:", token{flags: pkcs11.CKF_USER_PIN_FINAL_TRY}, fmt.Errorf("log in: %w", code))
		if !Is(err, want) || !errors.Is(err, code) {
			t.Errorf("%v became %v", code, err)
		}
		if told := strings.Contains(err.Error(), "locked itself"); told != (want == WrongPIN) {
			t.Errorf("the last try: %v", err)
		}
	}
	if err := loginError("pkcs11:", token{}, errors.New("other")); !Is(err, NoToken) {
		t.Errorf("another error: %v", err)
	}
}
