package stepca

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/fxamacker/cbor/v2"
	"github.com/hallmark-pki/hallmark/ca"
	"github.com/smallstep/certificates/acme"
	"github.com/smallstep/certificates/api/render"
	"go.step.sm/crypto/jose"
)

// smallstep verifies signatures with whatever RSA key a message brings along, before it
// knows who sent it. So keys are looked at before it gets to see the message. What cannot be
// read here is left to it: no key came out of it here, and none will there.

// keySize refuses a key that would take long to verify with.
func keySize(pub crypto.PublicKey) error {
	if k, ok := pub.(*rsa.PublicKey); ok && k.N.BitLen() > maxRSABits {
		return refuse(ca.CodeKeySize, "", "RSA key of %d bits, at most %d", k.N.BitLen(), maxRSABits)
	}
	return nil
}

// chainSize does so for certificates in DER.
func chainSize(chain [][]byte) error {
	for _, der := range chain {
		if cert, err := x509.ParseCertificate(der); err == nil {
			if err := keySize(cert.PublicKey); err != nil {
				return err
			}
		}
	}
	return nil
}

// tokenSize does so for the certificates in a token's header (RFC 7515 §4.1.6).
func tokenSize(token string) error {
	header, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil {
		return nil
	}
	// A map, since a struct would take X5C for x5c, and the last of the two.
	var fields map[string]json.RawMessage
	var texts []string
	if json.Unmarshal(raw, &fields) != nil || json.Unmarshal(fields["x5c"], &texts) != nil {
		return nil
	}
	var chain [][]byte
	for _, text := range texts {
		der, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil
		}
		chain = append(chain, der)
	}
	return chainSize(chain)
}

// acmeSize does so for an ACME message: the account's key in its header (RFC 8555 §6.2),
// and in its payload a request for certification or an attestation.
func acmeSize(body []byte) error {
	message, err := jose.ParseJWS(string(body))
	if err != nil {
		return nil
	}
	for _, signature := range message.Signatures {
		for _, header := range []jose.Header{signature.Header, signature.Protected, signature.Unprotected} {
			if header.JSONWebKey == nil {
				continue
			}
			if err := keySize(header.JSONWebKey.Key); err != nil {
				return err
			}
		}
	}
	// One at a time, as smallstep reads them: what it does not read must not stand in the way.
	var order struct {
		CSR string `json:"csr"`
	}
	if json.Unmarshal(message.UnsafePayloadWithoutVerification(), &order) == nil {
		if err := requestSize(order.CSR); err != nil {
			return err
		}
	}
	var challenge struct {
		Object string `json:"attObj"`
	}
	if json.Unmarshal(message.UnsafePayloadWithoutVerification(), &challenge) != nil {
		return nil
	}
	return objectSize(challenge.Object)
}

// requestSize does so for a request for certification.
func requestSize(text string) error {
	der, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return nil
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil
	}
	return keySize(csr.PublicKey)
}

// objectSize does so for an attestation object, read as smallstep reads it.
func objectSize(text string) error {
	var object struct {
		Statement map[string]any `json:"attStmt"`
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || cbor.Unmarshal(raw, &object) != nil {
		return nil
	}
	list, _ := object.Statement["x5c"].([]any)
	var chain [][]byte
	for _, one := range list {
		if der, ok := one.([]byte); ok {
			chain = append(chain, der)
		}
	}
	return chainSize(chain)
}

// ofKeySize passes on ACME messages whose keys are of a size to verify with.
func ofKeySize(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				render.Error(w, r, acme.WrapError(acme.ErrorMalformedType, err, "read request"))
				return
			}
			if err := acmeSize(body); err != nil {
				render.Error(w, r, acme.NewDetailedError(acme.ErrorBadPublicKeyType, "%s", err.Error()))
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		next.ServeHTTP(w, r)
	})
}
