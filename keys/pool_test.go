//go:build cgo && !nopkcs11

package keys

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/pkcs11"
)

const fakePIN = "271828"

// fakeKey opens the key of a fake module, with a clock that stands until the test sets it.
func fakeKey(t *testing.T, f *fakeModule) (*registry, Key) {
	t.Helper()
	r := newRegistry(func(string) cryptoki { return f })
	r.now = func() time.Time { return time.Unix(0, 0) }
	return r, openFake(t, r, "pkcs11:serial=aa;object=k?module-path=fake.so")
}

func openFake(t *testing.T, r *registry, uri string) Key {
	t.Helper()
	k, err := r.open(t.Context(), uri, Options{PIN: func(string) ([]byte, error) { return []byte(fakePIN), nil }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	r.modules["fake.so"].ctx.(*fakeModule).starts = 0 // opening loads it twice
	return k
}

func fakeSign(k Key) error {
	digest := sha256.Sum256([]byte("two ounces"))
	_, err := k.Sign(rand.Reader, digest[:], crypto.SHA256)
	return err
}

func wantFake(t *testing.T, err error, want Reason) {
	t.Helper()
	if !Is(err, want) {
		t.Fatalf("error %v, want %s", err, want)
	}
	if strings.Contains(err.Error(), fakePIN) {
		t.Fatalf("the PIN is told: %v", err)
	}
}

// An error that comes once costs nothing but a new login; one that stays is typed, and
// the key works once it is over.
func TestTokenErrors(t *testing.T) {
	for _, code := range []uint{
		pkcs11.CKR_DEVICE_REMOVED, pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_SESSION_CLOSED,
		pkcs11.CKR_USER_NOT_LOGGED_IN, pkcs11.CKR_TOKEN_NOT_PRESENT, pkcs11.CKR_TOKEN_NOT_RECOGNIZED, pkcs11.CKR_KEY_HANDLE_INVALID,
		pkcs11.CKR_OBJECT_HANDLE_INVALID, pkcs11.CKR_SLOT_ID_INVALID, pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED, pkcs11.CKR_GENERAL_ERROR,
	} {
		gone := pkcs11.Error(code)
		t.Run(gone.Error(), func(t *testing.T) {
			f := newFakeModule(t)
			r, k := fakeKey(t, f)
			f.set(func() { f.tokens[1].signErr = []error{gone} })
			if err := fakeSign(k); err != nil {
				t.Fatalf("once: %v", err)
			}
			f.set(func() { f.tokens[1].away = gone })
			for range 3 {
				err := fakeSign(k)
				wantFake(t, err, TokenLost)
			}
			f.set(func() { f.tokens[1].away = nil })
			if err := fakeSign(k); err != nil {
				t.Fatalf("it is back: %v", err)
			}
			if f.starts != 1 { // in three tries while it was away
				t.Errorf("the module was restarted %d times", f.starts)
			}
			r.now = func() time.Time { return time.Unix(0, 0).Add(restartPause) }
			f.set(func() { f.tokens[1].away = gone })
			wantFake(t, fakeSign(k), TokenLost)
			if f.starts != 2 {
				t.Errorf("the module was restarted %d times after the pause", f.starts)
			}
		})
	}
}

// Errors that do not mean that the token is away are handed on as they are.
func TestTokenRefusesToSign(t *testing.T) {
	f := newFakeModule(t)
	_, k := fakeKey(t, f)
	refused := pkcs11.Error(pkcs11.CKR_KEY_FUNCTION_NOT_PERMITTED)
	f.set(func() { f.tokens[1].signErr = []error{refused} })
	err := fakeSign(k)
	wantFake(t, err, SigningFailed)
	if !errors.Is(err, refused) || f.logins != 1 || f.starts != 0 {
		t.Errorf("%v after %d logins and %d starts", err, f.logins, f.starts)
	}
}

// A PIN that the token refuses when it comes back is tried once, by one of 64.
func TestPINIsTriedOnce(t *testing.T) {
	for code, want := range map[uint]Reason{
		pkcs11.CKR_PIN_INCORRECT: WrongPIN, pkcs11.CKR_PIN_LOCKED: LockedPIN, pkcs11.CKR_PIN_EXPIRED: LockedPIN, pkcs11.CKR_PIN_LEN_RANGE: WrongPIN,
	} {
		f := newFakeModule(t)
		_, k := fakeKey(t, f)
		f.set(func() {
			f.tokens[1].loginErr = pkcs11.Error(code)
			f.forget()
		})
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				if err := fakeSign(k); !Is(err, want) || strings.Contains(err.Error(), fakePIN) {
					t.Errorf("%v, want %s", err, want)
				}
			})
		}
		wg.Wait()
		f.set(func() { f.tokens[1].loginErr = nil })
		wantFake(t, fakeSign(k), want)
		if f.logins != 2 {
			t.Errorf("%d logins, want the first and one more", f.logins)
		}
	}
}

