package ca

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/store"
)

// Request asks for a code-signing certificate.
type Request struct {
	Vendor     string           // store.Vendor.ID, as authenticated by the caller
	PublicKey  crypto.PublicKey // from CheckCSR, which proves possession; nil with SigningKey
	Claims     []Wanted         // none: everything in force
	Validity   time.Duration    // 0: as long as allowed; cut short where an assessment ends
	SigningKey string           // store.SigningKey.ID, when the service holds the key
	Profile    string           // templates.Validity.Name; "" is the default, up to 460 days
	Approval   string           // store.CertificateRequest.ID that an officer approved; "" looks for one about the key
	Replaces   string           // store.Certificate.Serial that this renews
	Rekey      bool             // with Replaces: and with another key
	// Attestation that hardware keeps the key, where the tier wants that and no officer
	// decides; where one does, it belongs to RequestApproval. May be nil.
	Attestation *Attestation
	By          string // who asks, for the record
	Way         string // api, step, build, …, for the record
	// Build names the one artifact that the certificate is for, see BuildName; "" when it
	// is for any. Its key is new, and it is short-lived: BuildValidity, unless Validity says.
	Build string
}

// Issued is a certificate, and it is on record.
type Issued struct {
	Certificate *x509.Certificate
	Chain       []*x509.Certificate // what a signature should carry beside it: the issuing CA, then cross-certificates, without the root
	Record      store.Certificate
	Claims      []ext.Claim // what its mark says
}

// recordTimeout bounds the last step, which goes on when the client hangs up: the
// key has been used by then, and giving up would leave an intent without a record.
const recordTimeout = 30 * time.Second

// Issue passes a request through the gate and issues. See the package's Order of
// issuing for what is durable when. The error is a *Refusal when the client can
// mend it; then, and after any other error, no certificate was given to anyone.
func (c *CA) Issue(ctx context.Context, req Request) (Issued, error) {
	now := c.now().UTC()
	if err := req.checkBuild(); err != nil {
		return Issued{}, fmt.Errorf("issue: %w", err)
	}
	key, err := c.requestKey(ctx, req)
	if err != nil {
		return Issued{}, fmt.Errorf("issue: %w", err)
	}
	spki := key.sha256
	if c.probes != nil {
		c.runProbes(ctx, req.Vendor)
	}
	req.PublicKey = key.public
	var g *grant
	var approval string
	err = c.store.View(ctx, func(r store.Reader) error {
		if g, err = c.gate(r, req.Vendor, req.Claims, now); err != nil {
			return err
		}
		if err := keyIsFree(r, spki, req.Vendor); err != nil {
			return err
		}
		approval, err = c.admit(r, req, g, spki, now)
		return err
	})
	if err == nil {
		req.Approval = approval
		err = c.requires.shorten(g, req, now)
	}
	if err != nil {
		return Issued{}, fmt.Errorf("issue: %w", err)
	}
	until, err := req.notAfter(g, now)
	if err != nil {
		return Issued{}, fmt.Errorf("issue: %w", err)
	}
	leave, err := g.tier.prepareLeaf(key, g, g.from, until)
	if err != nil {
		return Issued{}, fmt.Errorf("issue: %w", err)
	}
	intent := store.Intent{
		Serial: SerialKey(leave.cert.SerialNumber), Tier: g.tier.name, Vendor: req.Vendor, TBS: leave.tbs,
		Assessments: g.assessments, RequestedBy: req.By, Way: req.Way, At: now, Build: req.Build,
		Issuer: issuerField(g.tier),
	}
	err = c.store.Update(ctx, func(tx store.Tx) error {
		if err := claimKeyFor(tx, req, spki); err != nil {
			return err
		}
		return announce(tx, intent)
	})
	if err != nil {
		return Issued{}, fmt.Errorf("issue: record intent: %w", err)
	}
	cert, err := g.tier.issuer.sign(leave)
	if err != nil {
		return Issued{}, fmt.Errorf("issue: %w", err)
	}
	if !bytes.Equal(cert.RawTBSCertificate, intent.TBS) {
		return Issued{}, errors.New("issue: what was signed is not what was linted")
	}
	return c.record(ctx, req, g, cert, spki)
}

