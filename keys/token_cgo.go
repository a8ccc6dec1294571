//go:build cgo && !nopkcs11

package keys

import (
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/miekg/pkcs11"
)

// token is a token as it describes itself.
type token struct {
	slot                               uint
	label, manufacturer, model, serial string
	flags                              uint
	maxSessions                        uint // as the token says; 0 and all ones: no bound known
	uniqueSerial                       bool // among the module's tokens
}

func (t token) has(flag uint) bool { return t.flags&flag != 0 }

func (t token) String() string {
	return fmt.Sprintf("%s (serial %s, slot %d)", quote(t.label), quote(t.serial), t.slot)
}

// looksLike reports whether two tokens say the same of themselves, in whatever slot.
func (t token) looksLike(other token) bool {
	return t.label == other.label && t.serial == other.serial && t.manufacturer == other.manufacturer && t.model == other.model
}

// tokens lists the tokens that somebody has set up. A slot that does not answer is
// passed over: it is not the one that was asked for, or the error will say "none".
func (m *module) tokens(uri string) ([]token, error) {
	slots, err := m.ctx.GetSlotList(true)
	if err == nil && len(slots) > maxSlots {
		err = fmt.Errorf("%d slots, at most %d are looked at", len(slots), maxSlots)
	}
	if err != nil {
		return nil, &Error{Reason: NoModule, Key: Redact(uri), Detail: "list the slots of " + quote(m.path), Err: err}
	}
	var all []token
	serials := make(map[string]int)
	for _, slot := range slots {
		info, err := m.ctx.GetTokenInfo(slot)
		if err != nil {
			continue
		}
		serials[info.SerialNumber]++
		if info.Flags&pkcs11.CKF_TOKEN_INITIALIZED != 0 {
			all = append(all, token{slot: slot, label: info.Label, manufacturer: info.ManufacturerID,
				model: info.Model, serial: info.SerialNumber, flags: info.Flags, maxSessions: info.MaxSessionCount})
		}
	}
	for i := range all {
		all[i].uniqueSerial = all[i].serial != "" && serials[all[i].serial] == 1
	}
	return all, nil
}

func (t token) matches(u pkcs11URI) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	return is(u.token, t.label) && is(u.manufacturer, t.manufacturer) && is(u.model, t.model) &&
		is(u.serial, t.serial) && is(u.slotID, strconv.FormatUint(uint64(t.slot), 10))
}

// token returns the one token that the URI names.
func (m *module) token(uri string, u pkcs11URI) (token, error) {
	all, err := m.tokens(uri)
	if err != nil {
		return token{}, err
	}
	var found []token
	for _, t := range all {
		if t.matches(u) {
			found = append(found, t)
		}
	}
	switch {
	case len(all) == 0:
		return token{}, refuse(NoToken, Redact(uri), "%s has no token that was set up", quote(m.path))
	case len(found) == 0:
		return token{}, refuse(NoToken, Redact(uri), "no token matches; there is %s", enumerate(all))
	case len(found) > 1:
		return token{}, refuse(Ambiguous, Redact(uri), "%d tokens match; name one by its serial: %s", len(found), enumerate(found))
	}
	return found[0], nil
}

// enumerate lists what an error is about, a few at most.
func enumerate[T fmt.Stringer](all []T) string {
	var shown []string
	for i, one := range all {
		if i == maxShown {
			shown = append(shown, fmt.Sprintf("and %d more", len(all)-maxShown))
			break
		}
		shown = append(shown, one.String())
	}
	return strings.Join(shown, ", ")
}

// object is a key on a token.
type object struct {
	handle      pkcs11.ObjectHandle
	label       string
	id          []byte
	kind        string // as Kind says it
	unusable    string // why it cannot sign here; empty: it can
	alwaysLogin bool   // wants the PIN for each signature
}

func (o object) String() string {
	return fmt.Sprintf("object=%s id=%x (%s)", quote(o.label), o.id, o.kind)
}

// keys lists the objects of a class (private or public keys) that match the URI. The
// caller has logged in if that is needed to see them.
func (m *module) keys(slot, class uint, u pkcs11URI) ([]object, error) {
	session, err := m.ctx.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
	if err != nil {
		return nil, fmt.Errorf("open session: %w", err)
	}
	defer m.ctx.CloseSession(session)
	return m.keysIn(session, class, u)
}

