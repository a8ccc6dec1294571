//go:build cgo && !nopkcs11

package keys

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/url"
	"strconv"
	"sync"

	"github.com/miekg/pkcs11"
	"go.step.sm/crypto/kms/apiv1"
	stepkms "go.step.sm/crypto/kms/pkcs11"
	stepuri "go.step.sm/crypto/kms/uri"
)

// modules is the state of the C libraries in this process, which is why it is one
// for the process: C_Initialize and C_Finalize work on all of it, and so does a
// login. Whoever loads, ends or searches a module holds the lock; signing does not.
var modules = struct {
	sync.Mutex
	open map[tokenID]*openToken
}{open: map[tokenID]*openToken{}}

type tokenID struct {
	module, serial string
	slot           uint
}

// openToken is a token that is logged in to, with its pool of sessions. The keys that
// are open on it share it: two pools would run into the token's bound on sessions,
// and the login is the process's anyway.
type openToken struct {
	id     tokenID
	kms    *stepkms.PKCS11
	secret [sha256.Size]byte // digest of the PIN
	keys   int
}

func openPKCS11(ctx context.Context, uri string, o Options) (Key, error) {
	u, err := parseURI(uri)
	if err != nil {
		return nil, err
	}
	path := modulePath(u)
	t, err := findToken(path, uri, u)
	if err != nil {
		return nil, err
	}
	// Without the lock: a person may be asked.
	pin, err := findPIN(uri, u, t, o)
	if err != nil {
		return nil, err
	}
	modules.Lock()
	defer modules.Unlock()
	opened, err := acquire(ctx, path, uri, t, pin)
	if err != nil {
		return nil, err
	}
	key, err := opened.key(uri, u, pin)
	if err != nil {
		opened.release()
		return nil, err
	}
	return key, nil
}

func findToken(path, uri string, u pkcs11URI) (token, error) {
	modules.Lock()
	defer modules.Unlock()
	m, err := loadModule(path, uri)
	if err != nil {
		return token{}, err
	}
	defer m.unload()
	return m.token(uri, u)
}

