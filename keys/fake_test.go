//go:build cgo && !nopkcs11

package keys

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"encoding/binary"
	"slices"
	"sync"
	"testing"

	"github.com/miekg/pkcs11"
)

// fakeModule is a PKCS #11 module in memory, with tokens of one P-256 key each. It says
// what no module that can be had here says.
type fakeModule struct {
	cryptoki
	key *ecdsa.PrivateKey

	mu          sync.Mutex
	tokens      map[uint]*fakeToken // by slot
	sessions    map[pkcs11.SessionHandle]uint
	last        pkcs11.SessionHandle
	most        int // sessions that were open at once
	logins      int
	starts      int
	searched    map[pkcs11.SessionHandle][]pkcs11.ObjectHandle
	signed      chan struct{} // not nil: Sign waits for a value
	always      byte          // 1: the key wants the PIN for each signature
	sessionsMax int           // 0: no bound
}

type fakeToken struct {
	serial   string
	flags    uint
	loggedIn bool  // until its last session ends
	away     error // what every call about it says
	signErr  []error
	loginErr error
}

func newFakeModule(t *testing.T) *fakeModule {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &fakeModule{key: key, tokens: map[uint]*fakeToken{1: {serial: "aa", flags: fakeFlags}},
		sessions: make(map[pkcs11.SessionHandle]uint), searched: make(map[pkcs11.SessionHandle][]pkcs11.ObjectHandle)}
}

const fakeFlags = pkcs11.CKF_LOGIN_REQUIRED | pkcs11.CKF_TOKEN_INITIALIZED

// set changes the fake while it is in use.
func (f *fakeModule) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// forget ends all sessions, and with them the logins; the lock is held.
func (f *fakeModule) forget() {
	clear(f.sessions)
	for _, t := range f.tokens {
		t.loggedIn = false
	}
}

func (f *fakeModule) Initialize(...pkcs11.InitializeOption) error {
	f.set(func() { f.starts++ })
	return nil
}

func (f *fakeModule) Finalize() error { f.set(f.forget); return nil }
func (f *fakeModule) Destroy()        {}

func (f *fakeModule) GetSlotList(bool) ([]uint, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []uint
	for slot, t := range f.tokens {
		if t.away == nil {
			all = append(all, slot)
		}
	}
	slices.Sort(all)
	return all, nil
}

func (f *fakeModule) GetTokenInfo(slot uint) (pkcs11.TokenInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.tokens[slot]
	return pkcs11.TokenInfo{Label: "audits", SerialNumber: t.serial, Flags: t.flags, MaxSessionCount: uint(f.sessionsMax)}, t.away
}

func (f *fakeModule) OpenSession(slot, _ uint) (pkcs11.SessionHandle, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t := f.tokens[slot]; t.away != nil {
		return 0, t.away
	}
	if f.sessionsMax > 0 && len(f.sessions) >= f.sessionsMax {
		return 0, pkcs11.Error(pkcs11.CKR_SESSION_COUNT)
	}
	f.last++
	f.sessions[f.last] = slot
	f.most = max(f.most, len(f.sessions))
	return f.last, nil
}

// token returns the token of a session; the lock is held.
func (f *fakeModule) token(s pkcs11.SessionHandle) (*fakeToken, error) {
	slot, ok := f.sessions[s]
	if !ok {
		return nil, pkcs11.Error(pkcs11.CKR_SESSION_HANDLE_INVALID)
	}
	return f.tokens[slot], f.tokens[slot].away
}

func (f *fakeModule) CloseSession(s pkcs11.SessionHandle) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	slot, ok := f.sessions[s]
	if !ok {
		return pkcs11.Error(pkcs11.CKR_SESSION_HANDLE_INVALID)
	}
	delete(f.sessions, s)
	for _, other := range f.sessions {
		if other == slot {
			return nil
		}
	}
	f.tokens[slot].loggedIn = false
	return nil
}

func (f *fakeModule) Login(s pkcs11.SessionHandle, _ uint, _ string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.logins++
	t, err := f.token(s)
	if err == nil {
		err = t.loginErr
	}
	if err == nil {
		t.loggedIn = true
	}
	return err
}

func (f *fakeModule) FindObjectsInit(s pkcs11.SessionHandle, template []*pkcs11.Attribute) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, err := f.token(s)
	// The class, which is small: object 3 is the private key and 2 the public one.
	f.searched[s] = []pkcs11.ObjectHandle{pkcs11.ObjectHandle(ulong(template[0].Value))}
	return err
}

func (f *fakeModule) FindObjects(s pkcs11.SessionHandle, _ int) ([]pkcs11.ObjectHandle, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := f.searched[s]
	f.searched[s] = nil
	return found, false, nil
}

func (f *fakeModule) FindObjectsFinal(pkcs11.SessionHandle) error { return nil }

func (f *fakeModule) GetAttributeValue(_ pkcs11.SessionHandle, _ pkcs11.ObjectHandle, a []*pkcs11.Attribute) ([]*pkcs11.Attribute, error) {
	point, err := f.key.PublicKey.Bytes()
	if err != nil {
		return nil, err
	}
	wrapped, err := asn1.Marshal(point)
	if err != nil {
		return nil, err
	}
	value, ok := map[uint][]byte{
		pkcs11.CKA_LABEL: []byte("k"), pkcs11.CKA_ID: {1}, pkcs11.CKA_SIGN: {1}, pkcs11.CKA_ALWAYS_AUTHENTICATE: {f.always}, pkcs11.CKA_EC_POINT: wrapped,
		pkcs11.CKA_EC_PARAMS: {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07},
		pkcs11.CKA_KEY_TYPE:  binary.NativeEndian.AppendUint64(nil, pkcs11.CKK_EC),
	}[a[0].Type]
	if !ok {
		return nil, pkcs11.Error(pkcs11.CKR_ATTRIBUTE_TYPE_INVALID)
	}
	return []*pkcs11.Attribute{{Type: a[0].Type, Value: value}}, nil
}

func (f *fakeModule) SignInit(s pkcs11.SessionHandle, _ []*pkcs11.Mechanism, _ pkcs11.ObjectHandle) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	t, err := f.token(s)
	if err == nil && !t.loggedIn {
		err = pkcs11.Error(pkcs11.CKR_USER_NOT_LOGGED_IN)
	}
	if err == nil && len(t.signErr) > 0 {
		err, t.signErr = t.signErr[0], t.signErr[1:]
	}
	return err
}

func (f *fakeModule) Sign(_ pkcs11.SessionHandle, digest []byte) ([]byte, error) {
	f.mu.Lock()
	wait := f.signed
	f.mu.Unlock()
	if wait != nil {
		<-wait
	}
	r, s, err := ecdsa.Sign(rand.Reader, f.key, digest)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 64)
	r.FillBytes(out[:32])
	s.FillBytes(out[32:])
	return out, nil
}
