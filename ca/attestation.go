package ca

import (
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/hallmark-pki/hallmark/keys/attestation"
	"github.com/hallmark-pki/hallmark/store"
)

// Attestation is what a vendor hands in about its key: see package keys/attestation.
type Attestation struct {
	Format     string
	Data       []byte
	Challenges []string // of these it answers one, where its format has room for that
}

// AttestationChallenge is what a key attestation has to answer where its format has
// room for that: the SHA-256 of the request for certification, DER, in lower-case hex.
// It ties the statement to one request; the key's own signature under the request ties
// that to whoever holds the key. A TPM whose tools certify a key only as they make it
// knows no request then: there the SHA-256 of the client certificate of who asks does as
// well. docs/decisions/0009 says why there is no nonce.
func AttestationChallenge(csr []byte) (string, error) {
	der, err := csrDER(csr)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:]), nil
}

// attested judges an attestation about a key; nil stays nil. The error is a *Refusal.
func (q requirements) attested(a *Attestation, pub crypto.PublicKey, now time.Time) (*store.KeyAttestation, error) {
	if a == nil {
		return nil, nil
	}
	statement := attestation.Statement{Format: attestation.Format(a.Format), Data: a.Data, Key: pub}
	got, err := q.hardware.Verify(statement, now)
	for i := 0; i < len(a.Challenges) && attestation.ReasonOf(err) == attestation.BadChallenge; i++ {
		statement.Challenge = a.Challenges[i]
		got, err = q.hardware.Verify(statement, now)
	}
	if err != nil {
		return nil, attestationRefusal(err)
	}
	rec := &store.KeyAttestation{Format: a.Format, Data: a.Data, Device: got.Device, Details: got.Details, Root: got.Root}
	if got.Bound {
		rec.Challenge = statement.Challenge
	}
	return rec, nil
}

// attestationRefusal says in the CA's terms why an attestation is refused.
func attestationRefusal(err error) error {
	code, hint := CodeAttestation, ""
	switch attestation.ReasonOf(err) {
	case attestation.UnknownForm:
		hint = "yubikey, step and tpm are read"
	case attestation.Chain, attestation.NoRoots:
		code, hint = CodeAttestationRoot, "the administrator names the makers' roots in config.yaml, hardware_key_roots"
	case attestation.OtherKey:
		code, hint = CodeAttestationKey, "make the request for certification with the key that is attested"
	case attestation.BadChallenge:
		code, hint = CodeAttestationChallenge, "the challenge is the SHA-256 of the request's DER, or of your client certificate's, in lower-case hex"
	case attestation.Exportable:
		code, hint = CodeAttestationExportable, "make a key inside the hardware"
	}
	detail := err.Error()
	var known *attestation.Error
	if errors.As(err, &known) {
		detail = known.Detail
	}
	return refuse(code, hint, "key attestation: %s", detail)
}
