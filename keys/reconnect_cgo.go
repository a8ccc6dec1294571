//go:build cgo && !nopkcs11

package keys

import (
	"context"
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"
)

// reconnect logs in again. Of those who ask at once one does it, and the others take
// what comes out.
func (t *openToken) reconnect(ctx context.Context, restart bool) error {
	before := t.attempt()
	select {
	case t.repair <- struct{}{}:
	case <-ctx.Done():
		return errBusy
	}
	defer func() { <-t.repair }()
	t.mu.Lock()
	linked, refused, attempts, failure := t.link != nil, t.refused, t.attempts, t.failure
	t.mu.Unlock()
	switch {
	case refused != nil:
		return refused
	case attempts != before && failure != nil:
		return failure
	case linked:
		return nil
	}
	l, err := t.find(ctx)
	if err != nil && !t.isFinal(err) || err == nil && restart {
		if again := t.module.restart(ctx, t); again == nil {
			l, err = t.find(ctx)
		} else if err != nil {
			err = fmt.Errorf("%w (%w)", err, again)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.attempts, t.failure = t.attempts+1, err
	if err != nil {
		return err
	}
	t.link = l
	return nil
}

func (t *openToken) attempt() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.attempts
}

// isFinal reports whether restarting the module would not help.
func (t *openToken) isFinal(err error) bool {
	return errors.Is(err, errBusy) || Is(err, WrongPIN) || Is(err, LockedPIN)
}

// find looks for the token that was opened, in whatever slot, and logs in.
func (t *openToken) find(ctx context.Context) (*link, error) {
	if err := t.module.enter(ctx); err != nil {
		return nil, errBusy
	}
	defer t.module.leave()
	now, err := t.again()
	if err != nil {
		return nil, err
	}
	if len(t.pin) > 0 {
		if err := t.mayTry("", now.flags); err != nil {
			return nil, err
		}
	}
	l, err := t.connect(now)
	if isRefusedPIN(err) {
		return nil, t.refusePIN("", err)
	}
	return l, err
}

// mayTry refuses to hand the PIN that the key was opened with to a token that says it would
// be the last try.
func (t *openToken) mayTry(name string, flags uint) error {
	switch {
	case flags&pkcs11.CKF_USER_PIN_LOCKED != 0:
		return refuse(LockedPIN, name, "token %s takes no PIN any more: its security officer has to reset it", t.found)
	case flags&pkcs11.CKF_USER_PIN_FINAL_TRY != 0:
		// Somebody has tried others meanwhile, or changed it: not without a person.
		return refuse(LockedPIN, name, "token %s has one try for its PIN left, which is not risked: log in by hand first", t.found)
	}
	return nil
}

// again returns the same token as it is now. The PIN goes to no other: not to one that
// has only the label.
func (t *openToken) again() (token, error) {
	all, err := t.module.tokens("")
	if err != nil {
		return token{}, errors.Unwrap(err)
	}
	for _, one := range all {
		if one.looksLike(t.found) && one.uniqueSerial == t.found.uniqueSerial && (one.uniqueSerial || one.slot == t.found.slot) {
			return one, nil
		}
	}
	return token{}, errors.New("no slot of the module has it")
}

func isRefusedPIN(err error) bool {
	return isCode(err, pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_INVALID, pkcs11.CKR_PIN_LEN_RANGE, pkcs11.CKR_PIN_LOCKED, pkcs11.CKR_PIN_EXPIRED)
}

// refusePIN makes sure that a PIN that was refused is never tried again: the next try
// could be the one that locks the token.
func (t *openToken) refusePIN(name string, err error) error {
	e := loginError(name, t.found, err)
	e.Key, e.Detail = name, "token "+t.found.String()+": the PIN that the key was opened with is not tried again; open it anew"
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refused == nil {
		t.refused = e
	}
	return e
}
