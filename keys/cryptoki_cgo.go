//go:build cgo && !nopkcs11

package keys

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/miekg/pkcs11"
	"golang.org/x/sync/semaphore"
)

// cryptoki is what this package calls of a PKCS #11 module; *pkcs11.Ctx is one. Tests
// put errors in between that no module here produces.
type cryptoki interface {
	Initialize(...pkcs11.InitializeOption) error
	Finalize() error
	Destroy()
	GetSlotList(tokenPresent bool) ([]uint, error)
	GetTokenInfo(slot uint) (pkcs11.TokenInfo, error)
	OpenSession(slot, flags uint) (pkcs11.SessionHandle, error)
	CloseSession(pkcs11.SessionHandle) error
	Login(session pkcs11.SessionHandle, user uint, pin string) error
	Logout(pkcs11.SessionHandle) error
	FindObjectsInit(pkcs11.SessionHandle, []*pkcs11.Attribute) error
	FindObjects(session pkcs11.SessionHandle, most int) ([]pkcs11.ObjectHandle, bool, error)
	FindObjectsFinal(pkcs11.SessionHandle) error
	GetAttributeValue(pkcs11.SessionHandle, pkcs11.ObjectHandle, []*pkcs11.Attribute) ([]*pkcs11.Attribute, error)
	SignInit(pkcs11.SessionHandle, []*pkcs11.Mechanism, pkcs11.ObjectHandle) error
	Sign(session pkcs11.SessionHandle, input []byte) ([]byte, error)
	GenerateKeyPair(session pkcs11.SessionHandle, m []*pkcs11.Mechanism, public, private []*pkcs11.Attribute) (pkcs11.ObjectHandle, pkcs11.ObjectHandle, error)
	DestroyObject(pkcs11.SessionHandle, pkcs11.ObjectHandle) error
}

// registry is the state of the C libraries in this process, which is why the process
// has one: C_Initialize and C_Finalize work on all of it, and so does a login.
type registry struct {
	load     func(path string) cryptoki // nil: cannot be loaded
	now      func() time.Time
	patience time.Duration // signPatience

	mu      sync.Mutex // held by whoever opens, closes or lists; signing does not hold it
	modules map[string]*module
	tokens  map[tokenID]*openToken
}

var process = newRegistry(func(path string) cryptoki {
	if ctx := pkcs11.New(path); ctx != nil {
		return ctx
	}
	return nil
})

func newRegistry(load func(path string) cryptoki) *registry {
	return &registry{load: load, now: time.Now, patience: signPatience,
		modules: make(map[string]*module), tokens: make(map[tokenID]*openToken)}
}

// module is a loaded and started PKCS #11 library. It ends with its last user.
type module struct {
	registry *registry
	ctx      cryptoki
	path     string
	ours     bool // started here, and so to be ended here
	users    int  // under registry.mu

	// calls is held for each call into the library, and whole by whoever restarts it:
	// what C_Finalize does to calls that are under way is undefined (PKCS #11 v2.40
	// §5.4). Unlike a sync.RWMutex it can be waited for with a limit.
	calls     *semaphore.Weighted
	epoch     uint64    // counts restarts; under calls
	restarted time.Time // under calls, whole

	mu   sync.Mutex
	open map[*openToken]bool
}

// manyCalls stands for the whole of module.calls.
const manyCalls = 1 << 30

// modulePath returns the library's path in one spelling, since a library that is
// loaded under two names is one library with one state.
func modulePath(u pkcs11URI) string {
	path := u.modulePath
	if path == "" {
		switch runtime.GOOS {
		case "darwin":
			return "p11-kit-proxy.dylib"
		case "windows":
			return "p11-kit-proxy.dll"
		}
		return "p11-kit-proxy.so"
	}
	if strings.ContainsRune(path, os.PathSeparator) {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real
		}
		if abs, err := filepath.Abs(path); err == nil {
			path = abs
		}
	}
	return path
}

