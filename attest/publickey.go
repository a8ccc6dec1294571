package attest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
)

// A signature's key may stand beside it, as "publicKey": the SubjectPublicKeyInfo (RFC
// 5280 §4.1.2.7) in DER, base64. That proves nothing about whose key it is. It is for who
// knows a key by its digest alone, as a certificate's mark names the auditor's.

// PublicKeys returns the keys that signatures of an envelope bring along. What is no key
// of the kinds that Open accepts is left out: others write other things there.
func PublicKeys(envelope []byte) ([]crypto.PublicKey, error) {
	if _, err := ParseEnvelope(envelope); err != nil {
		return nil, err
	}
	var e struct {
		Signatures []map[string]json.RawMessage `json:"signatures"`
	}
	if err := json.Unmarshal(envelope, &e); err != nil {
		return nil, &Error{Reason: Malformed, Err: err}
	}
	var out []crypto.PublicKey
	for _, s := range e.Signatures {
		var text string
		if json.Unmarshal(s["publicKey"], &text) != nil || len(text) > maxPublicKey {
			continue
		}
		der, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil {
			continue
		}
		pub, err := x509.ParsePKIXPublicKey(der)
		if err != nil {
			continue
		}
		if _, err := newKey(pub); err == nil {
			out = append(out, pub)
		}
	}
	return out, nil
}

// AddPublicKeys returns the envelope, as one line, with each of the keys beside the
// signature that it made; a key that made none is left out. What was there stays, but for
// the order of a signature's members. Errors: those of ParseEnvelope, BadKey.
func AddPublicKeys(envelope []byte, keys ...crypto.PublicKey) ([]byte, error) {
	u, sigs, err := parseEnvelope(envelope)
	if err != nil {
		return nil, err
	}
	var e struct {
		PayloadType json.RawMessage              `json:"payloadType"`
		Payload     json.RawMessage              `json:"payload"`
		Signatures  []map[string]json.RawMessage `json:"signatures"`
	}
	if err := json.Unmarshal(envelope, &e); err != nil {
		return nil, &Error{Reason: Malformed, Err: err}
	}
	message := pae(u.PayloadType, u.Payload)
	for _, pub := range keys {
		k, err := newKey(pub)
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalPKIXPublicKey(pub)
		if err != nil {
			return nil, &Error{Reason: BadKey, Field: "key", Err: err}
		}
		for i, s := range sigs {
			if k.Verify(context.Background(), message, s.sig) == nil {
				e.Signatures[i]["publicKey"] = json.RawMessage(`"` + base64.StdEncoding.EncodeToString(der) + `"`)
			}
		}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, &Error{Reason: Malformed, Err: err}
	}
	line := bytes.TrimSuffix(out.Bytes(), []byte("\n"))
	if len(line) > MaxEnvelope {
		return nil, refuse(TooLarge, "signatures", "envelope of %d bytes with its keys, at most %d", len(line), MaxEnvelope)
	}
	return line, nil
}
