//go:build cgo && !nopkcs11

package keys

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"
)

func generatePKCS11(ctx context.Context, uri string, o Options, a Algorithm) (Generated, error) {
	return process.generate(ctx, uri, o, a)
}

// generatedID is the length of a random CKA_ID: two of 8 bytes do not meet by chance.
const generatedID = 8

func (r *registry) generate(ctx context.Context, uri string, o Options, a Algorithm) (Generated, error) {
	u, err := parseURI(uri)
	if err != nil {
		return Generated{}, err
	}
	if u.object == "" {
		return Generated{}, refuse(BadURI, Redact(uri), "object=… has to say what the key is to be called")
	}
	if len(u.id) == 0 {
		u.id = make([]byte, generatedID)
		rand.Read(u.id) // never fails (crypto/rand.Read documents it)
	}
	opened, err := r.logIn(ctx, uri, u, o)
	if err != nil {
		return Generated{}, err
	}
	defer r.giveBack(opened)
	opened.making.Lock() // what is looked for and not found is made
	defer opened.making.Unlock()
	err = opened.use(Redact(uri), func(l *link, _ pkcs11.SessionHandle) error {
		return opened.make(uri, u, a, l)
	})
	if err != nil {
		return Generated{}, err
	}
	public, err := r.prove(uri, u, opened)
	if err != nil {
		return Generated{}, err
	}
	u.pinValue = ""
	return Generated{URI: u.String(), Kind: Kind(public), Public: public}, nil
}

// prove finds the new key as Open does, and signs with it, which verifies.
func (r *registry) prove(uri string, u pkcs11URI, opened *openToken) (public crypto.PublicKey, err error) {
	var key Key
	err = opened.use(Redact(uri), func(l *link, s pkcs11.SessionHandle) error {
		key, err = opened.key(uri, pkcs11URI{object: u.object, id: u.id}, l, s)
		return err
	})
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	opened.keys++ // the key's own share, which Close gives back
	r.mu.Unlock()
	digest := sha256.Sum256([]byte(firstMessage))
	if _, err := key.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
		return nil, notMade(uri, "the key was made and does not sign", errors.Join(err, key.Close()))
	}
	return key.Public(), key.Close()
}

// make makes the pair, in a session that may write.
func (t *openToken) make(uri string, u pkcs11URI, a Algorithm, l *link) error {
	ctx := t.module.ctx
	s, err := ctx.OpenSession(l.slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		return notMade(uri, "open token "+t.found.String()+" for writing", err)
	}
	defer ctx.CloseSession(s)
	if err := t.isFree(uri, u, s); err != nil {
		return err
	}
	mechanism, public, private := pairTemplates(u, a)
	pub, priv, err := ctx.GenerateKeyPair(s, []*pkcs11.Mechanism{mechanism}, public, private)
	if err != nil {
		return notMade(uri, "token "+t.found.String(), err)
	}
	if err := t.check(s, priv, u, a); err != nil {
		return notMade(uri, "the key was destroyed again", errors.Join(err, ctx.DestroyObject(s, priv), ctx.DestroyObject(s, pub)))
	}
	return nil
}

func notMade(uri, detail string, err error) error {
	return &Error{Reason: NotMade, Key: Redact(uri), Detail: detail, Err: err}
}

// isFree refuses a label or id that any key or certificate of the token has.
func (t *openToken) isFree(uri string, u pkcs11URI, s pkcs11.SessionHandle) error {
	for _, named := range [][]*pkcs11.Attribute{
		{pkcs11.NewAttribute(pkcs11.CKA_LABEL, u.object)}, {pkcs11.NewAttribute(pkcs11.CKA_ID, u.id)},
	} {
		found, err := t.module.find(s, named)
		if err != nil {
			return notMade(uri, "token "+t.found.String(), err)
		}
		if len(found) > 0 {
			return refuse(Exists, Redact(uri), "token %s has %d objects of the label %s or the id %x: choose another name", t.found, len(found), quote(u.object), u.id)
		}
	}
	return nil
}

// pairTemplates are those of a key that signs, and does nothing else.
func pairTemplates(u pkcs11URI, a Algorithm) (m *pkcs11.Mechanism, public, private []*pkcs11.Attribute) {
	attribute := pkcs11.NewAttribute
	named := func() []*pkcs11.Attribute {
		return []*pkcs11.Attribute{attribute(pkcs11.CKA_TOKEN, true), attribute(pkcs11.CKA_LABEL, u.object), attribute(pkcs11.CKA_ID, u.id)}
	}
	public = append(named(), attribute(pkcs11.CKA_VERIFY, true), attribute(pkcs11.CKA_ENCRYPT, false), attribute(pkcs11.CKA_WRAP, false))
	private = append(named(), attribute(pkcs11.CKA_PRIVATE, true), attribute(pkcs11.CKA_SENSITIVE, true), attribute(pkcs11.CKA_EXTRACTABLE, false),
		attribute(pkcs11.CKA_SIGN, true), attribute(pkcs11.CKA_DECRYPT, false), attribute(pkcs11.CKA_UNWRAP, false), attribute(pkcs11.CKA_DERIVE, false))
	switch a {
	case RSA3072, RSA4096:
		bits := 3072
		if a == RSA4096 {
			bits = 4096
		}
		return pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN, nil),
			append(public, attribute(pkcs11.CKA_MODULUS_BITS, bits), attribute(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1})), private
	}
	curve := []byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07} // 1.2.840.10045.3.1.7
	if a == P384 {
		curve = []byte{0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22} // 1.3.132.0.34
	}
	return pkcs11.NewMechanism(pkcs11.CKM_EC_KEY_PAIR_GEN, nil), append(public, attribute(pkcs11.CKA_EC_PARAMS, curve)), private
}

// check reads back what the token made of the template, and that nobody else has made
// a key of the name at the same time.
func (t *openToken) check(s pkcs11.SessionHandle, private pkcs11.ObjectHandle, u pkcs11URI, a Algorithm) error {
	get := t.module.attributes(s, private)
	for _, one := range []struct {
		name string
		kind uint
		want byte
	}{
		{"CKA_SENSITIVE", pkcs11.CKA_SENSITIVE, 1}, {"CKA_EXTRACTABLE", pkcs11.CKA_EXTRACTABLE, 0}, {"CKA_NEVER_EXTRACTABLE", pkcs11.CKA_NEVER_EXTRACTABLE, 1},
		{"CKA_LOCAL", pkcs11.CKA_LOCAL, 1}, {"CKA_SIGN", pkcs11.CKA_SIGN, 1},
		{"CKA_DECRYPT", pkcs11.CKA_DECRYPT, 0}, {"CKA_UNWRAP", pkcs11.CKA_UNWRAP, 0},
	} {
		if v := get(one.kind); len(v) != 1 || v[0] != one.want {
			return fmt.Errorf("%s of the new key is %x, want %d", one.name, v, one.want)
		}
	}
	found, err := t.module.keysIn(s, pkcs11.CKO_PRIVATE_KEY, pkcs11URI{object: u.object, id: u.id})
	if err != nil {
		return err
	}
	if len(found) != 1 || found[0].kind != a.kind() {
		return fmt.Errorf("there are now %s, want one key of kind %s", enumerate(found), a.kind())
	}
	return nil
}
