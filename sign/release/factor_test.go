package release

import (
	"bytes"
	"errors"
	"testing"

	"github.com/hallmark-pki/hallmark/attest/sshsig"
	"github.com/hallmark-pki/hallmark/sign"
	"github.com/hallmark-pki/hallmark/store"
)

// enrol registers a person's key and has it confirmed.
func (w *world) enrol(who string, k key) store.Factor {
	w.t.Helper()
	f, err := w.s.AddFactor(w.t.Context(), w.person(who), "ssh", "laptop", k.public(), k.sign(SSHNamespace, FactorChallenge(who)))
	w.must(err)
	f, err = w.s.ConfirmFactor(w.t.Context(), w.person("olga"), f.ID)
	w.must(err)
	return f
}

// Where a policy wants a second factor, a vote without one, with somebody else's, with one
// that nobody confirmed or over another text does not count.
func TestSecondFactor(t *testing.T) {
	w := newWorld(t)
	p := app()
	p.Approvals, p.SecondFactor = 1, true
	w.set(p)
	a := w.ask(request("alice"))
	approve := func(who string, proof []byte) error {
		_, err := w.s.Approve(t.Context(), w.person(who), a.ID, "", proof)
		return err
	}
	bobs, carols := w.newKey("ed25519"), w.newKey("ecdsa", "-b", "256")
	wantCode(t, approve("bob", nil), sign.CodeFactor)
	text := Challenge(a, "bob")
	wantCode(t, approve("bob", bobs.sign(SSHNamespace, text)), sign.CodeFactor) // not registered
	f, err := w.s.AddFactor(t.Context(), w.person("bob"), "ssh", "laptop", bobs.public(), bobs.sign(SSHNamespace, FactorChallenge("bob")))
	w.must(err)
	wantCode(t, approve("bob", bobs.sign(SSHNamespace, text)), sign.CodeFactor) // not confirmed
	for who, want := range map[string]sign.Code{"bob": sign.CodeRole, "alice": sign.CodeRole} {
		_, err := w.s.ConfirmFactor(t.Context(), w.person(who), f.ID)
		wantCode(t, err, want)
	}
	_, err = w.s.ConfirmFactor(t.Context(), w.person("olga"), f.ID)
	w.must(err)
	w.enrol("carol", carols)
	for name, proof := range map[string][]byte{
		"carol's":        carols.sign(SSHNamespace, text),
		"another text":   bobs.sign(SSHNamespace, Challenge(a, "carol")),
		"for git":        bobs.sign("git", text),
		"not a proof":    []byte("yes"),
		"much too large": bytes.Repeat([]byte("x"), sshsig.MaxSignatureBytes+1),
	} {
		if err := approve("bob", proof); err == nil {
			t.Errorf("%s: taken", name)
		} else {
			wantCode(t, err, sign.CodeFactor)
		}
	}
	w.wantNo(request("alice"), sign.CodeApproval)
	w.must(approve("bob", bobs.sign(SSHNamespace, text)))
	w.wantUse(request("alice"))

	// A factor that is revoked takes back what was agreed to with it.
	a = w.ask(request("alice"))
	w.must(approve("bob", bobs.sign(SSHNamespace, Challenge(a, "bob"))))
	if _, err := w.s.RevokeFactor(t.Context(), w.person("carol"), f.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("carol revokes bob's: %v", err)
	}
	_, err = w.s.RevokeFactor(t.Context(), w.person("bob"), f.ID)
	w.must(err)
	w.wantNo(request("alice"), sign.CodeApproval)
	_, err = w.s.AddFactor(t.Context(), w.person("bob"), "ssh", "again", bobs.public(), bobs.sign(SSHNamespace, FactorChallenge("bob")))
	wantCode(t, err, sign.CodeFactor)

	// Policies are agreed to with a factor too.
	c, err := w.propose("alice", store.SigningPolicy{Vendor: "acme", Product: "app"})
	w.must(err)
	_, err = w.agree("carol", c)
	wantCode(t, err, sign.CodeFactor)
	c, err = w.s.Agree(t.Context(), w.person("carol"), c.ID, carols.sign(SSHNamespace, PolicyChallenge(c, "carol")))
	if err != nil || c.State != store.ChangeInForce {
		t.Errorf("%s, %v", c.State, err)
	}
}

func TestAddFactorRefuses(t *testing.T) {
	w := newWorld(t)
	k, other := w.newKey("rsa", "-b", "2048"), w.newKey("ed25519")
	add := func(kind, label string, public, proof []byte) error {
		_, err := w.s.AddFactor(t.Context(), w.person("bob"), kind, label, public, proof)
		return err
	}
	good := k.sign(SSHNamespace, FactorChallenge("bob"))
	wantCode(t, add("webauthn", "x", k.public(), good), sign.CodeFactor)
	wantCode(t, add("ssh", "", k.public(), good), sign.CodeRequest)
	wantCode(t, add("ssh", "x", []byte("ssh-rsa AAAA"), good), sign.CodeFactor)
	wantCode(t, add("ssh", "x", append([]byte(`command="x" `), k.public()...), good), sign.CodeFactor)
	wantCode(t, add("ssh", "x", append(k.public(), k.public()...), good), sign.CodeFactor)
	wantCode(t, add("ssh", "x", k.public(), other.sign(SSHNamespace, FactorChallenge("bob"))), sign.CodeFactor)
	wantCode(t, add("ssh", "x", k.public(), k.sign(SSHNamespace, FactorChallenge("carol"))), sign.CodeFactor)
	w.must(add("ssh", "x", k.public(), good))
	small := w.newKey("rsa", "-b", "1024")
	wantCode(t, add("ssh", "x", small.public(), small.sign(SSHNamespace, FactorChallenge("bob"))), sign.CodeFactor)
}
