package ca

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"sync"
	"time"

	"github.com/hallmark-pki/hallmark/ca/ocsp"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/templates"
	xocsp "golang.org/x/crypto/ocsp"
)

// wayResponder marks the intents of responder certificates, which have no record
// as certificates because no one but the responder holds them.
const wayResponder = "ocsp"

// What is done about a request's nonce (RFC 9654).
const (
	// OCSPNonceIgnore answers without it: the answer may come from the cache, and a
	// client that insists on its nonce turns it down.
	OCSPNonceIgnore = "ignore"
	// OCSPNonceEcho has a request with a nonce signed an answer of its own.
	OCSPNonceEcho = "echo"
)

// responder is a tier's delegated OCSP signer (RFC 6960 §4.2.2.2). Its key exists in
// memory only.
type responder struct {
	mu   sync.Mutex
	cert *x509.Certificate
	key  crypto.Signer
}

// OCSP answers a request, DER in and out (RFC 6960 §2). Every trouble is an answer
// too (malformedRequest, internalError, unauthorized for a CA that is not ours or has ended), so
// there is always something to send; the error is for the log.
//
// A serial number that was never issued is answered with unknown, not with the
// "revoked" that RFC 6960 §4.4.8 allows instead: nobody has revoked anything.
func (c *CA) OCSP(ctx context.Context, request []byte) ([]byte, error) {
	if a := c.answers.ByRequest(request, c.now()); a != nil {
		return a.DER, nil
	}
	der, _, _, err := c.answerOCSP(ctx, request)
	return der, err
}

// OCSPHandler serves OCSP over HTTP; mount it at /ocsp and /ocsp/ under PublicURL.
func (c *CA) OCSPHandler() http.Handler {
	return &ocsp.Handler{Cache: &c.answers, Answer: c.answerOCSP, Now: c.now, Log: c.log}
}

// answerOCSP is the long way: it parses, and signs unless an answer is kept. What it
// returns beside the answer is set when the answer is kept under a key.
func (c *CA) answerOCSP(ctx context.Context, request []byte) (der []byte, kept *ocsp.Answer, key ocsp.Key, err error) {
	req, err := ocsp.ParseRequest(request)
	if err != nil {
		return xocsp.MalformedRequestErrorResponse, nil, key, nil
	}
	t := c.issuerAsked(req)
	if t == nil || c.now().After(t.issuer.cert.NotAfter) { // who has ended vouches for nothing, RFC 6960 §2.3
		return xocsp.UnauthorizedErrorResponse, nil, key, nil
	}
	nonce := req.Nonce
	if c.ocspNonce != OCSPNonceEcho {
		nonce = nil
	}
	if len(req.IDs) > 1 || nonce != nil {
		der, err := c.signOCSP(ctx, t, req.IDs, nonce)
		if err != nil {
			return xocsp.InternalErrorErrorResponse, nil, key, err
		}
		return der, nil, key, nil
	}
	key = ocsp.Key{Issuer: t.issuer.name, Serial: SerialKey(req.IDs[0].Serial), Form: ocsp.Form{Hash: req.IDs[0].Hash, Null: req.IDs[0].Null}}
	if kept = c.answers.ByKey(key, c.now()); kept == nil {
		if kept, der, err = c.keepOCSP(ctx, t, req.IDs[0], key); err != nil {
			return xocsp.InternalErrorErrorResponse, nil, key, err
		}
		if kept == nil {
			return der, nil, key, nil
		}
	}
	if !req.Extended {
		c.answers.Link(request, key)
	}
	return kept.DER, kept, key, nil
}

// issuerAsked finds the issuing CA that all of a request is about, or nil.
func (c *CA) issuerAsked(req ocsp.Request) *tier {
	for _, t := range c.tiers {
		all := true
		for _, id := range req.IDs {
			all = all && t.names.Name(id)
		}
		if all {
			return t
		}
	}
	return nil
}

// keepOCSP signs an answer and keeps it. Answers about numbers that were never issued
// are not kept, since anybody can make up any number of those.
func (c *CA) keepOCSP(ctx context.Context, t *tier, id ocsp.CertID, key ocsp.Key) (kept *ocsp.Answer, der []byte, err error) {
	begun := c.answers.Begin()
	single, err := c.status(ctx, t, id)
	if err != nil {
		return nil, nil, err
	}
	signer, err := c.responderOf(ctx, t)
	if err != nil {
		return nil, nil, err
	}
	if der, err = signer.Respond([]ocsp.Single{single}, nil, single.ThisUpdate); err != nil || single.Status == ocsp.Unknown {
		return nil, der, err
	}
	kept = ocsp.NewAnswer(der, single.ThisUpdate.Add(-backdate), single.ThisUpdate, single.NextUpdate)
	c.answers.Put(key, kept, begun)
	return kept, der, nil
}

// signOCSP makes an answer that is for one client alone.
func (c *CA) signOCSP(ctx context.Context, t *tier, ids []ocsp.CertID, nonce []byte) ([]byte, error) {
	singles := make([]ocsp.Single, len(ids))
	for i, id := range ids {
		var err error
		if singles[i], err = c.status(ctx, t, id); err != nil {
			return nil, err
		}
	}
	signer, err := c.responderOf(ctx, t)
	if err != nil {
		return nil, err
	}
	return signer.Respond(singles, nonce, singles[0].ThisUpdate)
}

