package attest

import (
	"context"
	"crypto"
	"errors"
)

// SignDetached signs a payload as Sign does, over DSSE's pre-authentication encoding,
// and returns the signature alone: for files that carry their payload as it is, because
// base64 of something large that holds base64 already is a third more for nothing.
func SignDetached(ctx context.Context, payloadType string, payload []byte, signer crypto.Signer) ([]byte, error) {
	s, err := signPayload(ctx, payloadType, payload, signer)
	return s.Sig, err
}

// VerifyDetached verifies what SignDetached returned, under one key. Errors are *Error:
// NotVerified, or BadKey for a key that Open would not accept.
func VerifyDetached(payloadType string, payload, sig []byte, pub crypto.PublicKey) error {
	k, err := newKey(pub)
	if err != nil {
		return err
	}
	if len(sig) == 0 || len(sig) > maxSignature {
		return &Error{Reason: NotVerified, Field: "signature", Err: errors.New("no signature, or too long")}
	}
	if err := k.Verify(context.Background(), pae(payloadType, payload), sig); err != nil {
		return &Error{Reason: NotVerified, Field: "signature", Err: err}
	}
	return nil
}
