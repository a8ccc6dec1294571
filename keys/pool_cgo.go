//go:build cgo && !nopkcs11

package keys

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"

	"github.com/miekg/pkcs11"
	"golang.org/x/sync/semaphore"
)

type tokenID struct {
	module, serial string
	slot           uint
}

// openToken is a token that is logged in to, with its pool of sessions. The keys that
// are open on it share it: two pools would run into the token's bound on sessions,
// and the login is the process's anyway.
//
// go.step.sm/crypto's pool is not used: a caller waits in it without limit, and once
// the token was away it hands out dead sessions for ever.
type openToken struct {
	id     tokenID
	module *module
	found  token // as it was when it was opened; the slot may change
	pin    []byte
	secret [sha256.Size]byte // digest of the PIN
	keys   int               // under registry.mu

	permits *semaphore.Weighted // one for each session
	making  sync.Mutex          // held while a key is made

	repair   chan struct{} // holds one value while somebody reconnects
	mu       sync.Mutex
	link     *link // nil: to be made
	attempts int   // of reconnecting
	failure  error // of the last attempt
	refused  error // the token refused the PIN: it is not tried again
}

// link is one login to a token and what depends on it. A token that was away has
// forgotten all of it.
type link struct {
	epoch  uint64 // of the module
	slot   uint
	anchor pkcs11.SessionHandle // stays open, since the login ends with the last session
	idle   chan pkcs11.SessionHandle

	mu      sync.Mutex
	handles map[*tokenKey]pkcs11.ObjectHandle
}

// acquire returns the token, logged in; registry.mu is held and the
// module entered.
func (r *registry) acquire(m *module, uri string, t token, pin string) (*openToken, error) {
	id := tokenID{m.path, t.serial, t.slot}
	secret := sha256.Sum256([]byte(pin))
	if opened := r.tokens[id]; opened != nil {
		// The token would take any PIN now: the process is logged in already.
		if opened.secret != secret {
			return nil, refuse(WrongPIN, Redact(uri), "token %s is open with another PIN", t)
		}
		opened.keys++
		return opened, nil
	}
	opened := &openToken{id: id, module: m, found: t, pin: []byte(pin), secret: secret, keys: 1,
		permits: semaphore.NewWeighted(poolSize(t)), repair: make(chan struct{}, 1)}
	l, err := opened.connect(t)
	if err != nil {
		clear(opened.pin)
		return nil, loginError(uri, t, err)
	}
	opened.link = l
	m.users++
	m.mu.Lock()
	m.open[opened] = true
	m.mu.Unlock()
	r.tokens[id] = opened
	return opened, nil
}

// poolSize is how many sessions sign at once: maxSessions, or what the token allows
// beside the anchor.
func poolSize(t token) int64 {
	if t.maxSessions == pkcs11.CK_EFFECTIVELY_INFINITE || t.maxSessions == pkcs11.CK_UNAVAILABLE_INFORMATION {
		return maxSessions
	}
	return int64(max(1, min(maxSessions, t.maxSessions-1)))
}

// release gives one key's share back; registry.mu is held, and nobody signs with the
// last key any more.
func (t *openToken) release() {
	if t.keys--; t.keys > 0 {
		return
	}
	r := t.module.registry
	delete(r.tokens, t.id)
	t.module.mu.Lock()
	delete(t.module.open, t)
	t.module.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), r.patience)
	defer cancel()
	if l := t.working(); l != nil && t.module.enter(ctx) == nil {
		t.drop(l)
		t.module.leave()
	}
	clear(t.pin)
	t.module.release()
}

// connect opens a session and logs in. The caller has entered the module.
func (t *openToken) connect(now token) (*link, error) {
	m := t.module
	anchor, err := m.ctx.OpenSession(now.slot, pkcs11.CKF_SERIAL_SESSION)
	if err != nil {
		return nil, err
	}
	if len(t.pin) > 0 {
		if err := m.ctx.Login(anchor, pkcs11.CKU_USER, string(t.pin)); err != nil && !isCode(err, pkcs11.CKR_USER_ALREADY_LOGGED_IN) {
			m.ctx.CloseSession(anchor)
			return nil, err
		}
	}
	return &link{epoch: m.epoch, slot: now.slot, anchor: anchor,
		idle: make(chan pkcs11.SessionHandle, maxSessions), handles: make(map[*tokenKey]pkcs11.ObjectHandle)}, nil
}

