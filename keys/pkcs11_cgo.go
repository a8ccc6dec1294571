//go:build cgo && !nopkcs11

package keys

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"
	"io"
	"math/big"
	"sync"

	"github.com/miekg/pkcs11"
)

func openPKCS11(ctx context.Context, uri string, o Options) (Key, error) {
	return process.open(ctx, uri, o)
}

func (r *registry) open(ctx context.Context, uri string, o Options) (Key, error) {
	u, err := parseURI(uri)
	if err != nil {
		return nil, err
	}
	opened, err := r.logIn(ctx, uri, u, o)
	if err != nil {
		return nil, err
	}
	var key Key
	err = opened.use(Redact(uri), func(l *link, s pkcs11.SessionHandle) error {
		key, err = opened.key(uri, u, l, s)
		return err
	})
	if err != nil {
		r.giveBack(opened)
		return nil, err
	}
	return key, nil
}

// logIn returns the one token that the URI names; give it back.
func (r *registry) logIn(ctx context.Context, uri string, u pkcs11URI, o Options) (*openToken, error) {
	t, err := r.findToken(ctx, uri, u)
	if err != nil {
		return nil, err
	}
	// Without the lock: a person may be asked.
	pin, err := findPIN(uri, u, t, o)
	if err != nil {
		return nil, err
	}
	var opened *openToken
	err = r.with(ctx, uri, u, func(m *module) error {
		// Again: the module was ended and started since, and may have numbered its slots anew.
		now, err := m.token(uri, u)
		if err == nil && !now.looksLike(t) {
			err = refuse(NoToken, Redact(uri), "token %s is there now, and the PIN is for %s: try again with one of them", now, t)
		}
		if err == nil {
			err = lastTry(uri, u, now, o)
		}
		if err == nil {
			opened, err = r.acquire(m, uri, now, pin)
		}
		return err
	})
	return opened, err
}

func (r *registry) giveBack(t *openToken) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t.release()
}

// with runs f while the module is loaded and registry.mu held, having entered it.
func (r *registry) with(ctx context.Context, uri string, u pkcs11URI, f func(*module) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, err := r.module(modulePath(u), uri)
	if err != nil {
		return err
	}
	defer m.release()
	ctx, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	m.revive(ctx)
	if err := m.enter(ctx); err != nil {
		return &Error{Reason: Busy, Key: Redact(uri), Detail: "the module is being restarted", Err: err}
	}
	defer m.leave()
	return f(m)
}

func (r *registry) findToken(ctx context.Context, uri string, u pkcs11URI) (t token, err error) {
	err = r.with(ctx, uri, u, func(m *module) error {
		t, err = m.token(uri, u)
		return err
	})
	return t, err
}

// findPIN returns the PIN; empty if the token wants no login. It comes from the URI
// or from a person, never from both, and is asked for only when the token is known.
func findPIN(uri string, u pkcs11URI, t token, o Options) (string, error) {
	switch {
	case t.has(pkcs11.CKF_USER_PIN_LOCKED):
		return "", refuse(LockedPIN, Redact(uri), "token %s takes no PIN any more: its security officer has to reset it", t)
	case !t.has(pkcs11.CKF_LOGIN_REQUIRED):
		return "", nil
	case lastTry(uri, u, t, o) != nil:
		return "", lastTry(uri, u, t, o)
	case u.pinValue != "":
		return checkPIN(uri, u.pinValue)
	case u.pinSource != "":
		return readPIN(uri, u.pinSource)
	case o.PIN == nil:
		return "", refuse(NoSecret, Redact(uri), "token %s wants a PIN: name a file that has it with pin-source", t)
	}
	pin, err := o.PIN(t.label)
	if err != nil {
		return "", &Error{Reason: NoSecret, Key: Redact(uri), Err: err}
	}
	defer clear(pin)
	return checkPIN(uri, string(pin))
}

