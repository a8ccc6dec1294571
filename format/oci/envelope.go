package oci

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Members of the protected and the unprotected header, RFC 7515 §4 and Notary Project
// signature-envelope-jws.md.
const (
	headerAlg         = "alg"
	headerContentType = "cty"
	headerCritical    = "crit"
	headerScheme      = "io.cncf.notary.signingScheme"
	headerTime        = "io.cncf.notary.signingTime"
	headerChain       = "x5c"
	headerToken       = "io.cncf.notary.timestampSignature"
	headerAgent       = "io.cncf.notary.signingAgent"
	headerStaple      = "com.github.hallmark-pki.staple"

	// HeaderConfirmBy makes a signature a provisional one: by then the CA will have
	// confirmed the build or revoked the certificate. RFC 3339, UTC, to the second.
	HeaderConfirmBy = "com.github.hallmark-pki.confirmBy"
	// HeaderThumbprint is the SHA-256 of the signer's certificate, base64url, RFC 7515 §4.1.8.
	HeaderThumbprint = "x5t#S256"

	schemeX509 = "notary.x509"

	confirmByForm = "2006-01-02T15:04:05Z"
)

// Envelope is a JWS in the form of the package comment. What is in it is a claim until
// Verify has returned nil; Chain, Token, Agent and Staple stay claims even then.
type Envelope struct {
	Target      Descriptor
	Algorithm   string    // "ES256", …
	SigningTime time.Time // what the signer says, to the second
	Thumbprint  [sha256.Size]byte
	ConfirmBy   time.Time // zero: the signature is not a provisional one
	Signature   []byte    // the value, over which a timestamp is taken

	Chain  [][]byte // DER: the signer's certificate, then each issuer's, the root last
	Token  []byte   // RFC 3161 time-stamp token, nil when absent
	Agent  string   // software that signed, "" when absent
	Staple []byte   // DER, ext.Staple, nil when absent

	protected, payload string // as they were signed
}

// flattened is the JSON form, RFC 7515 §7.2.2.
type flattened struct {
	Payload   string `json:"payload"`
	Protected string `json:"protected"`
	Header    header `json:"header"`
	Signature string `json:"signature"`
}

type header struct {
	Token  []byte   `json:"io.cncf.notary.timestampSignature,omitempty"`
	Chain  [][]byte `json:"x5c"`
	Agent  string   `json:"io.cncf.notary.signingAgent,omitempty"`
	Staple []byte   `json:"com.github.hallmark-pki.staple,omitempty"`
}

// Marshal returns the JSON. Parsing it gives the same envelope.
func (e Envelope) Marshal() ([]byte, error) {
	raw, err := json.Marshal(flattened{
		Payload: e.payload, Protected: e.protected, Signature: base64.RawURLEncoding.EncodeToString(e.Signature),
		Header: header{Token: e.Token, Chain: e.Chain, Agent: e.Agent, Staple: e.Staple},
	})
	if err == nil && len(raw) > MaxEnvelopeBytes {
		err = refuse(TooLarge, "a signature of %d bytes, at most %d", len(raw), MaxEnvelopeBytes)
	}
	if err != nil {
		return nil, fmt.Errorf("write envelope: %w", err)
	}
	return raw, nil
}

// ParseEnvelope reads a JWS and verifies nothing.
func ParseEnvelope(raw []byte) (Envelope, error) {
	if len(raw) > MaxEnvelopeBytes {
		return Envelope{}, refuse(TooLarge, "a signature of %d bytes, at most %d", len(raw), MaxEnvelopeBytes)
	}
	e, err := parseEnvelope(raw)
	if err != nil {
		return Envelope{}, err
	}
	return e, nil
}

func parseEnvelope(raw []byte) (Envelope, error) {
	fields, err := object(raw)
	if err == nil {
		err = only(fields, "payload", "protected", "header", "signature")
	}
	if err != nil {
		return Envelope{}, refuse(BadEnvelope, "%v", err)
	}
	var e Envelope
	for _, f := range []struct {
		name string
		to   *string
	}{{"payload", &e.payload}, {"protected", &e.protected}} {
		if *f.to, err = text(fields, f.name, MaxManifestBytes); err != nil {
			return Envelope{}, refuse(BadEnvelope, "%v", err)
		}
	}
	if e.Signature, err = binary(fields, "signature", base64.RawURLEncoding, maxSignatureValueBytes); err != nil {
		return Envelope{}, err
	}
	if err := e.readPayload(); err != nil {
		return Envelope{}, err
	}
	if err := e.readProtected(); err != nil {
		return Envelope{}, err
	}
	return e, e.readHeader(fields["header"])
}

