package probe

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/cjson"

	"github.com/hallmark-pki/hallmark/attest"
)

var (
	errLayout          = errors.New("not an in-toto layout")
	errLayoutSignature = errors.New("no signature of the layout verifies under the key")
)

// layout is what is read of the signed part of an in-toto layout.
type layout struct {
	expires time.Time
	steps   int
	signer  string // KeyID of the key, once it is verified
}

// openLayout reads a layout and verifies its signature. There are two forms in the
// field. In a DSSE envelope with the payload type of in-toto, package attest verifies
// it. In the classic form, {"signed":{…},"signatures":[{"keyid":…,"sig":"<hex>"}]}, the
// signature is over the canonical JSON of "signed"; RSA is PSS there with SHA-256 and a
// salt of 32 bytes, as in-toto's scheme rsassa-pss-sha256 has it.
func openLayout(raw []byte, key crypto.PublicKey) (layout, error) {
	raw = bytes.TrimSpace(raw)
	if err := attest.CheckJSON(raw, maxEnvelope, attest.MaxDepth); err != nil {
		return layout{}, err
	}
	var form map[string]json.RawMessage
	if err := json.Unmarshal(raw, &form); err != nil {
		return layout{}, fmt.Errorf("%w: not an object", errLayout)
	}
	signer, err := attest.KeyID(key)
	if err != nil {
		return layout{}, err
	}
	signed := form["signed"]
	if signed != nil {
		err = verifyClassic(form, key)
	} else {
		var opened attest.Opened
		opened, err = attest.OpenPayload(raw, attest.PayloadType, key)
		signed = opened.Payload
	}
	if err != nil {
		return layout{}, err
	}
	l, err := parseLayout(signed)
	if err != nil {
		return layout{}, err
	}
	l.signer = signer
	return l, nil
}

// verifyClassic succeeds when one of the signatures verifies. Its key ids are hints,
// and the certificates that some writers put beside them are not looked at.
func verifyClassic(form map[string]json.RawMessage, key crypto.PublicKey) error {
	for name := range form {
		if name != "signed" && name != "signatures" {
			return fmt.Errorf("%w: unknown field %.64q beside the signed part", errLayout, name)
		}
	}
	var signatures []map[string]json.RawMessage
	if err := json.Unmarshal(form["signatures"], &signatures); form["signatures"] == nil || err != nil {
		return fmt.Errorf("%w: signatures are not a list of objects", errLayout)
	}
	if len(signatures) > maxLayoutSignatures {
		return fmt.Errorf("%w: %d signatures, at most %d", errLayout, len(signatures), maxLayoutSignatures)
	}
	message, err := cjson.EncodeCanonical(form["signed"])
	if err != nil {
		return fmt.Errorf("%w: no canonical form: %w", errLayout, err)
	}
	for _, s := range signatures {
		var text string
		if err := json.Unmarshal(s["sig"], &text); err != nil {
			return fmt.Errorf("%w: a signature without sig", errLayout)
		}
		sig, err := hex.DecodeString(text)
		if err != nil {
			return fmt.Errorf("%w: a signature that is not hex", errLayout)
		}
		if isSigned(key, message, sig) {
			return nil
		}
	}
	return errLayoutSignature
}

// isSigned knows in-toto's schemes ed25519, rsassa-pss-sha256, ecdsa-sha2-nistp256 and
// ecdsa-sha2-nistp384; which one is decided by the key and not by the document.
func isSigned(key crypto.PublicKey, message, sig []byte) bool {
	short, long := sha256.Sum256(message), sha512.Sum384(message)
	switch k := key.(type) {
	case ed25519.PublicKey:
		return len(k) == ed25519.PublicKeySize && ed25519.Verify(k, message, sig)
	case *rsa.PublicKey:
		return rsa.VerifyPSS(k, crypto.SHA256, short[:], sig, &rsa.PSSOptions{SaltLength: sha256.Size, Hash: crypto.SHA256}) == nil
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P384() {
			return ecdsa.VerifyASN1(k, long[:], sig)
		}
		return ecdsa.VerifyASN1(k, short[:], sig)
	}
	return false
}

// parseLayout reads the signed part. What a probe does not decide on is not looked at.
func parseLayout(raw []byte) (layout, error) {
	if err := attest.CheckJSON(raw, maxEnvelope, attest.MaxDepth); err != nil {
		return layout{}, err
	}
	// By exact name: encoding/json alone would take "Expires" for "expires".
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return layout{}, fmt.Errorf("%w: not an object", errLayout)
	}
	var kind, expires string
	var steps, inspect []map[string]json.RawMessage
	var keys map[string]json.RawMessage
	for _, f := range []struct {
		name string
		into any
	}{{"_type", &kind}, {"expires", &expires}, {"steps", &steps}, {"inspect", &inspect}, {"keys", &keys}} {
		if fields[f.name] == nil || string(fields[f.name]) == "null" {
			return layout{}, fmt.Errorf("%w: no %s", errLayout, f.name)
		}
		if err := json.Unmarshal(fields[f.name], f.into); err != nil {
			return layout{}, fmt.Errorf("%w: %s has the wrong type", errLayout, f.name)
		}
	}
	if kind != "layout" {
		return layout{}, fmt.Errorf("%w: _type is %.64q", errLayout, kind)
	}
	if len(steps) > maxSteps || len(inspect) > maxSteps {
		return layout{}, fmt.Errorf("%w: more than %d steps or inspections", errLayout, maxSteps)
	}
	// in-toto has one spelling: UTC and whole seconds.
	at, err := time.Parse("2006-01-02T15:04:05Z", expires)
	if err != nil {
		return layout{}, fmt.Errorf("%w: expires is %.64q, not like 2030-11-18T16:06:36Z", errLayout, expires)
	}
	return layout{expires: at, steps: len(steps)}, nil
}