// lastTry refuses to spend a token's last try on a PIN that nobody has typed: a service that
// is started again and again after the PIN was changed would lock the token.
func lastTry(uri string, u pkcs11URI, t token, o Options) error {
	if t.has(pkcs11.CKF_LOGIN_REQUIRED) && t.has(pkcs11.CKF_USER_PIN_FINAL_TRY) && (o.PINWritten || u.pinValue != "" || u.pinSource != "") {
		return refuse(LockedPIN, Redact(uri), "token %s has one try for its PIN left, which is not risked on a PIN that is written down: log in by hand first", t)
	}
	return nil
}

func loginError(uri string, t token, err error) *Error {
	var code pkcs11.Error
	refused := &Error{Reason: NoToken, Key: Redact(uri), Detail: "open token " + t.String(), Err: err}
	if !errors.As(err, &code) {
		return refused
	}
	switch code {
	case pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_INVALID, pkcs11.CKR_PIN_LEN_RANGE:
		refused.Reason, refused.Detail = WrongPIN, "token "+t.String()
		if t.has(pkcs11.CKF_USER_PIN_FINAL_TRY) {
			refused.Detail += ", which has locked itself if it counts"
		}
	case pkcs11.CKR_PIN_LOCKED, pkcs11.CKR_PIN_EXPIRED:
		refused.Reason = LockedPIN
	}
	return refused
}

// key finds the one private key.
func (t *openToken) key(uri string, u pkcs11URI, l *link, s pkcs11.SessionHandle) (Key, error) {
	m := t.module
	found, err := m.keysIn(s, pkcs11.CKO_PRIVATE_KEY, u)
	if err != nil {
		return nil, &Error{Reason: NoKey, Key: Redact(uri), Detail: "token " + t.found.String(), Err: err}
	}
	if len(found) != 1 {
		return nil, m.wrongNumber(uri, t.found, s, found)
	}
	o := found[0]
	switch {
	case o.unusable != "":
		return nil, refuse(BadKey, Redact(uri), "%s: %s", o, o.unusable)
	case o.label == "" && len(o.id) == 0:
		return nil, refuse(BadKey, Redact(uri), "it has neither label nor id: give it one")
	}
	public, err := m.publicKeys(s, o)
	if err != nil || len(public) == 0 {
		return nil, &Error{Reason: BadKey, Key: Redact(uri), Detail: o.String() + " (is its public half on the token?)", Err: err}
	}
	k := &tokenKey{token: t, object: o, public: public[0], name: Redact(uri)}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.handles[k] = o.handle
	return k, nil
}

// wrongNumber says that no key matches, and which there are, or that several do.
func (m *module) wrongNumber(uri string, t token, s pkcs11.SessionHandle, found []object) error {
	if len(found) > 1 {
		return refuse(Ambiguous, Redact(uri), "%d private keys on token %s match; name one by object and id: %s", len(found), t, enumerate(found))
	}
	all, err := m.keysIn(s, pkcs11.CKO_PRIVATE_KEY, pkcs11URI{})
	switch {
	case err != nil:
		return &Error{Reason: NoKey, Key: Redact(uri), Detail: "no private key on token " + t.String() + " matches", Err: err}
	case len(all) == 0:
		return refuse(NoKey, Redact(uri), "token %s holds no private key", t)
	}
	return refuse(NoKey, Redact(uri), "no private key on token %s matches; there is %s", t, enumerate(all))
}

// tokenKey is a private key on a token.
type tokenKey struct {
	token  *openToken
	object object // as it was when it was opened; the handle may change
	public crypto.PublicKey
	name   string

	use    sync.RWMutex // held to read while signing, so that Close waits
	closed bool
}

func (k *tokenKey) Public() crypto.PublicKey { return k.public }