// binary reads base64 that must be there.
func binary(fields map[string]json.RawMessage, name string, enc *base64.Encoding, max int) ([]byte, error) {
	s, err := text(fields, name, enc.EncodedLen(max))
	if err != nil {
		return nil, refuse(BadEnvelope, "%v", err)
	}
	b, err := decode(enc, s, max)
	if err != nil {
		return nil, refuse(BadEnvelope, "member %q: %v", name, err)
	}
	return b, nil
}

func (e *Envelope) readPayload() error {
	raw, err := decode(base64.RawURLEncoding, e.payload, maxLayoutBytes)
	if err != nil {
		return refuse(BadEnvelope, "payload: %v", err)
	}
	e.Target, err = ParsePayload(raw)
	return err
}

func (e *Envelope) readProtected() error {
	raw, err := decode(base64.RawURLEncoding, e.protected, maxLayoutBytes)
	if err != nil {
		return refuse(BadEnvelope, "protected: %v", err)
	}
	fields, err := object(raw)
	if err == nil {
		err = only(fields, headerAlg, headerContentType, headerCritical, headerScheme, headerTime, HeaderThumbprint, HeaderConfirmBy)
	}
	if err != nil {
		return refuse(BadEnvelope, "protected: %v", err)
	}
	critical, err := member[[]string](fields, headerCritical)
	if err != nil || !slices.Equal(critical, []string{headerScheme}) {
		return refuse(BadEnvelope, "protected: crit is not [%q]", headerScheme)
	}
	for name, want := range map[string]string{headerContentType: MediaTypePayload, headerScheme: schemeX509} {
		if got, err := text(fields, name, maxTextBytes); err != nil || got != want {
			return refuse(BadEnvelope, "protected: %s is %.80q, want %s", name, got, want)
		}
	}
	if e.Algorithm, err = text(fields, headerAlg, maxTextBytes); err != nil {
		return refuse(BadEnvelope, "protected: %v", err)
	}
	at, err := text(fields, headerTime, maxTextBytes)
	if err != nil {
		return refuse(BadEnvelope, "protected: %v", err)
	}
	if e.SigningTime, err = time.Parse(time.RFC3339, at); err != nil {
		return refuse(BadEnvelope, "protected: %s is no RFC 3339 time", headerTime)
	}
	if fields[HeaderConfirmBy] != nil {
		by, err := member[string](fields, HeaderConfirmBy)
		if err == nil {
			e.ConfirmBy, err = time.Parse(confirmByForm, by)
		}
		if err != nil || e.ConfirmBy.IsZero() {
			return refuse(BadEnvelope, "protected: %s is no time like %s", HeaderConfirmBy, confirmByForm)
		}
	}
	thumbprint, err := binary(fields, HeaderThumbprint, base64.RawURLEncoding, len(e.Thumbprint))
	if err != nil || copy(e.Thumbprint[:], thumbprint) != len(e.Thumbprint) {
		return refuse(BadEnvelope, "protected: %s is not a SHA-256", HeaderThumbprint)
	}
	return nil
}

func (e *Envelope) readHeader(raw json.RawMessage) error {
	fields, err := object(raw)
	if err == nil {
		err = only(fields, headerChain, headerToken, headerAgent, headerStaple)
	}
	if err != nil {
		return refuse(BadEnvelope, "header: %v", err)
	}
	chain, err := member[[]string](fields, headerChain)
	if err != nil || len(chain) == 0 || len(chain) > maxCertificates {
		return refuse(BadEnvelope, "header: %s has %d certificates, want 1 to %d", headerChain, len(chain), maxCertificates)
	}
	for i, s := range chain {
		der, err := decode(base64.StdEncoding, s, maxCertificateBytes)
		if err != nil {
			return refuse(BadEnvelope, "header: certificate %d: %v", i, err)
		}
		e.Chain = append(e.Chain, der)
	}
	if fields[headerToken] != nil {
		if e.Token, err = binary(fields, headerToken, base64.StdEncoding, maxTokenBytes); err != nil {
			return err
		}
	}
	if fields[headerStaple] != nil {
		if e.Staple, err = binary(fields, headerStaple, base64.StdEncoding, MaxEnvelopeBytes); err != nil {
			return err
		}
	}
	if fields[headerAgent] != nil {
		if e.Agent, err = text(fields, headerAgent, maxTextBytes); err != nil {
			return refuse(BadEnvelope, "header: %v", err)
		}
	}
	return nil
}