// module returns the library, started, with one user more; registry.mu is held.
func (r *registry) module(path, uri string) (*module, error) {
	if m := r.modules[path]; m != nil {
		m.users++
		return m, nil
	}
	if strings.ContainsRune(path, os.PathSeparator) {
		if _, err := os.Stat(path); err != nil {
			return nil, &Error{Reason: NoModule, Key: Redact(uri), Err: err}
		}
	}
	ctx := r.load(path)
	if ctx == nil {
		return nil, refuse(NoModule, Redact(uri), "%s cannot be loaded, or is no PKCS #11 module", quote(path))
	}
	m := &module{registry: r, ctx: ctx, path: path, users: 1,
		calls: semaphore.NewWeighted(manyCalls), open: make(map[*openToken]bool)}
	if err := m.start(); err != nil {
		ctx.Destroy()
		return nil, &Error{Reason: NoModule, Key: Redact(uri), Detail: "start " + quote(path), Err: err}
	}
	r.modules[path] = m
	return m, nil
}

func (m *module) start() error {
	err := m.ctx.Initialize()
	m.ours = m.ours || err == nil
	if isCode(err, pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED) {
		return nil
	}
	return err
}

// release gives one user's share back; registry.mu is held.
func (m *module) release() {
	if m.users--; m.users > 0 {
		return
	}
	delete(m.registry.modules, m.path)
	if m.ours {
		// What it would report is about a module that we are done with.
		_ = m.ctx.Finalize()
	}
	m.ctx.Destroy()
}

// enter is called before calls into the library, and leave after them.
func (m *module) enter(ctx context.Context) error { return m.calls.Acquire(ctx, 1) }
func (m *module) leave()                          { m.calls.Release(1) }

// restart ends the library and starts it again, which is what some need to see a
// token that came back (SoftHSM2 reads its folder then). It takes the login of all
// their tokens away, so it is not done while another token of the library works, and
// not more often than restartPause.
func (m *module) restart(ctx context.Context, except *openToken) error {
	if m.othersWork(ctx, except) {
		return errors.New("the module is not restarted, since another token of it is at work")
	}
	if err := m.calls.Acquire(ctx, manyCalls); err != nil {
		return err
	}
	defer m.calls.Release(manyCalls)
	now := m.registry.now()
	if !m.restarted.IsZero() && now.Sub(m.restarted) < restartPause {
		return errors.New("the module was restarted a moment ago")
	}
	m.restarted = now
	if m.ours {
		_ = m.ctx.Finalize() // it may have ended already
	}
	m.epoch++
	return m.start()
}

// revive restarts a library that did not start again when a token was away.
func (m *module) revive(ctx context.Context) {
	if m.enter(ctx) != nil {
		return
	}
	_, err := m.ctx.GetSlotList(true)
	m.leave()
	if isCode(err, pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED) {
		_ = m.restart(ctx, nil) // the call that follows says what is wrong
	}
}

func (m *module) othersWork(ctx context.Context, except *openToken) bool {
	m.mu.Lock()
	var others []*openToken
	for t := range m.open {
		if t != except {
			others = append(others, t)
		}
	}
	m.mu.Unlock()
	if m.enter(ctx) != nil {
		return false
	}
	defer m.leave()
	for _, t := range others {
		if l := t.working(); l != nil {
			if info, err := m.ctx.GetTokenInfo(l.slot); err == nil && info.SerialNumber == t.found.serial {
				return true
			}
		}
	}
	return false
}

func isCode(err error, codes ...uint) bool {
	var code pkcs11.Error
	if !errors.As(err, &code) {
		return false
	}
	for _, one := range codes {
		if uint(code) == one {
			return true
		}
	}
	return false
}

// isLost reports whether an error means that the token, or the module's memory of our
// session with it, is gone. CKR_GENERAL_ERROR and CKR_FUNCTION_FAILED are what modules
// say that have no better word for a lost connection.
func isLost(err error) bool {
	return isCode(err, pkcs11.CKR_DEVICE_REMOVED, pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_TOKEN_NOT_PRESENT, pkcs11.CKR_TOKEN_NOT_RECOGNIZED,
		pkcs11.CKR_SLOT_ID_INVALID, pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_SESSION_CLOSED, pkcs11.CKR_USER_NOT_LOGGED_IN,
		pkcs11.CKR_OBJECT_HANDLE_INVALID, pkcs11.CKR_KEY_HANDLE_INVALID, pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED,
		pkcs11.CKR_OPERATION_NOT_INITIALIZED, pkcs11.CKR_GENERAL_ERROR, pkcs11.CKR_FUNCTION_FAILED)
}
