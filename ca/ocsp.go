package ca

import (
	"bytes"
	"context"
	"crypto"

	"crypto/sha1" // RFC 5019 §2.1.1 names issuers by SHA-1; nothing is signed with it
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/templates"
	"golang.org/x/crypto/ocsp"
)

// wayResponder marks the intents of responder certificates, which have no record
// as certificates because no one but the responder holds them.
const wayResponder = "ocsp"

// responder is a tier's delegated OCSP signer (RFC 6960 §4.2.2.2). Its key exists in
// memory only.
type responder struct {
	mu   sync.Mutex
	cert *x509.Certificate
	key  crypto.Signer
}

// OCSP answers a request, DER in and out (RFC 6960 §2). Every trouble is an answer
// too (malformedRequest, internalError, unauthorized for a CA that is not ours), so
// there is always something to send; the error is for the log.
//
// A serial number that was never issued is answered with unknown. Nonces are not
// echoed (RFC 6960 §4.4.1 makes it optional): answers are cached for an hour.
func (c *CA) OCSP(ctx context.Context, request []byte) ([]byte, error) {
	if len(request) > maxOCSPRequestBytes {
		return ocsp.MalformedRequestErrorResponse, nil
	}
	req, err := ocsp.ParseRequest(request)
	if err != nil {
		return ocsp.MalformedRequestErrorResponse, nil
	}
	t, err := c.tierOf(req)
	if err != nil {
		return ocsp.MalformedRequestErrorResponse, nil
	}
	if t == nil {
		return ocsp.UnauthorizedErrorResponse, nil
	}
	answer, err := c.status(ctx, t, req)
	if err != nil {
		return ocsp.InternalErrorErrorResponse, fmt.Errorf("OCSP status: %w", err)
	}
	cert, key, err := c.responderOf(ctx, t)
	if err != nil {
		return ocsp.InternalErrorErrorResponse, fmt.Errorf("OCSP responder: %w", err)
	}
	answer.Certificate = cert
	der, err := ocsp.CreateResponse(t.issuer.cert, cert, answer, key)
	if err != nil {
		return ocsp.InternalErrorErrorResponse, fmt.Errorf("OCSP response: %w", err)
	}
	return der, nil
}

// tierOf finds the tier a request names by hashes of its name and key, or nil.
func (c *CA) tierOf(req *ocsp.Request) (*tier, error) {
	newHash, ok := map[crypto.Hash]func() hash.Hash{
		crypto.SHA1: sha1.New, crypto.SHA256: sha256.New, crypto.SHA384: sha512.New384, crypto.SHA512: sha512.New,
	}[req.HashAlgorithm]
	if !ok {
		return nil, fmt.Errorf("hash %v", req.HashAlgorithm)
	}
	sum := func(b []byte) []byte {
		h := newHash()
		h.Write(b)
		return h.Sum(nil)
	}
	for _, t := range c.tiers {
		var spki struct {
			Algorithm asn1.RawValue
			Key       asn1.BitString
		}
		if _, err := asn1.Unmarshal(t.issuer.cert.RawSubjectPublicKeyInfo, &spki); err != nil {
			return nil, err
		}
		if bytes.Equal(sum(t.issuer.cert.RawSubject), req.IssuerNameHash) && bytes.Equal(sum(spki.Key.RightAlign()), req.IssuerKeyHash) {
			return t, nil
		}
	}
	return nil, nil
}

// status looks a serial number up. The record is read for every answer.
func (c *CA) status(ctx context.Context, t *tier, req *ocsp.Request) (ocsp.Response, error) {
	now := c.now().UTC().Truncate(time.Second)
	answer := ocsp.Response{
		Status: ocsp.Unknown, SerialNumber: req.SerialNumber, IssuerHash: req.HashAlgorithm,
		ThisUpdate: now, NextUpdate: now.Add(ocspValidity),
	}
	if req.SerialNumber.Sign() <= 0 {
		return answer, nil
	}
	err := c.store.View(ctx, func(r store.Reader) error {
		cert, err := store.Certificates.Get(r, SerialKey(req.SerialNumber))
		if errors.Is(err, store.ErrNotFound) || err == nil && cert.Tier != t.name {
			answer.Status = ocsp.Unknown
			return nil
		}
		if err != nil {
			return err
		}
		answer.Status = ocsp.Good
		if rev := cert.Revocation; rev != nil {
			answer.Status, answer.RevokedAt, answer.RevocationReason = ocsp.Revoked, rev.RevocationDate.UTC(), rev.Reason
		}
		return nil
	})
	return answer, err
}

