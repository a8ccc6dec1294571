//go:build cgo && !nopkcs11

package keys

import (
	"crypto"
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
		"a wrong one was tried":  {u, login | pkcs11.CKF_USER_PIN_COUNT_LOW, "1234", ""},
		"one try left":           {u, login | pkcs11.CKF_USER_PIN_FINAL_TRY, "", LockedPIN},
		"one try, from a file":   {pkcs11URI{pinSource: "/nowhere"}, login | pkcs11.CKF_USER_PIN_FINAL_TRY, "", LockedPIN},
		"a line end":             {pkcs11URI{pinValue: "1234\n"}, login, "", NoSecret},
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

// The last try is a person's: a service that is started again and again with a PIN that has
// been changed would lock the token, and with it the CA's keys.
func TestLastTryIsAPersons(t *testing.T) {
	f := newFakeModule(t)
	f.set(func() { f.tokens[1].flags |= pkcs11.CKF_USER_PIN_FINAL_TRY })
	r := newRegistry(func(string) cryptoki { return f })
	if _, err := r.open(t.Context(), "pkcs11:object=k?module-path=fake&pin-value=4711", Options{}); !Is(err, LockedPIN) || strings.Contains(err.Error(), "4711") {
		t.Errorf("from the URI: %v", err)
	}
	if f.logins != 0 {
		t.Errorf("%d logins", f.logins)
	}
	told := Options{PIN: func(string) ([]byte, error) { return []byte("4711"), nil }}
	written := told
	written.PINWritten = true
	if _, err := r.open(t.Context(), "pkcs11:object=k?module-path=fake", written); !Is(err, LockedPIN) || f.logins != 0 {
		t.Errorf("from a file: %d logins, %v", f.logins, err)
	}
	k, err := r.open(t.Context(), "pkcs11:object=k?module-path=fake", told)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Close(); err != nil {
		t.Error(err)
	}
	// It can become the last one between looking and logging in.
	f.set(func() { f.tokens[1].flags &^= pkcs11.CKF_USER_PIN_FINAL_TRY; f.logins = 0 })
	spent := func(slot uint) { f.set(func() { f.tokens[slot].flags |= pkcs11.CKF_USER_PIN_FINAL_TRY }) }
	r = newRegistry(func(string) cryptoki { return &afterInfo{f, 1, spent} })
	if _, err := r.open(t.Context(), "pkcs11:object=k?module-path=fake&pin-value=4711", Options{}); !Is(err, LockedPIN) || f.logins != 0 {
		t.Errorf("%d logins, %v", f.logins, err)
	}
}

// A PIN goes to the token that it was asked for, not to one that was put in meanwhile.
func TestPINForTheTokenAskedFor(t *testing.T) {
	f := newFakeModule(t)
	r := newRegistry(func(string) cryptoki { return f })
	swapped := Options{PIN: func(string) ([]byte, error) {
		f.set(func() { f.tokens[1].serial = "bb" })
		return []byte("4711"), nil
	}}
	if k, err := r.open(t.Context(), "pkcs11:object=k?module-path=fake", swapped); !Is(err, NoToken) || k != nil || f.logins != 0 || strings.Contains(err.Error(), "4711") {
		t.Errorf("%d logins, %v", f.logins, err)
	}
	moved := Options{PIN: func(string) ([]byte, error) {
		f.set(func() { f.tokens[7] = f.tokens[1]; delete(f.tokens, 1) })
		return []byte("4711"), nil
	}}
	k, err := r.open(t.Context(), "pkcs11:object=k?module-path=fake", moved)
	if err != nil {
		t.Fatalf("the same token in another slot: %v", err)
	}
	if err := k.Close(); err != nil {
		t.Error(err)
	}
}

// A key that wants the PIN for each signature does not spend the last try either: somebody
// may have changed the PIN since it was opened.
func TestLastTryOfASignature(t *testing.T) {
	f := newFakeModule(t)
	f.always = 1
	r := newRegistry(func(string) cryptoki { return f })
	k, err := r.open(t.Context(), "pkcs11:object=k?module-path=fake&pin-value=4711", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	digest := make([]byte, 32)
	if _, err := k.Sign(nil, digest, crypto.SHA256); err != nil || f.logins != 2 {
		t.Fatalf("%d logins, %v", f.logins, err)
	}
	for _, flag := range []uint{pkcs11.CKF_USER_PIN_FINAL_TRY, pkcs11.CKF_USER_PIN_LOCKED} {
		f.set(func() { f.tokens[1].flags = fakeFlags | flag })
		if _, err := k.Sign(nil, digest, crypto.SHA256); !Is(err, LockedPIN) || f.logins != 2 {
			t.Errorf("%d logins, %v", f.logins, err)
		}
	}
	f.set(func() { f.tokens[1].flags = fakeFlags }) // somebody has logged in by hand
	if _, err := k.Sign(nil, digest, crypto.SHA256); err != nil || f.logins != 3 {
		t.Errorf("%d logins, %v", f.logins, err)
	}
}

// afterInfo does something to a token after it has been looked at so many times.
type afterInfo struct {
	*fakeModule
	times int
	do    func(slot uint)
}

func (a *afterInfo) GetTokenInfo(slot uint) (pkcs11.TokenInfo, error) {
	info, err := a.fakeModule.GetTokenInfo(slot)
	if a.times--; a.times == 0 {
		a.do(slot)
	}
	return info, err
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