// One try left, or none: the PIN is not risked. Once that is over, it is tried.
func TestPINIsNotRisked(t *testing.T) {
	for _, flag := range []uint{pkcs11.CKF_USER_PIN_FINAL_TRY, pkcs11.CKF_USER_PIN_LOCKED} {
		f := newFakeModule(t)
		_, k := fakeKey(t, f)
		f.set(func() {
			f.tokens[1].flags |= flag
			f.forget()
		})
		wantFake(t, fakeSign(k), LockedPIN)
		if f.logins != 1 {
			t.Errorf("%d logins", f.logins)
		}
		f.set(func() { f.tokens[1].flags = fakeFlags })
		if err := fakeSign(k); err != nil {
			t.Error(err)
		}
	}
}

// The PIN is not told to another token, even one of the same label.
func TestAnotherTokenIsNotToldThePIN(t *testing.T) {
	f := newFakeModule(t)
	_, k := fakeKey(t, f)
	f.set(func() {
		f.tokens[1].serial = "bb"
		f.forget()
	})
	wantFake(t, fakeSign(k), TokenLost)
	if f.logins != 1 {
		t.Errorf("%d logins", f.logins)
	}
}

// A token comes back in another slot.
func TestTokenInAnotherSlot(t *testing.T) {
	f := newFakeModule(t)
	_, k := fakeKey(t, f)
	f.set(func() {
		f.tokens[7] = f.tokens[1]
		f.tokens[1] = &fakeToken{serial: "cc", flags: fakeFlags}
		f.forget()
	})
	if err := fakeSign(k); err != nil {
		t.Fatal(err)
	}
}

// The module is not restarted beneath a token that works.
func TestRestartSparesOthers(t *testing.T) {
	f := newFakeModule(t)
	f.tokens[2] = &fakeToken{serial: "bb", flags: fakeFlags}
	r, first := fakeKey(t, f)
	second := openFake(t, r, "pkcs11:serial=bb;object=k?module-path=fake.so")
	f.set(func() { f.tokens[1].away = pkcs11.Error(pkcs11.CKR_DEVICE_REMOVED) })
	wantFake(t, fakeSign(first), TokenLost)
	if err := fakeSign(second); err != nil || f.starts != 0 {
		t.Errorf("%d starts, %v", f.starts, err)
	}
	f.set(func() { f.tokens[2].away = pkcs11.Error(pkcs11.CKR_DEVICE_REMOVED) })
	wantFake(t, fakeSign(first), TokenLost)
	if f.starts != 1 {
		t.Errorf("%d starts with both away", f.starts)
	}
	f.set(func() { f.tokens[1].away, f.tokens[2].away = nil, nil })
	for _, k := range []Key{first, second} {
		if err := fakeSign(k); err != nil {
			t.Error(err)
		}
	}
}

// The pool has its bound, and what waits longer than patience is refused.
func TestPoolIsBounded(t *testing.T) {
	for _, allowed := range []int{0, 9} { // by the token
		f := newFakeModule(t)
		f.sessionsMax = allowed
		r, k := fakeKey(t, f)
		f.set(func() { f.signed = make(chan struct{}) })
		var wg sync.WaitGroup
		for range 3 * maxSessions {
			wg.Go(func() {
				if err := fakeSign(k); err != nil {
					t.Error(err)
				}
			})
		}
		for range 3 * maxSessions {
			f.signed <- struct{}{}
		}
		wg.Wait()
		if bound := maxSessions + 1; f.most > bound || allowed > 0 && f.most > allowed {
			t.Errorf("%d sessions at once, at most %d and the token's %d are wanted", f.most, bound, allowed)
		}
		// All of them signing for ever: one more waits in vain.
		r.patience = time.Millisecond
		size := maxSessions
		if allowed > 0 {
			size = allowed - 1
		}
		busy := make(chan error)
		for range size + 1 {
			go func() { busy <- fakeSign(k) }()
		}
		wantFake(t, <-busy, Busy)
		close(f.signed)
		for range size {
			<-busy
		}
	}
}

// The PIN is forgotten with the last key.
func TestPINIsForgotten(t *testing.T) {
	f := newFakeModule(t)
	r, k := fakeKey(t, f)
	held := k.(*tokenKey).token.pin
	again := openFake(t, r, "pkcs11:serial=aa;object=k?module-path=fake.so")
	if err := again.Close(); err != nil || string(held) != fakePIN {
		t.Errorf("forgotten while a key is open, or %v", err)
	}
	if err := k.Close(); err != nil || strings.Trim(string(held), "\x00") != "" {
		t.Errorf("%q is still held, or %v", held, err)
	}
	if len(f.sessions) > 0 || len(r.tokens) > 0 || len(r.modules) > 0 {
		t.Errorf("%d sessions, %d tokens, %d modules are left", len(f.sessions), len(r.tokens), len(r.modules))
	}
}