// responderOf returns the tier's responder, made anew when half its life is over.
func (c *CA) responderOf(ctx context.Context, t *tier) (*x509.Certificate, crypto.Signer, error) {
	r := &t.responder
	r.mu.Lock()
	defer r.mu.Unlock()
	now := c.now().UTC()
	if r.cert != nil && now.After(r.cert.NotBefore) && now.Before(r.cert.NotAfter.Add(-responderValidity/2)) {
		return r.cert, r.key, nil
	}
	key, err := newP256()
	if err != nil {
		return nil, nil, err
	}
	p, err := templates.Load(templates.OCSP)
	if err != nil {
		return nil, nil, err
	}
	from := now.Add(-backdate)
	if from.Before(t.issuer.cert.NotBefore) {
		from = t.issuer.cert.NotBefore
	}
	template, err := render(p, key.Public(), templates.Values{
		CommonName: t.issuer.cert.Subject.CommonName + " OCSP", Organization: first(t.issuer.cert.Subject.Organization),
		Country: first(t.issuer.cert.Subject.Country),
	}, c.random, from, from.Add(responderValidity))
	if err != nil {
		return nil, nil, err
	}
	cert, err := c.issueRecorded(ctx, t, template)
	if err != nil {
		return nil, nil, err
	}
	r.cert, r.key = cert, key
	return cert, key, nil
}

// issueRecorded signs with a tier's key what is not a vendor's certificate: the
// intent is durable first, as for any use of that key.
func (c *CA) issueRecorded(ctx context.Context, t *tier, template *x509.Certificate) (*x509.Certificate, error) {
	leave, err := t.issuer.prepare(template)
	if err != nil {
		return nil, err
	}
	intent := store.Intent{
		Serial: SerialKey(template.SerialNumber), Tier: t.name, TBS: leave.tbs,
		RequestedBy: "ca", Way: wayResponder, At: c.now().UTC(),
	}
	if err := c.store.Update(ctx, func(tx store.Tx) error { return announce(tx, intent) }); err != nil {
		return nil, fmt.Errorf("record intent: %w", err)
	}
	return t.issuer.sign(leave)
}

func first(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return s[0]
}

// OCSPHandler serves RFC 6960 §A.1: POST with the request as body, and GET with it
// in the last part of the path, base64 and URL-encoded. Mount it at /ocsp and
// /ocsp/ under PublicURL. http.ServeMux redirects a client that leaves two slashes
// in a row unescaped, which RFC 6960 §A.1 does not allow it to.
func (c *CA) OCSPHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request []byte
		var err error
		switch r.Method {
		case http.MethodPost:
			request, err = io.ReadAll(io.LimitReader(r.Body, maxOCSPRequestBytes+1))
		case http.MethodGet:
			request, err = requestFromPath(r.URL.EscapedPath())
		default:
			w.Header().Set("Allow", "GET, POST")
			http.Error(w, "use GET or POST", http.StatusMethodNotAllowed)
			return
		}
		answer := ocsp.MalformedRequestErrorResponse
		if err == nil {
			if answer, err = c.OCSP(r.Context(), request); err != nil {
				c.log.Error("answer OCSP request", "error", err)
			}
		}
		w.Header().Set("Content-Type", "application/ocsp-response")
		w.Write(answer)
	})
}

// requestFromPath reads what follows "/ocsp/". The escaped path is read because
// base64 has slashes of its own, and a path cleaned of double slashes is another
// request.
func requestFromPath(escaped string) ([]byte, error) {
	_, encoded, ok := strings.Cut(escaped, "/ocsp/")
	if !ok || len(encoded) > 3*2*maxOCSPRequestBytes {
		return nil, errors.New("no request in the path")
	}
	text, err := url.PathUnescape(encoded)
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(text)
}