// status looks a serial number up.
func (c *CA) status(ctx context.Context, t *tier, id ocsp.CertID) (ocsp.Single, error) {
	now := c.now().UTC().Truncate(time.Second)
	single := ocsp.Single{ID: id, Status: ocsp.Unknown, ThisUpdate: now, NextUpdate: now.Add(ocspValidity)}
	if id.Serial.Sign() <= 0 {
		return single, nil
	}
	err := c.store.View(ctx, func(r store.Reader) error {
		cert, err := store.Certificates.Get(r, SerialKey(id.Serial))
		if errors.Is(err, store.ErrNotFound) || err == nil && cert.IssuingCA() != t.issuer.name {
			single.Status = ocsp.Unknown
			return nil
		}
		if err != nil {
			return err
		}
		single.Status = ocsp.Good
		if rev := cert.Revocation; rev != nil {
			single.Status, single.RevokedAt, single.Reason = ocsp.Revoked, rev.RevocationDate.UTC(), rev.Reason
		}
		return nil
	})
	if err != nil {
		return single, fmt.Errorf("OCSP status: %w", err)
	}
	return single, nil
}

// PresignOCSP signs answers for certificates that have not ended, those that last for
// longest first, until the cache is full, and anew where an answer is about to grow old.
// Everything else is answered when somebody asks.
func (c *CA) PresignOCSP(ctx context.Context) error {
	now := c.now()
	for _, span := range [][2]string{
		{store.TimeKey(now.Add(presignLongLived)), ""},
		{store.TimeKey(now), store.TimeKey(now.Add(presignLongLived))}, // per-build certificates, mostly
	} {
		if err := c.presignSpan(ctx, span[0], span[1]); err != nil {
			return fmt.Errorf("sign OCSP answers ahead: %w", err)
		}
	}
	return nil
}

// presignSpan signs for certificates by their end.
func (c *CA) presignSpan(ctx context.Context, from, to string) error {
	for {
		type due struct{ serial, issuer string }
		var page []due
		last := ""
		err := c.store.View(ctx, func(r store.Reader) error {
			page, last = nil, ""
			for entry, err := range store.Certificates.Entries(r, "not_after", from, to) {
				if err != nil {
					return err
				}
				cert, err := store.Certificates.Get(r, entry.Key)
				if err != nil {
					return err
				}
				page, last = append(page, due{cert.Serial, cert.IssuingCA()}), entry.Value+"\x1f"+entry.Key // as index keys are made
				if len(page) == presignPage {
					break
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, d := range page {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := c.presign(ctx, d.issuer, d.serial); err != nil {
				return err
			}
		}
		if len(page) < presignPage || c.answers.Full() {
			return nil
		}
		from = last
	}
}

// presign keeps the answer to what RFC 5019 §2.1 clients ask: issuers by SHA-1.
func (c *CA) presign(ctx context.Context, issuer, serial string) error {
	t, ok := c.issuing(issuer)
	number, isHex := new(big.Int).SetString(serial, 16)
	if !ok || !isHex {
		return nil // of an issuing CA that is no more
	}
	form := ocsp.Form{Hash: crypto.SHA1, Null: true}
	key := ocsp.Key{Issuer: issuer, Serial: serial, Form: form}
	if c.answers.ByKey(key, c.now().Add(presignAhead)) != nil {
		return nil
	}
	names := t.names[form.Hash]
	_, _, err := c.keepOCSP(ctx, t, ocsp.CertID{Hash: form.Hash, Null: form.Null, NameHash: names[0], KeyHash: names[1], Serial: number}, key)
	return err
}

// responderOf returns the tier's responder, made anew when half its life is over, unless
// a new one could not last longer: it ends with its CA.
func (c *CA) responderOf(ctx context.Context, t *tier) (ocsp.Signer, error) {
	r := &t.responder
	r.mu.Lock()
	defer r.mu.Unlock()
	now := c.now().UTC()
	if r.cert != nil && now.After(r.cert.NotBefore) && now.Before(r.lasts(t)) {
		return ocsp.Signer{Cert: r.cert, Key: r.key}, nil
	}
	key, cert, err := c.newResponder(ctx, t, now)
	if err != nil {
		return ocsp.Signer{}, fmt.Errorf("OCSP responder: %w", err)
	}
	r.cert, r.key = cert, key
	return ocsp.Signer{Cert: cert, Key: key}, nil
}

// lasts is until when the responder is used.
func (r *responder) lasts(t *tier) time.Time {
	if !r.cert.NotAfter.Before(t.issuer.cert.NotAfter) {
		return r.cert.NotAfter
	}
	return r.cert.NotAfter.Add(-responderValidity / 2)
}

func (c *CA) newResponder(ctx context.Context, t *tier, now time.Time) (crypto.Signer, *x509.Certificate, error) {
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
	until := from.Add(responderValidity)
	if until.After(t.issuer.cert.NotAfter) {
		until = t.issuer.cert.NotAfter
	}
	template, err := render(p, key.Public(), templates.Values{
		CommonName: t.issuer.cert.Subject.CommonName + " OCSP", Organization: first(t.issuer.cert.Subject.Organization),
		Country: first(t.issuer.cert.Subject.Country),
	}, c.random, from, until)
	if err != nil {
		return nil, nil, err
	}
	cert, err := c.issueRecorded(ctx, t, template)
	return key, cert, err
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