func (t *openToken) working() *link {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.link
}

// drop forgets a link, and closes its sessions where the module still knows them. The
// caller has entered the module. Who signs in one of its sessions closes that.
func (t *openToken) drop(l *link) {
	t.mu.Lock()
	mine := t.link == l
	if mine {
		t.link = nil
	}
	t.mu.Unlock()
	if !mine || l.epoch != t.module.epoch {
		return
	}
	for {
		select {
		case s := <-l.idle:
			t.module.ctx.CloseSession(s)
			continue
		default:
		}
		break
	}
	t.module.ctx.CloseSession(l.anchor)
}

// session returns a session of the pool, or a new one.
func (t *openToken) session(ctx context.Context, l *link) (pkcs11.SessionHandle, error) {
	select {
	case s := <-l.idle:
		return s, nil
	default:
	}
	s, err := t.module.ctx.OpenSession(l.slot, pkcs11.CKF_SERIAL_SESSION)
	if !isCode(err, pkcs11.CKR_SESSION_COUNT) {
		return s, err
	}
	// Others use the token's sessions up: make do with those that we have.
	select {
	case s := <-l.idle:
		return s, nil
	case <-ctx.Done():
		return 0, errBusy
	}
}

var errBusy = errors.New("all sessions with the token stayed in use")

// back returns a session after use. One in which something went wrong is closed: an
// operation may still be under way in it.
func (t *openToken) back(l *link, s pkcs11.SessionHandle, err error) {
	if err == nil && t.working() == l {
		select {
		case l.idle <- s:
			return
		default:
		}
	}
	t.module.ctx.CloseSession(s)
}

// use runs f in a session of its own, on a token that is logged in. If the token turns
// out to be gone, it is looked for again, and f with it; the last resort is to restart
// the module. Errors are *Error.
func (t *openToken) use(name string, f func(l *link, s pkcs11.SessionHandle) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), t.module.registry.patience)
	defer cancel()
	if err := t.permits.Acquire(ctx, 1); err != nil {
		return &Error{Reason: Busy, Key: name, Detail: "no session with the token came free", Err: err}
	}
	defer t.permits.Release(1)
	var err error
	for round := 0; ; round++ {
		if err = t.once(ctx, f); !isLost(err) && !errors.Is(err, errNoLink) {
			return t.plain(name, err)
		}
		if round == 2 {
			return t.lost(name, err)
		}
		// From the second time on, what the module says of the token is not believed.
		if failed := t.reconnect(ctx, round > 0); failed != nil {
			return t.lost(name, failed)
		}
	}
}

var errNoLink = errors.New("not logged in to the token")

func (t *openToken) once(ctx context.Context, f func(*link, pkcs11.SessionHandle) error) error {
	if err := t.module.enter(ctx); err != nil {
		return errBusy
	}
	defer t.module.leave()
	l := t.working()
	if l == nil {
		return errNoLink
	}
	if l.epoch != t.module.epoch { // restarted for another token
		t.drop(l)
		return errNoLink
	}
	s, err := t.session(ctx, l)
	if err == nil {
		err = f(l, s)
		t.back(l, s, err)
	}
	if isLost(err) {
		t.drop(l)
	}
	return err
}

// plain is an error of a token that is there.
func (t *openToken) plain(name string, err error) error {
	var refused *Error
	switch {
	case err == nil || errors.As(err, &refused):
		return err
	case errors.Is(err, errBusy):
		return &Error{Reason: Busy, Key: name, Err: err}
	case isRefusedPIN(err):
		return t.refusePIN(name, err)
	}
	return &Error{Reason: SigningFailed, Key: name, Err: err}
}

func (t *openToken) lost(name string, err error) error {
	var refused *Error
	switch {
	case errors.Is(err, errBusy):
		return &Error{Reason: Busy, Key: name, Err: err}
	case errors.As(err, &refused):
		return &Error{Reason: refused.Reason, Key: name, Detail: refused.Detail, Err: refused.Err}
	}
	return &Error{Reason: TokenLost, Key: name, Detail: "token " + t.found.String() + " is away", Err: err}
}

// pinRefused is the refusal that ended all tries with the PIN, or nil.
func (t *openToken) pinRefused() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.refused
}
