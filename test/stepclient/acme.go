package stepclient

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.step.sm/crypto/jose"
)

// ACME is a client of one account (RFC 8555) for permanent identifiers and
// device-attest-01.
type ACME struct {
	Account string                   // URL, once registered
	Key     *ecdsa.PrivateKey        // the account's
	CSR     *x509.CertificateRequest // template of what is asked for; nil asks for nothing
	// Answer returns where the answer to a challenge goes, in place of the challenge's URL;
	// nil: to that.
	Answer func(url string) string

	t         testing.TB
	http      *http.Client
	directory map[string]any
	nonce     string
}

// Problem is an error of the server's, RFC 8555 §6.7.
type Problem struct {
	Status      int       `json:"status"`
	Type        string    `json:"type"`
	Detail      string    `json:"detail"`
	Subproblems []Problem `json:"subproblems"`
}

// Error gives all of it.
func (p *Problem) Error() string {
	text := fmt.Sprintf("%d %s: %s", p.Status, p.Type, p.Detail)
	for _, sub := range p.Subproblems {
		text += "; " + sub.Type + ": " + sub.Detail
	}
	return text
}

// NewACME reads a directory.
func NewACME(t testing.TB, client *http.Client, directory string) *ACME {
	t.Helper()
	a := &ACME{t: t, http: client, Key: newKey(t)}
	resp, err := client.Get(directory)
	check(t, err)
	defer resp.Body.Close()
	check(t, json.NewDecoder(resp.Body).Decode(&a.directory))
	return a
}

func (a *ACME) url(name string) string { text, _ := a.directory[name].(string); return text }

// post sends a JWS; payload nil is POST-as-GET.
func (a *ACME) post(url string, payload, into any) (*http.Response, error) {
	body := []byte{}
	if payload != nil {
		var err error
		if body, err = json.Marshal(payload); err != nil {
			return nil, err
		}
	}
	if a.nonce == "" {
		resp, err := a.http.Head(a.url("newNonce"))
		if err != nil {
			return nil, err
		}
		resp.Body.Close()
		a.nonce = resp.Header.Get("Replay-Nonce")
	}
	options := new(jose.SignerOptions).WithHeader("url", url).WithHeader("nonce", a.nonce)
	key := jose.JSONWebKey{Key: a.Key}
	if a.Account == "" {
		options.EmbedJWK = true
	} else {
		key.KeyID = a.Account
	}
	a.nonce = ""
	text, err := jws(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options, body)
	if err != nil {
		return nil, err
	}
	resp, err := a.http.Post(url, "application/jose+json", strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	a.nonce = resp.Header.Get("Replay-Nonce")
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 400 {
		problem := &Problem{Status: resp.StatusCode, Detail: string(raw)}
		json.Unmarshal(raw, problem)
		return nil, problem
	}
	if out, ok := into.(*[]byte); ok {
		*out = raw
		return resp, nil
	}
	if into != nil {
		err = json.Unmarshal(raw, into)
	}
	return resp, err
}

func jws(key jose.SigningKey, options *jose.SignerOptions, payload []byte) (string, error) {
	signer, err := jose.NewSigner(key, options)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.FullSerialize(), nil
}

// Register makes the account, bound with a key (RFC 8555 §7.3.4); an empty id binds
// nothing.
func (a *ACME) Register(id string, secret []byte) error {
	request := map[string]any{"termsOfServiceAgreed": true}
	if id != "" {
		account, err := json.Marshal(jose.JSONWebKey{Key: a.Key.Public()})
		if err != nil {
			return err
		}
		options := new(jose.SignerOptions).WithHeader("url", a.url("newAccount")).WithHeader("kid", id)
		text, err := jws(jose.SigningKey{Algorithm: jose.HS256, Key: secret}, options, account)
		if err != nil {
			return err
		}
		request["externalAccountBinding"] = json.RawMessage(text)
	}
	resp, err := a.post(a.url("newAccount"), request, nil)
	if err == nil {
		a.Account = resp.Header.Get("Location")
	}
	return err
}

type order struct {
	Status         string
	Authorizations []string
	Finalize       string
	Certificate    string
}

// Certificate asks for one for the key of a device.
func (a *ACME) Certificate(d *Device) ([]*x509.Certificate, error) {
	return a.CertificateFor(d, d.Serial, d.Key)
}

// CertificateFor names another device than the one that attests, or has another key
// certified, if a test wants that.
func (a *ACME) CertificateFor(d *Device, identifier string, key crypto.Signer) ([]*x509.Certificate, error) {
	o, err := a.order(identifier)
	if err != nil {
		return nil, err
	}
	for _, url := range o.Authorizations {
		if err := a.authorize(url, d); err != nil {
			return nil, err
		}
	}
	template := a.CSR
	if template == nil {
		template = &x509.CertificateRequest{}
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		return nil, err
	}
	if _, err := a.post(o.Finalize, map[string]string{"csr": base64.RawURLEncoding.EncodeToString(csr)}, &o); err != nil {
		return nil, err
	}
	var text []byte
	if _, err := a.post(o.Certificate, nil, &text); err != nil {
		return nil, err
	}
	return parse(text)
}

// order is for devices, of which a server may take one.
func (a *ACME) order(identifiers ...string) (o order, err error) {
	var list []any
	for _, identifier := range identifiers {
		list = append(list, map[string]string{"type": "permanent-identifier", "value": identifier})
	}
	_, err = a.post(a.url("newOrder"), map[string]any{"identifiers": list}, &o)
	return o, err
}

// Order returns the URLs of a new order's authorizations.
func (a *ACME) Order(identifiers ...string) ([]string, error) {
	o, err := a.order(identifiers...)
	return o.Authorizations, err
}

func (a *ACME) authorize(url string, d *Device) error {
	var authorization struct {
		Challenges []struct{ Type, URL, Token, Status string }
	}
	if _, err := a.post(url, nil, &authorization); err != nil {
		return err
	}
	for _, challenge := range authorization.Challenges {
		if challenge.Type != "device-attest-01" {
			continue
		}
		thumbprint, err := jose.Thumbprint(&jose.JSONWebKey{Key: a.Key.Public()})
		if err != nil {
			return err
		}
		var done struct {
			Status string
			Error  *Problem
		}
		to := challenge.URL
		if a.Answer != nil {
			to = a.Answer(to)
		}
		if _, err := a.post(to, map[string]string{"attObj": d.attest(challenge.Token + "." + thumbprint)}, &done); err != nil {
			return err
		}
		if done.Error != nil {
			return done.Error
		}
		if done.Status != "valid" {
			return fmt.Errorf("challenge is %s", done.Status)
		}
		return nil
	}
	return errors.New("no challenge of type device-attest-01")
}

func parse(text []byte) (chain []*x509.Certificate, err error) {
	for block, rest := pem.Decode(bytes.TrimSpace(text)); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		chain = append(chain, cert)
	}
	if len(chain) == 0 {
		return nil, errors.New("no certificate in the answer")
	}
	return chain, nil
}
