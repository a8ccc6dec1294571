//go:build cgo && !nopkcs11

package keys_test

import (
	"crypto"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"
)

const (
	pin   = "1234"
	soPIN = "87654321"
)

// softModule is where distributions put SoftHSM2.
func softModule(t *testing.T) string {
	t.Helper()
	for _, pattern := range []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/*/softhsm/libsofthsm2.so", "/usr/lib*/pkcs11/libsofthsm2.so"} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return found[0]
		}
	}
	t.Fatal("SoftHSM2 is not installed (test/setup test)")
	return ""
}

// hsm is a SoftHSM2 with tokens of its own.
type hsm struct {
	t      *testing.T
	module string
	pin    string // a file with the PIN
	tokens string // the folder of the tokens
}

// newHSM points SoftHSM2 to an empty folder, with one token: "audits".
func newHSM(t *testing.T) *hsm {
	t.Helper()
	dir := t.TempDir()
	tokens, conf := filepath.Join(dir, "tokens"), filepath.Join(dir, "softhsm2.conf")
	if err := os.Mkdir(tokens, 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, conf, "directories.tokendir = "+tokens+"\nobjectstore.backend = file\nlog.level = ERROR\n")
	t.Setenv("SOFTHSM2_CONF", conf)
	h := &hsm{t: t, module: softModule(t), pin: filepath.Join(dir, "pin"), tokens: tokens}
	writeFile(t, h.pin, pin+"\n")
	h.token("audits")
	return h
}

func (h *hsm) token(label string) {
	h.t.Helper()
	runTool(h.t, "softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", soPIN, "--pin", pin)
}

// put puts a key pair of ours on the token "audits".
func (h *hsm) put(key crypto.Signer, label, id string, more ...string) crypto.Signer {
	h.t.Helper()
	args := []string{"--import", writePEM(h.t, key), "--token", "audits", "--label", label, "--id", id, "--pin", pin}
	runTool(h.t, "softhsm2-util", append(args, more...)...)
	return key
}

func (h *hsm) tool(args ...string) {
	h.t.Helper()
	h.toolPIN(pin, args...)
}

func (h *hsm) toolPIN(pin string, args ...string) {
	h.t.Helper()
	runTool(h.t, "pkcs11-tool", append([]string{"--module", h.module, "--token-label", "audits", "--login", "--pin", pin}, args...)...)
}

// pull takes all tokens away, and plug brings them back.
func (h *hsm) pull() {
	h.t.Helper()
	if err := os.Rename(h.tokens, h.tokens+".away"); err != nil {
		h.t.Fatal(err)
	}
}

func (h *hsm) plug() {
	h.t.Helper()
	if err := os.Rename(h.tokens+".away", h.tokens); err != nil {
		h.t.Fatal(err)
	}
}

// uri names what path says, with the PIN from the file.
func (h *hsm) uri(path string) string {
	return "pkcs11:" + path + "?module-path=" + h.module + "&pin-source=" + h.pin
}

// asking is uri without a PIN.
func (h *hsm) asking(path string) string {
	before, _, _ := strings.Cut(h.uri(path), "&")
	return before
}

// putUnsigning makes a key on "audits" that may not sign. No tool sets CKA_SIGN to
// false, and SoftHSM2 takes true for granted.
func (h *hsm) putUnsigning(label string, id byte) {
	h.t.Helper()
	check := func(err error) {
		h.t.Helper()
		if err != nil {
			h.t.Fatal(err)
		}
	}
	ctx := pkcs11.New(h.module)
	defer ctx.Destroy()
	check(ctx.Initialize())
	defer ctx.Finalize()
	slots, err := ctx.GetSlotList(true)
	check(err)
	for _, slot := range slots {
		info, err := ctx.GetTokenInfo(slot)
		check(err)
		if info.Label != "audits" {
			continue
		}
		session, err := ctx.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
		check(err)
		check(ctx.Login(session, pkcs11.CKU_USER, pin))
		named := func(more ...*pkcs11.Attribute) []*pkcs11.Attribute {
			return append(more, pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
				pkcs11.NewAttribute(pkcs11.CKA_LABEL, label), pkcs11.NewAttribute(pkcs11.CKA_ID, []byte{id}))
		}
		p256 := []byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}
		_, _, err = ctx.GenerateKeyPair(session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_EC_KEY_PAIR_GEN, nil)},
			named(pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, p256)),
			named(pkcs11.NewAttribute(pkcs11.CKA_SIGN, false), pkcs11.NewAttribute(pkcs11.CKA_DERIVE, true)))
		check(err)
		return
	}
	h.t.Fatal("there is no token audits")
}