// findPIN returns the PIN; empty if the token wants no login. It comes from the URI
// or from a person, never from both, and is asked for only when the token is known.
func findPIN(uri string, u pkcs11URI, t token, o Options) (string, error) {
	switch {
	case t.has(pkcs11.CKF_USER_PIN_LOCKED):
		return "", refuse(LockedPIN, Redact(uri), "token %s takes no PIN any more: its security officer has to reset it", t)
	case !t.has(pkcs11.CKF_LOGIN_REQUIRED):
		return "", nil
	case u.pinValue != "":
		return u.pinValue, nil
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

// acquire returns the token, logged in; modules is locked.
func acquire(ctx context.Context, path, uri string, t token, pin string) (*openToken, error) {
	id := tokenID{path, t.serial, t.slot}
	secret := sha256.Sum256([]byte(pin))
	if opened := modules.open[id]; opened != nil {
		// The token would take any PIN now: the process is logged in already.
		if opened.secret != secret {
			return nil, refuse(WrongPIN, Redact(uri), "token %s is open with another PIN", t)
		}
		opened.keys++
		return opened, nil
	}
	values := url.Values{"module-path": {path}}
	if t.uniqueSerial {
		values.Set("serial", t.serial)
	} else {
		values.Set("slot-id", strconv.FormatUint(uint64(t.slot), 10))
	}
	kms, err := stepkms.New(ctx, apiv1.Options{Type: apiv1.PKCS11, URI: stepuri.New(schemePKCS11, values).String(), Pin: pin})
	if err != nil {
		return nil, loginError(uri, t, err)
	}
	opened := &openToken{id: id, kms: kms, secret: secret, keys: 1}
	modules.open[id] = opened
	return opened, nil
}

func loginError(uri string, t token, err error) error {
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

// release gives one key's share back; modules is locked.
func (t *openToken) release() error {
	if t.keys--; t.keys > 0 {
		return nil
	}
	delete(modules.open, t.id)
	return t.kms.Close()
}

// key finds the one private key on an open token; modules is locked.
func (t *openToken) key(uri string, u pkcs11URI, pin string) (Key, error) {
	m, err := loadModule(t.id.module, uri)
	if err != nil {
		return nil, err
	}
	defer m.unload()
	// Again: the module was ended and started since, and may have numbered its slots anew.
	described, err := m.token(uri, u)
	if err != nil {
		return nil, err
	}
	found, err := m.keys(described.slot, pkcs11.CKO_PRIVATE_KEY, u)
	if err != nil {
		return nil, &Error{Reason: NoKey, Key: Redact(uri), Detail: "token " + described.String(), Err: err}
	}
	if len(found) != 1 {
		return nil, m.wrongNumber(uri, described, found)
	}
	if found[0].unusable != "" {
		return nil, refuse(BadKey, Redact(uri), "%s: %s", found[0], found[0].unusable)
	}
	signer, err := t.signer(uri, found[0])
	if err != nil {
		return nil, err
	}
	k := &tokenKey{Signer: signer, token: t, name: Redact(uri)}
	if found[0].alwaysLogin {
		asking, err := newAskingSigner(uri, t.id.module, described.slot, found[0], signer.Public(), pin)
		if err != nil {
			return nil, err
		}
		k.Signer, k.after = asking, asking.close
	}
	return k, nil
}

// wrongNumber says that no key matches, and which there are, or that several do.
func (m *module) wrongNumber(uri string, t token, found []object) error {
	if len(found) > 1 {
		return refuse(Ambiguous, Redact(uri), "%d private keys on token %s match; name one by object and id: %s", len(found), t, enumerate(found))
	}
	all, err := m.keys(t.slot, pkcs11.CKO_PRIVATE_KEY, pkcs11URI{})
	switch {
	case err != nil:
		return &Error{Reason: NoKey, Key: Redact(uri), Detail: "no private key on token " + t.String() + " matches", Err: err}
	case len(all) == 0:
		return refuse(NoKey, Redact(uri), "token %s holds no private key", t)
	}
	return refuse(NoKey, Redact(uri), "no private key on token %s matches; there is %s", t, enumerate(all))
}

// signer has go.step.sm/crypto find the same key again, and its public half.
func (t *openToken) signer(uri string, o object) (crypto.Signer, error) {
	values := url.Values{}
	if len(o.id) > 0 {
		values.Set("id", "0x"+hex.EncodeToString(o.id))
	}
	if o.label != "" {
		values.Set("object", o.label)
	}
	if len(values) == 0 {
		return nil, refuse(BadKey, Redact(uri), "it has neither label nor id: give it one")
	}
	signer, err := t.kms.CreateSigner(&apiv1.CreateSignerRequest{SigningKey: stepuri.New(schemePKCS11, values).String()})
	if err != nil {
		return nil, &Error{Reason: BadKey, Key: Redact(uri), Detail: o.String() + " (is its public half on the token?)", Err: err}
	}
	switch signer.Public().(type) {
	case *ecdsa.PublicKey, *rsa.PublicKey:
		return signer, nil
	}
	return nil, refuse(BadKey, Redact(uri), "%s: RSA and ECDSA keys sign here", o)
}

// tokenKey is a private key on a token.
type tokenKey struct {
	crypto.Signer
	token *openToken
	after func() // what else Close has to do; may be nil
	name  string

	use    sync.RWMutex // held to read while signing, so that Close waits
	closed bool
}

// Sign signs a digest and checks the signature: the public half was found by label and
// id alone, and a token can be broken.
func (k *tokenKey) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	k.use.RLock()
	defer k.use.RUnlock()
	if k.closed {
		return nil, refuse(Closed, k.name, "the key was closed")
	}
	if hash := opts.HashFunc(); hash == 0 || len(digest) != hash.Size() {
		return nil, refuse(NotADigest, k.name, "a digest is wanted, with the hash that made it")
	}
	sig, err := k.Signer.Sign(random, digest, opts)
	if err != nil {
		return nil, &Error{Reason: SigningFailed, Key: k.name, Err: err}
	}
	if err := verifyDigest(k.Public(), digest, sig, opts); err != nil {
		return nil, &Error{Reason: BadSignature, Key: k.name, Detail: "does the token's public key belong to another private key?", Err: err}
	}
	return sig, nil
}

func (k *tokenKey) Close() error {
	k.use.Lock()
	defer k.use.Unlock()
	if k.closed {
		return nil
	}
	k.closed = true
	if k.after != nil {
		k.after()
	}
	modules.Lock()
	defer modules.Unlock()
	return k.token.release()
}
