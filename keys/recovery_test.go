//go:build cgo && !nopkcs11

package keys_test

import (
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/hallmark-pki/hallmark/keys"
)

// 64 goroutines, thousands of signatures, two keys of one token, all of them verified.
func TestTokenUnderLoad(t *testing.T) {
	h := newHSM(t)
	public := []crypto.PublicKey{h.put(newEC(t, elliptic.P256()), "0", "01").Public(), h.put(newEC(t, elliptic.P256()), "1", "02").Public()}
	open := []keys.Key{openKey(t, h.uri("token=audits;object=0"), keys.Options{}), openKey(t, h.uri("token=audits;object=1"), keys.Options{})}
	const signers, each = 64, 50
	var made atomic.Int64
	var wg sync.WaitGroup
	for n := range signers {
		wg.Go(func() {
			for i := range each {
				digest := sha256.Sum256([]byte{byte(n), byte(i)})
				sig, err := open[n%2].Sign(rand.Reader, digest[:], crypto.SHA256)
				if err != nil || !verifies(public[n%2], digest[:], sig) {
					t.Errorf("signer %d: %v", n, err)
					return
				}
				made.Add(1)
			}
		})
	}
	wg.Wait()
	if made.Load() != signers*each {
		t.Errorf("%d signatures", made.Load())
	}
}