// announce makes the intent durable. A serial number that was ever announced or
// issued is refused: 96 random bits do not repeat, so the source is broken.
func announce(tx store.Tx, intent store.Intent) error {
	if _, err := store.Certificates.Get(tx, intent.Serial); !errors.Is(err, store.ErrNotFound) {
		if err == nil {
			err = store.ErrExists
		}
		return fmt.Errorf("serial number %s: %w", intent.Serial, err)
	}
	return store.Intents.Insert(tx, intent)
}

// probePatience bounds how long a request waits for probes. What they did not get to,
// the last run's outcome stands in for, and the gate knows how old that may be.
const probePatience = 30 * time.Second

func (c *CA) runProbes(ctx context.Context, vendor string) {
	ctx, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	if err := c.probes(ctx, vendor); err != nil {
		c.log.WarnContext(ctx, "probes could not be run", "vendor", vendor, "error", err)
	}
}

// record makes the certificate durable, after asking once more whether it may
// exist. Between gate and here an assessment can have been withdrawn; whoever
// withdrew it listed the certificates to revoke and could not see this one.
func (c *CA) record(ctx context.Context, req Request, g *grant, cert *x509.Certificate, spki string) (Issued, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	base := store.Certificate{
		Serial: SerialKey(cert.SerialNumber), Tier: g.tier.name, Issuer: issuerField(g.tier), Vendor: req.Vendor, DER: cert.Raw, SPKISHA256: spki,
		NotBefore: cert.NotBefore, NotAfter: cert.NotAfter, Assessments: g.assessments,
		SigningKey: req.SigningKey, IssuedAt: c.now().UTC(), RequestedBy: req.By, Build: req.Build,
		Profile: req.Profile, Request: req.Approval, Replaces: req.Replaces,
	}
	var rec store.Certificate
	var ended error
	event := store.NewEvent(base.IssuedAt, base.RequestedBy, "issue.certificate", base.Serial, issuedDetail(base))
	err := c.store.Update(ctx, func(tx store.Tx) error {
		rec = base
		var err error
		if ended, err = c.stillGood(tx, rec); err != nil {
			return err
		}
		if ended == nil {
			if ended, err = c.useApproval(tx, req, g, rec); err != nil {
				return err
			}
		}
		if ended != nil {
			rec.Revocation = &store.Revocation{
				At: rec.IssuedAt, RevocationDate: rec.NotBefore, Reason: ReasonPrivilegeWithdrawn,
				Note: ended.Error(), By: "ca",
			}
		}
		if err := store.Certificates.Insert(tx, rec); err != nil {
			return err
		}
		if err := logIssued(tx, rec, g.vendor.URI); err != nil {
			return err
		}
		if rec.Revocation != nil {
			if err := logRevoked(tx, rec, g.vendor.URI); err != nil {
				return err
			}
			if err := noteUnlisted(tx, rec); err != nil {
				return err
			}
		}
		return store.Events.Insert(tx, event)
	})
	if err != nil {
		return Issued{}, fmt.Errorf("issue: record certificate: %w", err)
	}
	if ended != nil {
		if err := c.PublishCRLs(ctx); err != nil {
			c.log.Error("publish CRL of a certificate that was never delivered", "serial", rec.Serial, "error", err)
		}
		return Issued{}, fmt.Errorf("issue: %w", ended)
	}
	return Issued{Certificate: cert, Chain: g.tier.chain, Record: rec, Claims: g.claims}, nil
}

// issuerField is how a certificate's record names its issuing CA: not at all where it
// is the tier's first.
func issuerField(t *tier) string {
	if t.issuer.name == t.name {
		return ""
	}
	return t.issuer.name
}

