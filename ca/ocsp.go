package ca

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"time"

	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/templates"
	"golang.org/x/crypto/ocsp"
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

// ocspForm is how a request may name an issuer.
type ocspForm struct {
	hash crypto.Hash
	null bool
}

func ocspForms() []ocspForm {
	var forms []ocspForm
	for _, hash := range []crypto.Hash{crypto.SHA1, crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		forms = append(forms, ocspForm{hash, true}, ocspForm{hash, false})
	}
	return forms
}

// issuerNames are an issuing CA's name and key hashed, per algorithm.
type issuerNames map[crypto.Hash][2]string

func newIssuerNames(cert *x509.Certificate) (issuerNames, error) {
	bits, err := subjectKeyBits(cert)
	if err != nil {
		return nil, err
	}
	names := issuerNames{}
	for hash := range ocspHashes() {
		sum := func(b []byte) string { h := hash.New(); h.Write(b); return string(h.Sum(nil)) }
		names[hash] = [2]string{sum(cert.RawSubject), sum(bits)}
	}
	return names, nil
}

// OCSP answers a request, DER in and out (RFC 6960 §2). Every trouble is an answer
// too (malformedRequest, internalError, unauthorized for a CA that is not ours), so
// there is always something to send; the error is for the log.
//
// A serial number that was never issued is answered with unknown, not with the
// "revoked" that RFC 6960 §4.4.8 allows instead: nobody has revoked anything.
func (c *CA) OCSP(ctx context.Context, request []byte) ([]byte, error) {
	if a := c.answers.byRequest(request, c.now()); a != nil {
		return a.der, nil
	}
	der, _, _, err := c.answerOCSP(ctx, request)
	return der, err
}

// answerOCSP is the long way: it parses, and signs unless an answer is kept. What it
// returns beside the answer is set when the answer is kept under a key.
func (c *CA) answerOCSP(ctx context.Context, request []byte) (der []byte, kept *ocspAnswer, key ocspKey, err error) {
	req, err := parseOCSPRequest(request)
	if err != nil {
		return ocsp.MalformedRequestErrorResponse, nil, key, nil
	}
	t := c.issuerAsked(req)
	if t == nil {
		return ocsp.UnauthorizedErrorResponse, nil, key, nil
	}
	nonce := req.nonce
	if c.ocspNonce != OCSPNonceEcho {
		nonce = nil
	}
	if len(req.ids) > 1 || nonce != nil {
		der, err := c.signOCSP(ctx, t, req.ids, nonce)
		if err != nil {
			return ocsp.InternalErrorErrorResponse, nil, key, err
		}
		return der, nil, key, nil
	}
	key = ocspKey{t.issuer.name, SerialKey(req.ids[0].serial), ocspForm{req.ids[0].hash, req.ids[0].null}}
	if kept = c.answers.byKey(key, c.now()); kept == nil {
		if kept, der, err = c.keepOCSP(ctx, t, req.ids[0], key); err != nil {
			return ocsp.InternalErrorErrorResponse, nil, key, err
		}
		if kept == nil {
			return der, nil, key, nil
		}
	}
	if !req.extended && len(request) <= maxOCSPKeptRequestBytes {
		c.answers.link(string(request), key)
	}
	return kept.der, kept, key, nil
}

// issuerAsked finds the issuing CA that all of a request is about, or nil.
func (c *CA) issuerAsked(req ocspRequest) *tier {
	for _, t := range c.tiers {
		all := true
		for _, id := range req.ids {
			all = all && t.names[id.hash] == [2]string{id.nameHash, id.keyHash}
		}
		if all {
			return t
		}
	}
	return nil
}

// keepOCSP signs an answer and keeps it. Answers about numbers that were never issued
// are not kept, since anybody can make up any number of those.
func (c *CA) keepOCSP(ctx context.Context, t *tier, id certID, key ocspKey) (kept *ocspAnswer, der []byte, err error) {
	begun := c.answers.begin()
	single, err := c.status(ctx, t, id)
	if err != nil {
		return nil, nil, err
	}
	signer, err := c.responderOf(ctx, t)
	if err != nil {
		return nil, nil, err
	}
	if der, err = signer.respond([]ocspSingle{single}, nil, single.thisUpdate); err != nil || single.status == ocspUnknown {
		return nil, der, err
	}
	kept = newOCSPAnswer(der, single.thisUpdate, single.nextUpdate)
	c.answers.put(key, kept, begun)
	return kept, der, nil
}

// signOCSP makes an answer that is for one client alone.
func (c *CA) signOCSP(ctx context.Context, t *tier, ids []certID, nonce []byte) ([]byte, error) {
	singles := make([]ocspSingle, len(ids))
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
	return signer.respond(singles, nonce, singles[0].thisUpdate)
}

// status looks a serial number up.
func (c *CA) status(ctx context.Context, t *tier, id certID) (ocspSingle, error) {
	now := c.now().UTC().Truncate(time.Second)
	single := ocspSingle{id: id, status: ocspUnknown, thisUpdate: now, nextUpdate: now.Add(ocspValidity)}
	if id.serial.Sign() <= 0 {
		return single, nil
	}
	err := c.store.View(ctx, func(r store.Reader) error {
		cert, err := store.Certificates.Get(r, SerialKey(id.serial))
		if errors.Is(err, store.ErrNotFound) || err == nil && cert.IssuingCA() != t.issuer.name {
			single.status = ocspUnknown
			return nil
		}
		if err != nil {
			return err
		}
		single.status = ocspGood
		if rev := cert.Revocation; rev != nil {
			single.status, single.revokedAt, single.reason = ocspRevoked, rev.RevocationDate.UTC(), rev.Reason
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
		if len(page) < presignPage || c.answers.len() >= maxOCSPAnswers {
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
	form := ocspForm{crypto.SHA1, true}
	key := ocspKey{issuer, serial, form}
	if c.answers.byKey(key, c.now().Add(presignAhead)) != nil {
		return nil
	}
	names := t.names[form.hash]
	_, _, err := c.keepOCSP(ctx, t, certID{hash: form.hash, null: form.null, nameHash: names[0], keyHash: names[1], serial: number}, key)
	return err
}

// responderOf returns the tier's responder, made anew when half its life is over.
func (c *CA) responderOf(ctx context.Context, t *tier) (ocspSigner, error) {
	r := &t.responder
	r.mu.Lock()
	defer r.mu.Unlock()
	now := c.now().UTC()
	if r.cert != nil && now.After(r.cert.NotBefore) && now.Before(r.cert.NotAfter.Add(-responderValidity/2)) {
		return ocspSigner{r.cert, r.key}, nil
	}
	key, cert, err := c.newResponder(ctx, t, now)
	if err != nil {
		return ocspSigner{}, fmt.Errorf("OCSP responder: %w", err)
	}
	r.cert, r.key = cert, key
	return ocspSigner{cert, key}, nil
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
	template, err := render(p, key.Public(), templates.Values{
		CommonName: t.issuer.cert.Subject.CommonName + " OCSP", Organization: first(t.issuer.cert.Subject.Organization),
		Country: first(t.issuer.cert.Subject.Country),
	}, c.random, from, from.Add(responderValidity))
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