// wantBack signs until it works.
func wantBack(t *testing.T, k keys.Key) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for err := sign(t, k); err != nil; err = sign(t, k) {
		if !keys.Is(err, keys.TokenLost) || time.Now().After(deadline) {
			t.Fatalf("the token is back, and %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// A token that is pulled out and put in again: keys that are open go on working.
func TestTokenComesBack(t *testing.T) {
	h := newHSM(t)
	public := h.put(newEC(t, elliptic.P256()), "first", "01").Public()
	h.put(rsa3072(), "second", "02")
	first := openKey(t, h.uri("token=audits;object=first"), keys.Options{})
	second := openKey(t, h.uri("token=audits;object=second"), keys.Options{})
	if err := errors.Join(sign(t, first), sign(t, second)); err != nil {
		t.Fatal(err)
	}
	h.pull()
	for range 3 {
		for _, k := range []keys.Key{first, second} {
			err := sign(t, k)
			wantReason(t, err, keys.TokenLost, "token audits")
			if strings.Contains(err.Error(), pin) {
				t.Errorf("the PIN is told: %v", err)
			}
		}
	}
	if _, err := keys.Open(t.Context(), h.uri("token=audits;object=first"), keys.Options{}); err == nil {
		t.Error("opened while the token was away")
	}
	h.plug()
	wantBack(t, first)
	wantBack(t, second)
	signAndOpen(t, openKey(t, h.uri("token=audits;object=first"), keys.Options{}), public)
}

// While 32 sign, the token is pulled and plugged: they see typed errors only, and all
// of them sign again.
func TestTokenComesBackUnderLoad(t *testing.T) {
	h := newHSM(t)
	h.put(newEC(t, elliptic.P256()), "k", "01")
	k := openKey(t, h.uri("token=audits;object=k"), keys.Options{})
	away, back := make(chan struct{}), make(chan struct{})
	var before, lost sync.WaitGroup
	var wg sync.WaitGroup
	before.Add(32)
	lost.Add(32)
	for range 32 {
		wg.Go(func() {
			if err := sign(t, k); err != nil {
				t.Error(err)
			}
			before.Done()
			<-away
			if err := sign(t, k); !keys.Is(err, keys.TokenLost) {
				t.Errorf("away, and %v", err)
			}
			lost.Done()
			<-back
			wantBack(t, k)
		})
	}
	before.Wait()
	h.pull()
	close(away)
	lost.Wait()
	h.plug()
	close(back)
	wg.Wait()
}

// What a module may do to our session behind our back, done by another user of the
// same library: no signature fails.
func TestModuleForgets(t *testing.T) {
	h := newHSM(t)
	h.put(newEC(t, elliptic.P256()), "k", "01")
	k := openKey(t, h.uri("token=audits;object=k"), keys.Options{})
	other := pkcs11.New(h.module)
	defer other.Destroy()
	for name, forget := range map[string]func(slot uint) error{
		"logout": func(slot uint) error {
			s, err := other.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
			if err != nil {
				return err
			}
			return errors.Join(other.Logout(s), other.CloseSession(s))
		},
		"all sessions closed": other.CloseAllSessions,
		"module ended":        func(uint) error { return other.Finalize() },
		"module started anew": func(uint) error { return errors.Join(other.Finalize(), other.Initialize()) },
	} {
		t.Run(name, func(t *testing.T) {
			slots, err := other.GetSlotList(true)
			if err != nil || len(slots) == 0 {
				t.Fatal(err)
			}
			if err := sign(t, k); err != nil {
				t.Fatal(err)
			}
			if err := forget(slots[0]); err != nil {
				t.Fatal(err)
			}
			wantBack(t, k)
		})
	}
}

// A token that comes back with another key under the same name is not signed with, and
// a PIN that was changed meanwhile is tried once.
func TestTokenComesBackChanged(t *testing.T) {
	t.Run("another key", func(t *testing.T) {
		h := newHSM(t)
		h.put(newEC(t, elliptic.P256()), "k", "01")
		k := openKey(t, h.uri("token=audits;object=k"), keys.Options{})
		h.tool("--delete-object", "--type", "privkey", "--label", "k", "--id", "01")
		h.tool("--delete-object", "--type", "pubkey", "--label", "k", "--id", "01")
		h.put(newEC(t, elliptic.P256()), "k", "01")
		wantReason(t, sign(t, k), keys.KeyChanged, "another than the one that was opened")
	})
	t.Run("no key", func(t *testing.T) {
		h := newHSM(t)
		h.put(newEC(t, elliptic.P256()), "k", "01")
		k := openKey(t, h.uri("token=audits;object=k"), keys.Options{})
		h.tool("--delete-object", "--type", "privkey", "--label", "k", "--id", "01")
		wantReason(t, sign(t, k), keys.KeyChanged, "0 private keys")
	})
	t.Run("another token", func(t *testing.T) {
		h := newHSM(t)
		h.put(newEC(t, elliptic.P256()), "k", "01")
		k := openKey(t, h.uri("token=audits;object=k"), keys.Options{})
		h.pull()
		if err := os.Mkdir(h.tokens, 0o700); err != nil {
			t.Fatal(err)
		}
		h.token("audits") // the same label, another serial
		h.put(newEC(t, elliptic.P256()), "k", "01")
		wantReason(t, sign(t, k), keys.TokenLost, "no slot of the module has it")
	})
}

// TestTokenPINChanges: the PIN that the key was opened with is wrong now.
func TestTokenPINChanges(t *testing.T) {
	h := newHSM(t)
	h.put(newEC(t, elliptic.P256()), "k", "01")
	k := openKey(t, h.uri("token=audits;object=k"), keys.Options{})
	if err := sign(t, k); err != nil {
		t.Fatal(err)
	}
	h.tool("--change-pin", "--new-pin", "4321")
	other := pkcs11.New(h.module)
	defer other.Destroy()
	if err := other.Finalize(); err != nil {
		t.Fatal(err)
	}
	var err error
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if err = sign(t, k); !keys.Is(err, keys.TokenLost) || time.Now().After(deadline) {
			break
		}
	}
	wantReason(t, err, keys.WrongPIN, "not tried again")
	h.toolPIN("4321", "--change-pin", "--new-pin", pin)
	wantReason(t, sign(t, k), keys.WrongPIN, "not tried again")
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if err := sign(t, openKey(t, h.uri("token=audits;object=k"), keys.Options{})); err != nil {
		t.Errorf("opened anew: %v", err)
	}
}