// stillGood returns why a certificate that has just been signed may not be
// delivered, or nil.
func (c *CA) stillGood(tx store.Tx, rec store.Certificate) (ended, err error) {
	if _, err := c.activeVendor(tx, rec.Vendor); err != nil {
		if IsRefusal(err) != nil {
			return err, nil
		}
		return nil, err
	}
	for _, err := range []error{keyIsFree(tx, rec.SPKISHA256, rec.Vendor), c.massCovered(tx, rec)} {
		if IsRefusal(err) != nil {
			return err, nil
		}
		if err != nil {
			return nil, err
		}
	}
	inForce, err := c.opener.InForce(tx, rec.Vendor, rec.IssuedAt)
	if err != nil {
		return nil, fmt.Errorf("assessments in force: %w", err)
	}
	for _, id := range rec.Assessments {
		if !slices.ContainsFunc(inForce, func(a store.Assessment) bool { return a.ID == id }) {
			return refuse(CodeAssessmentEnded, "ask again once another assessment is in force", "assessment %s ended while the certificate was being made", id), nil
		}
	}
	return nil, nil
}

// end returns notAfter: as asked, but never past what the grant allows.
func (g *grant) end(validity time.Duration, now time.Time) (time.Time, error) {
	switch {
	case validity == 0:
		return g.until, nil
	case validity < minValidity:
		return time.Time{}, refuse(CodeValidity, "", "a validity of %s is shorter than %s", validity, minValidity)
	case validity > MaxValidity+time.Second:
		return time.Time{}, refuse(CodeValidity, "ask for 460 days or less", "a validity of %s is longer than 460 days", validity)
	}
	if until := now.Add(validity); until.Before(g.until) {
		return until, nil
	}
	return g.until, nil
}

// requestedKey is a key to certify.
type requestedKey struct {
	public crypto.PublicKey
	spki   []byte // DER SubjectPublicKeyInfo
	sha256 string // of spki, lower-case hex
}

// requestKey returns the key to certify.
func (c *CA) requestKey(ctx context.Context, req Request) (requestedKey, error) {
	pub := req.PublicKey
	if req.SigningKey != "" {
		signer, err := c.vendorSigner(ctx, req.SigningKey, req.Vendor)
		if err != nil {
			return requestedKey{}, err
		}
		if pub == nil {
			pub = signer.Public()
		}
		if !samePublicKey(pub, signer.Public()) {
			return requestedKey{}, refuse(CodeBadRequest, "name one of the two", "the public key is not that of signing key %s", req.SigningKey)
		}
	}
	if err := CheckKey(pub); err != nil {
		return requestedKey{}, err
	}
	if err := c.blocked.check(pub); err != nil {
		return requestedKey{}, err
	}
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return requestedKey{}, fmt.Errorf("encode public key: %w", err)
	}
	key := requestedKey{public: pub, spki: der, sha256: hexSHA256(der)}
	if c.reserved[key.sha256] {
		return requestedKey{}, refuse(CodeKeyReserved, "make a key of your own", "the key is one of this CA's own")
	}
	return key, nil
}

func samePublicKey(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

// spkiSHA256 is the SHA-256 of the DER SubjectPublicKeyInfo in lower-case hex.
func spkiSHA256(pub crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return "", fmt.Errorf("encode public key: %w", err)
	}
	return hexSHA256(der), nil
}

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Leftovers lists intents that no certificate followed: a crash or a failed write
// came between. Their content was linted, may have been signed, and was given to
// nobody. Intents younger than age, if it is not zero, are left out: they may be under way.
func (c *CA) Leftovers(ctx context.Context, age time.Duration) ([]store.Intent, error) {
	var left []store.Intent
	err := c.store.View(ctx, func(r store.Reader) error {
		left = nil
		for intent, err := range store.Intents.All(r, "") {
			if err != nil {
				return err
			}
			if age > 0 && intent.At.After(c.now().Add(-age)) || intent.Way == wayResponder {
				continue
			}
			_, err := store.Certificates.Get(r, intent.Serial)
			if errors.Is(err, store.ErrNotFound) {
				left = append(left, intent)
			} else if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("leftover intents: %w", err)
	}
	return left, nil
}
