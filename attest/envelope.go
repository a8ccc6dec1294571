package attest

import (
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// PayloadType is the DSSE payload type of in-toto statements.
const PayloadType = "application/vnd.in-toto+json"

// Unverified is what an envelope claims. No signature has been checked: use it to
// find out which keys to ask for or what to index, never to decide.
type Unverified struct {
	PayloadType string
	Payload     []byte
	KeyIDs      []string // the hints, one per signature, "" where absent
}

// Opened is the verified content of an envelope.
type Opened struct {
	Statement   Statement // zero when OpenPayload was used
	Payload     []byte    // the bytes that were signed
	PayloadType string
	Signers     []string // KeyID of each distinct key that verified, in the order of the signatures
}

// signature fields that are read or, like "publicKey", known and ignored. What stands
// in a certificate counts only for who asks for it: see UnverifiedDocument.Certified.
var signatureFields = map[string]bool{
	"keyid": true, "sig": true, "cert": true, "publicKey": true, "extension": true,
	"certificate": true, "intermediates": true, "timestamps": true,
}

type signature struct {
	keyID      string
	sig        []byte
	chain      []byte
	timestamps [][]byte
}

// ParseEnvelope reads an envelope of at most MaxEnvelope bytes with 1 to
// MaxSignatures signatures. It checks form, not signatures.
func ParseEnvelope(raw []byte) (Unverified, error) {
	u, _, err := parseEnvelope(raw)
	return u, err
}

func parseEnvelope(raw []byte) (Unverified, []signature, error) {
	if err := CheckJSON(raw, MaxEnvelope, MaxDepth); err != nil {
		return Unverified{}, nil, err
	}
	var err error
	f := readFields(Malformed, "", raw, &err)
	u := Unverified{PayloadType: f.required("payloadType"), Payload: f.base64("payload")}
	list := f.list("signatures", MaxSignatures)
	for name := range f.m {
		if name != "payload" && name != "payloadType" && name != "signatures" && err == nil {
			err = refuse(UnknownField, name, "unknown field of the envelope")
		}
	}
	switch {
	case err != nil:
		return Unverified{}, nil, err
	case len(u.PayloadType) > maxPayloadType:
		return Unverified{}, nil, refuse(TooLarge, "payloadType", "longer than %d bytes", maxPayloadType)
	case len(list) == 0:
		return Unverified{}, nil, refuse(NoSignature, "signatures", "none")
	}
	sigs, err := parseSignatures(list)
	if err != nil {
		return Unverified{}, nil, err
	}
	for _, s := range sigs {
		u.KeyIDs = append(u.KeyIDs, s.keyID)
	}
	return u, sigs, nil
}

func parseSignatures(list []json.RawMessage) ([]signature, error) {
	var err error
	sigs := make([]signature, 0, len(list))
	for _, raw := range list {
		f := readFields(Malformed, "signatures", raw, &err)
		s := signature{keyID: f.text("keyid"), sig: f.base64("sig")}
		f.readCertificate(&s)
		for name := range f.m {
			if !signatureFields[name] && err == nil {
				err = refuse(UnknownField, "signatures."+name, "unknown field of a signature")
			}
		}
		if len(s.sig) > maxSignature && err == nil {
			err = refuse(TooLarge, "signatures.sig", "%d bytes, at most %d", len(s.sig), maxSignature)
		}
		sigs = append(sigs, s)
	}
	if err != nil {
		return nil, err
	}
	return sigs, nil
}

// base64 reads padded base64 of either alphabet. Go's decoder skips line breaks
// and, unless strict, spare bits: both would give one envelope many spellings.
func (f fields) base64(name string) []byte {
	var s string
	if v := f.raw(name); v != nil {
		f.decode(f.at(name), v, &s)
	}
	enc := base64.StdEncoding
	if strings.ContainsAny(s, "-_") {
		enc = base64.URLEncoding
	}
	b, err := enc.Strict().DecodeString(s)
	switch {
	case s == "":
		f.fail(f.at(name), "missing or empty")
	case err != nil || strings.ContainsAny(s, "\r\n"):
		f.fail(f.at(name), "not base64")
	}
	return b
}

// Open verifies an envelope that must hold an in-toto statement. At least one
// signature must verify under one of the keys (1 to MaxKeys); signatures by others
// are skipped. Errors are *Error: NotVerified when no signature does, BadKey when
// a key given is not acceptable (none of the others is tried then).
func Open(raw []byte, keys ...crypto.PublicKey) (Opened, error) {
	o, err := OpenPayload(raw, PayloadType, keys...)
	if err != nil {
		return Opened{}, err
	}
	o.Statement, err = ParseStatement(o.Payload)
	if err != nil {
		return Opened{}, err
	}
	return o, nil
}

// OpenPayload is Open for a payload of another type, which must be exactly the one
// the envelope was signed with. Statement stays empty.
func OpenPayload(raw []byte, payloadType string, keys ...crypto.PublicKey) (Opened, error) {
	u, sigs, err := parseEnvelope(raw)
	if err != nil {
		return Opened{}, err
	}
	if u.PayloadType != payloadType {
		return Opened{}, refuse(WrongPayload, "payloadType", "%.64q, want %q", u.PayloadType, payloadType)
	}
	distinct, err := distinctKeys(keys)
	if err != nil {
		return Opened{}, err
	}
	return verify(u, sigs, distinct)
}

func distinctKeys(keys []crypto.PublicKey) ([]key, error) {
	if len(keys) == 0 || len(keys) > MaxKeys {
		return nil, refuse(BadKey, "key", "%d keys, want 1 to %d", len(keys), MaxKeys)
	}
	seen := map[string]bool{}
	var out []key
	for _, pub := range keys {
		k, err := newKey(pub)
		if err != nil {
			return nil, err
		}
		if !seen[k.id] {
			seen[k.id] = true
			out = append(out, k)
		}
	}
	return out, nil
}

// verify finds the keys that signed. The hint of a signature is not looked at: it may be
// spelled some other way than our key ids are. A key counts once, however many of the
// signatures it made.
func verify(u Unverified, sigs []signature, keys []key) (Opened, error) {
	o := Opened{Payload: u.Payload, PayloadType: u.PayloadType}
	message := pae(u.PayloadType, u.Payload)
	for _, s := range sigs {
		i := slices.IndexFunc(keys, func(k key) bool {
			return !slices.Contains(o.Signers, k.id) && k.Verify(context.Background(), message, s.sig) == nil
		})
		if i >= 0 {
			o.Signers = append(o.Signers, keys[i].id)
		}
	}
	if len(o.Signers) == 0 {
		return Opened{}, &Error{Reason: NotVerified, Field: "signatures", Err: errors.New("none is by a key that was given")}
	}
	return o, nil
}