// keysIn is keys in a session that is open.
func (m *module) keysIn(session pkcs11.SessionHandle, class uint, u pkcs11URI) ([]object, error) {
	template := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, class)}
	if u.object != "" {
		template = append(template, pkcs11.NewAttribute(pkcs11.CKA_LABEL, u.object))
	}
	if len(u.id) > 0 {
		template = append(template, pkcs11.NewAttribute(pkcs11.CKA_ID, u.id))
	}
	handles, err := m.find(session, template)
	if err != nil {
		return nil, fmt.Errorf("find keys: %w", err)
	}
	var all []object
	for _, h := range handles {
		all = append(all, m.describe(session, h, class))
	}
	return all, nil
}

// find ends the search before it returns: a session has one at a time.
func (m *module) find(session pkcs11.SessionHandle, template []*pkcs11.Attribute) ([]pkcs11.ObjectHandle, error) {
	if err := m.ctx.FindObjectsInit(session, template); err != nil {
		return nil, err
	}
	var all []pkcs11.ObjectHandle
	for {
		const batch = 64
		some, _, err := m.ctx.FindObjects(session, batch)
		if err != nil || len(some) == 0 {
			return all, errors.Join(err, m.ctx.FindObjectsFinal(session))
		}
		if all = append(all, some...); len(all) > maxObjects {
			return nil, errors.Join(fmt.Errorf("more than %d match", maxObjects), m.ctx.FindObjectsFinal(session))
		}
	}
}

func (m *module) describe(session pkcs11.SessionHandle, h pkcs11.ObjectHandle, class uint) object {
	get := m.attributes(session, h)
	isTrue := func(attribute uint) bool { v := get(attribute); return len(v) == 1 && v[0] != 0 }
	o := object{handle: h, label: string(get(pkcs11.CKA_LABEL)), id: get(pkcs11.CKA_ID)}
	o.kind, o.unusable = objectKind(get)
	if class != pkcs11.CKO_PRIVATE_KEY {
		return o
	}
	o.alwaysLogin = isTrue(pkcs11.CKA_ALWAYS_AUTHENTICATE)
	if o.unusable == "" && !isTrue(pkcs11.CKA_SIGN) {
		o.unusable = "it is not meant for signing (CKA_SIGN is false)"
	}
	return o
}

// attributes reads an object's attributes, one at a time: a token that lacks one
// refuses the whole list. What cannot be read is nil.
func (m *module) attributes(session pkcs11.SessionHandle, h pkcs11.ObjectHandle) func(attribute uint) []byte {
	return func(attribute uint) []byte {
		found, err := m.ctx.GetAttributeValue(session, h, []*pkcs11.Attribute{pkcs11.NewAttribute(attribute, nil)})
		if err != nil || len(found) != 1 {
			return nil
		}
		return found[0].Value
	}
}

// ckkECEdwards is CKK_EC_EDWARDS of PKCS #11 v3.0, which the library does not have yet.
const ckkECEdwards = 0x40

// objectKind names the kind of a key, and says why if it is of no use.
func objectKind(get func(attribute uint) []byte) (kind, unusable string) {
	number := ulong(get(pkcs11.CKA_KEY_TYPE))
	switch number {
	case pkcs11.CKK_RSA:
		return fmt.Sprintf("RSA %d", new(big.Int).SetBytes(get(pkcs11.CKA_MODULUS)).BitLen()), ""
	case pkcs11.CKK_EC:
		return ecKind(get(pkcs11.CKA_EC_PARAMS))
	case ckkECEdwards:
		return "Ed25519", "Ed25519 keys on a token are not handled: take ECDSA P-256"
	}
	return fmt.Sprintf("key type %#x", number), "RSA and ECDSA keys sign here"
}

func ecKind(params []byte) (kind, unusable string) {
	var curve asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(params, &curve); err != nil {
		return "ECDSA", "its curve has no name"
	}
	switch curve.String() {
	case "1.2.840.10045.3.1.7":
		return kindP256, ""
	case "1.3.132.0.34":
		return kindP384, ""
	}
	return "ECDSA " + curve.String(), "of the curves, P-256 and P-384 are accepted"
}

// ulong reads a CK_ULONG, which has the machine's size and byte order.
func ulong(b []byte) uint64 {
	switch len(b) {
	case 4:
		return uint64(binary.NativeEndian.Uint32(b))
	case 8:
		return binary.NativeEndian.Uint64(b)
	}
	return math.MaxUint64
}
