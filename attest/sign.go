package attest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"encoding/json"
)

// Sign makes an envelope with one signature over the payload. The result is one
// line of JSON without a line break at its end. A key of a kind or size that Open
// would not accept is refused (BadKey) before anything is signed with it.
func Sign(ctx context.Context, payloadType string, payload []byte, signer crypto.Signer) ([]byte, error) {
	s, err := signPayload(ctx, payloadType, payload, signer)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(envelopeJSON{payloadType, payload, []signatureJSON{s}})
	if err != nil {
		return nil, &Error{Reason: SigningFailed, Err: err}
	}
	if len(raw) > MaxEnvelope {
		return nil, refuse(TooLarge, "payload", "envelope of %d bytes, at most %d", len(raw), MaxEnvelope)
	}
	return raw, nil
}

// signPayload signs a payload with its type, DSSE's pre-authentication encoding.
func signPayload(ctx context.Context, payloadType string, payload []byte, signer crypto.Signer) (signatureJSON, error) {
	if payloadType == "" || len(payloadType) > maxPayloadType || len(payload) == 0 {
		return signatureJSON{}, refuse(WrongPayload, "payloadType", "payload and its type must not be empty")
	}
	k, err := newSigningKey(signer)
	if err != nil {
		return signatureJSON{}, err
	}
	sig, err := k.Sign(ctx, pae(payloadType, payload))
	if err != nil {
		return signatureJSON{}, &Error{Reason: SigningFailed, Err: err}
	}
	return signatureJSON{k.id, sig}, nil
}

// SignStatement signs a statement. An empty Type becomes v1; any other is refused,
// and so is a statement that ParseStatement would refuse.
func SignStatement(ctx context.Context, s Statement, signer crypto.Signer) ([]byte, error) {
	payload, err := s.Marshal()
	if err != nil {
		return nil, err
	}
	return Sign(ctx, PayloadType, payload, signer)
}

// AddSignature returns the envelope with one more signature, over the same payload
// and payload type, behind those that are there. What was there stays as it is byte
// for byte, except that white space between JSON tokens goes, so that the result is
// one line as Sign's is.
//
// Refused, before anything is signed: an envelope that ParseEnvelope would refuse
// (with its reason), a key that Open would not accept (BadKey), a key that has
// signed this payload already (AlreadySigned; found by verifying, since the keyid
// proves nothing), and an envelope that is full (TooLarge). The signatures that are
// there are not verified: their keys are not known here. Whoever countersigns looks
// at the content with Open first.
func AddSignature(ctx context.Context, envelope []byte, signer crypto.Signer) ([]byte, error) {
	u, sigs, err := parseEnvelope(envelope)
	if err != nil {
		return nil, err
	}
	k, err := newSigningKey(signer)
	if err != nil {
		return nil, err
	}
	if len(sigs) >= MaxSignatures {
		return nil, refuse(TooLarge, "signatures", "%d are there, at most %d fit", len(sigs), MaxSignatures)
	}
	message := pae(u.PayloadType, u.Payload)
	for _, s := range sigs {
		if k.Verify(ctx, message, s.sig) == nil {
			return nil, refuse(AlreadySigned, "signatures", "one of them is by key %s", k.id)
		}
	}
	// The size of a signature is not known before it is made; an envelope without room
	// for the largest one is refused now rather than after somebody has typed a PIN.
	if len(envelope)+maxSignatureObject > MaxEnvelope {
		return nil, refuse(TooLarge, "signatures", "no room for another in %d bytes, at most %d", len(envelope), MaxEnvelope)
	}
	sig, err := k.Sign(ctx, message)
	if err != nil {
		return nil, &Error{Reason: SigningFailed, Err: err}
	}
	return appendSignature(envelope, signatureJSON{k.id, sig})
}

// appendSignature writes one more object into the list of an envelope that
// parseEnvelope has read. It works on the text: decoding and encoding again would
// drop the fields of others' signatures and could spell the payload differently.
func appendSignature(envelope []byte, s signatureJSON) ([]byte, error) {
	object, err := json.Marshal(s)
	if err != nil {
		return nil, &Error{Reason: SigningFailed, Err: err}
	}
	var line bytes.Buffer
	if err := json.Compact(&line, envelope); err != nil {
		return nil, &Error{Reason: Malformed, Err: err}
	}
	raw := line.Bytes()
	end := endOfSignatures(raw)
	if end < 0 {
		return nil, refuse(Malformed, "signatures", "no list")
	}
	out := make([]byte, 0, len(raw)+len(object)+1)
	out = append(out, raw[:end]...)
	out = append(append(out, ','), object...)
	return append(out, raw[end:]...), nil
}

// endOfSignatures returns where the "]" of the outermost "signatures" stands in
// compact, valid JSON; -1 if there is none.
func endOfSignatures(raw []byte) int {
	depth, inList := 0, false
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if inList && depth == 2 {
				return i
			}
			depth--
		case '"':
			end := stringEnd(raw, i)
			if depth == 1 && raw[end+1] == ':' {
				key, err := unquote(raw[i : end+1])
				inList = err == nil && key == "signatures"
			}
			i = end
		}
	}
	return -1
}

// signingKey is a key that passed the rules, with what signs for it.
type signingKey struct {
	key
	signer crypto.Signer
}

func newSigningKey(s crypto.Signer) (signingKey, error) {
	if s == nil {
		return signingKey{}, refuse(BadKey, "key", "no signer")
	}
	k, err := newKey(s.Public())
	if err != nil {
		return signingKey{}, err
	}
	return signingKey{key: k, signer: s}, nil
}

// Sign leaves the hashing to the key where the key wants that.
func (s signingKey) Sign(ctx context.Context, pae []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return crypto.SignMessage(s.signer, rand.Reader, pae, s.hash)
}