// Sign signs a digest and checks the signature: the public half was found by label and
// id alone, and a token can be broken. While the token is away it fails with TokenLost.
func (k *tokenKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	k.use.RLock()
	defer k.use.RUnlock()
	if k.closed {
		return nil, refuse(Closed, k.name, "the key was closed")
	}
	if hash := opts.HashFunc(); hash == 0 || len(digest) != hash.Size() {
		return nil, refuse(NotADigest, k.name, "a digest is wanted, with the hash that made it")
	}
	mechanism, input, err := signatureInput(k.public, digest, opts)
	if err != nil {
		return nil, &Error{Reason: SigningFailed, Key: k.name, Err: err}
	}
	var sig []byte
	err = k.token.use(k.name, func(l *link, s pkcs11.SessionHandle) error {
		handle, err := k.handle(l, s)
		if err != nil {
			return err
		}
		sig, err = k.signIn(l, s, handle, mechanism, input)
		return err
	})
	if err != nil {
		return nil, err
	}
	if _, ok := k.public.(*ecdsa.PublicKey); ok {
		if sig, err = joinedECDSA(sig); err != nil {
			return nil, &Error{Reason: BadSignature, Key: k.name, Err: err}
		}
	}
	if err := verifyDigest(k.public, digest, sig, opts); err != nil {
		return nil, &Error{Reason: BadSignature, Key: k.name, Detail: "does the token's public key belong to another private key?", Err: err}
	}
	return sig, nil
}

// signIn signs. A key that wants the PIN again for each signature
// (CKA_ALWAYS_AUTHENTICATE, PKCS #11 v2.40 §4.4) is told it: the signature slot of PIV
// cards, such as 9c of a YubiKey.
func (k *tokenKey) signIn(l *link, s pkcs11.SessionHandle, handle pkcs11.ObjectHandle, mechanism *pkcs11.Mechanism, input []byte) ([]byte, error) {
	ctx := k.token.module.ctx
	if err := ctx.SignInit(s, []*pkcs11.Mechanism{mechanism}, handle); err != nil {
		return nil, err
	}
	if k.object.alwaysLogin {
		if refused := k.token.pinRefused(); refused != nil {
			return nil, refused
		}
		info, err := ctx.GetTokenInfo(l.slot)
		if err == nil {
			err = k.token.mayTry(k.name, info.Flags)
		}
		if err != nil {
			return nil, err
		}
		if err := ctx.Login(s, pkcs11.CKU_CONTEXT_SPECIFIC, string(k.token.pin)); err != nil {
			return nil, err
		}
	}
	return ctx.Sign(s, input)
}

// handle returns the key's handle in this login. After a new one the key is looked for
// again, and must be the same.
func (k *tokenKey) handle(l *link, s pkcs11.SessionHandle) (pkcs11.ObjectHandle, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h, ok := l.handles[k]; ok {
		return h, nil
	}
	m := k.token.module
	found, err := m.keysIn(s, pkcs11.CKO_PRIVATE_KEY, pkcs11URI{object: k.object.label, id: k.object.id})
	if err != nil {
		return 0, err
	}
	if len(found) != 1 {
		return 0, refuse(KeyChanged, k.name, "%d private keys have the label and id of the one that was opened (%s)", len(found), k.object)
	}
	public, err := m.publicKeys(s, found[0])
	if err != nil {
		return 0, err
	}
	for _, one := range public {
		if samePublic(one, k.public) {
			l.handles[k] = found[0].handle
			return found[0].handle, nil
		}
	}
	return 0, refuse(KeyChanged, k.name, "the key that now has this label and id is another than the one that was opened (%s)", k.object)
}

// Close waits for signatures that are being made.
func (k *tokenKey) Close() error {
	k.use.Lock()
	defer k.use.Unlock()
	if k.closed {
		return nil
	}
	k.closed = true
	r := k.token.module.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := k.token.working(); l != nil {
		l.mu.Lock()
		delete(l.handles, k)
		l.mu.Unlock()
	}
	k.token.release()
	return nil
}

// joinedECDSA turns r and s as a token returns them, of the same length, into ASN.1 DER.
func joinedECDSA(sig []byte) ([]byte, error) {
	if len(sig) == 0 || len(sig)%2 != 0 {
		return nil, errors.New("an ECDSA signature of odd length")
	}
	half := len(sig) / 2
	return marshalECDSA(new(big.Int).SetBytes(sig[:half]), new(big.Int).SetBytes(sig[half:]))
}

// samePublic compares public keys of any kind.
func samePublic(a, b crypto.PublicKey) bool {
	switch p := a.(type) {
	case *ecdsa.PublicKey:
		return p.Equal(b)
	case *rsa.PublicKey:
		return p.Equal(b)
	}
	return false
}
