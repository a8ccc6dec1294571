package api

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// tokenPrefix marks an enrolment token and its version.
const tokenPrefix = "hallmark1."

// maxTokenBytes bounds a token: a URL, a digest and a secret.
const maxTokenBytes = 4096

// Token is an enrolment token: all a person needs to find the server, to know
// that it is the right one, and to prove that they were invited.
type Token struct {
	Server   string `json:"u"` // https URL of the API
	CASHA256 string `json:"f"` // SHA-256 of the operator CA certificate, hex
	Secret   string `json:"s"` // one-time secret
}

// String renders the token for a person to copy.
func (t Token) String() string {
	raw, _ := json.Marshal(t) // three strings always encode
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(raw)
}

// ParseToken reads what String printed.
func ParseToken(s string) (Token, error) {
	body, ok := strings.CutPrefix(strings.TrimSpace(s), tokenPrefix)
	if !ok || len(s) > maxTokenBytes {
		return Token{}, fmt.Errorf("not an enrolment token: it begins with %q", tokenPrefix)
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil {
		return Token{}, errors.New("enrolment token is damaged: copy it again, whole")
	}
	var t Token
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&t); err != nil || dec.More() {
		return Token{}, errors.New("enrolment token is damaged: copy it again, whole")
	}
	if pin, err := hex.DecodeString(t.CASHA256); err != nil || len(pin) != sha256.Size || t.Secret == "" {
		return Token{}, errors.New("enrolment token lacks a part: ask for a new one")
	}
	return t, nil
}

// NewPinnedClient returns a client for enrolment: it knows the server's CA by
// the digest in the token only.
func NewPinnedClient(t Token) (*Client, error) {
	c, err := NewClient(t.Server, x509.NewCertPool(), nil)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(t.Server)
	if err != nil {
		return nil, err
	}
	conf := c.transport().TLSClientConfig
	// The usual verification needs the root beforehand. VerifyConnection below
	// does all of it once the root has been recognised by its digest.
	conf.InsecureSkipVerify = true
	conf.VerifyConnection = func(state tls.ConnectionState) error { return verifyPinned(state, u.Hostname(), t.CASHA256) }
	return c, nil
}

// verifyPinned takes the host from the URL: state.ServerName is empty for an IP address.
func verifyPinned(state tls.ConnectionState, host, pin string) error {
	for _, cert := range state.PeerCertificates {
		sum := sha256.Sum256(cert.Raw)
		if hex.EncodeToString(sum[:]) != pin {
			continue
		}
		roots := x509.NewCertPool()
		roots.AddCert(cert)
		_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{
			Roots: roots, DNSName: host, CurrentTime: time.Now(),
			KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		})
		return err
	}
	return errors.New("the server is not the one that made this token: its CA certificate has another digest")
}
